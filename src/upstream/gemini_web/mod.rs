//! The Gemini web app as an upstream, through the owner's own session.

pub mod prompt;
