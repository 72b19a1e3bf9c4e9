//! What answers each route.

pub(crate) mod count;
mod dry_run;
mod footnotes;
pub(crate) mod generate;
pub(crate) mod health;
mod markdown;
pub(crate) mod media;
pub(crate) mod metrics;
pub(crate) mod models;
pub(crate) mod page;
pub(crate) mod plain;
mod pump;
pub(crate) mod session;
mod turn;
