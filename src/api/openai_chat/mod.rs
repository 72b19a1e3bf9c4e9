//! The OpenAI chat wire format: `POST /chat/completions`, `GET /models`, and the error body of every path.
//!
//! Bodies are written by hand into byte buffers: the shapes are few and fixed, client libraries depend on single
//! keys of them (the golden tests hold them still), and nothing can fail on the way.

pub mod error;
pub mod models;
pub mod read;
pub mod write;

mod ability;
mod escape;
mod json;
mod messages;

#[cfg(test)]
mod tests;
