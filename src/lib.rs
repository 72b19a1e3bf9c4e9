//! An authenticated gateway from OpenAI-compatible clients to the owner's own Gemini web session.
//!
//! # Layout
//! One request comes in and goes down this list; its answer comes back up.

pub mod api;
pub mod chat;
pub mod error;
// Not on that way: the upstream of the demo and of the tests.
pub mod standin;
pub mod upstream;
