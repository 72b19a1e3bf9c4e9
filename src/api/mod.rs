//! Client wire formats: each translates its bytes into [`crate::chat`] and back. Pure: no sockets, no clock.

pub mod openai_chat;
