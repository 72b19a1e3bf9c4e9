//! The wire formats clients speak: one room each, one door for all of them.
//!
//! A format turns a body into a [`crate::chat::Request`], and the events of its answer into bytes. It knows no
//! sockets, no upstreams, no clock. [`Format`] is the only list of them: a new one is its own room, an arm there and
//! its rows in the table of routes.

pub mod anthropic_messages;
pub mod gemini_native;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_images;
pub mod openai_responses;
pub mod plain_chat;

mod escape;
mod fields;
mod files;
mod format;
mod json;
mod openai_error;
mod openai_models;
mod schema;
mod stop;
mod usual;

#[cfg(test)]
mod hostile;

pub use fields::{Field, Treatment};
pub use format::{Defaults, Format, Incoming, MediaForm, Meta, Purpose, Reply, Target};
pub use json::Type;
