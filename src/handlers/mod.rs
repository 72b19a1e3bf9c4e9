//! What answers each route.

pub(crate) mod chat;
pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod page;
mod pump;
mod turn;
