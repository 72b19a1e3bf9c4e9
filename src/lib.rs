//! An authenticated gateway from OpenAI-compatible clients to the owner's own Gemini web session.
//!
//! # Layout
//! One request comes in and goes down this list; its answer comes back up.

pub mod api;
pub mod chat;
pub mod error;
/// An upstream of the project's own for the demo and the tests; no part of the way above.
pub mod standin;
pub mod upstream;
