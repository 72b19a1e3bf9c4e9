//! Anthropic's Messages wire format: `POST /messages` and `POST /messages/count_tokens`.
//!
//! Bodies are written by hand into byte buffers: the shapes are few and fixed, the client libraries' accumulators
//! depend on single keys of them (the golden tests hold them still), and nothing can fail on the way.

pub mod error;

mod blocks;
mod fields;
mod messages;
mod read;
mod reply;
mod source;
mod tools;
mod wish;
mod write;

use bytes::Bytes;

use self::{fields::FIELDS, reply::MessagesReply};
use super::{Defaults, Incoming, Target, format::Wire};
use crate::error::Failure;

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "anthropic-messages",
    title: "Anthropic messages",
    fields: FIELDS,
    read,
    error_body: error::body,
    count: Some(count),
    request_id_header: Some("request-id"),
    ..Wire::OPENAI
};

/// Reads the body of a request for a message, or for the count of its tokens.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is. No message shows any of the body's texts.
fn read(body: &[u8], target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let asked = read::request(body, target.purpose, defaults)?;
    Ok(Incoming {
        reply: Box::new(MessagesReply::new(asked.show_thinking, asked.request.stop.clone())),
        request: asked.request,
        requested_model: asked.requested_model,
        stream: asked.stream,
        ignored: asked.ignored,
    })
}

/// The body that tells how many tokens a prompt has.
fn count(tokens: u64) -> Bytes {
    format!("{{\"input_tokens\":{tokens}}}").into()
}

#[cfg(test)]
mod tests;
