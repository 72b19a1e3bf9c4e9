//! The OpenAI responses wire format: `POST /responses`, what Codex and the AI SDK speak by default.
//!
//! The conversation is what the `input` holds. Items in it may refer to those of earlier answers, which are remembered
//! for a while (see the module `kept`), and to thoughts, which no later answer needs; nothing else is kept between requests.
//!
//! A stream that fails ends in two events: `error`, at which the client libraries raise, and `response.failed`, which
//! is what Codex reads. There is no `[DONE]`: no reader of this format waits for one.

mod choice;
mod content;
mod echo;
mod fields;
mod input;
mod items;
mod kept;
mod read;
mod refuse;
mod reply;
mod stream;
mod text;
mod tools;
mod write;

use self::{fields::FIELDS, reply::ResponsesReply};
use super::{Defaults, Incoming, Target, format::Wire};
use crate::error::Failure;

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "openai-responses",
    title: "OpenAI responses",
    fields: FIELDS,
    read,
    ..Wire::OPENAI
};

/// Reads the body of a request for a response.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is. No message shows any of the body's texts.
fn read(body: &[u8], _target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let asked = read::request(body, defaults)?;
    Ok(Incoming {
        request: asked.request,
        requested_model: asked.requested_model,
        stream: asked.stream,
        ignored: asked.ignored,
        reply: Box::new(ResponsesReply::new(asked.echo, asked.names, asked.keep)),
    })
}

#[cfg(test)]
mod tests;
