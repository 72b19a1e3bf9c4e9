//! The OpenAI chat wire format: `POST /chat/completions`, `GET /models`, and the error body of every path.
//!
//! Bodies are written by hand into byte buffers: the shapes are few and fixed, client libraries depend on single
//! keys of them (the golden tests hold them still), and nothing can fail on the way.

mod ability;
mod fields;
mod form;
mod messages;
mod parts;
mod read;
mod reply;
mod shown;
mod tools;
mod write;

use bytes::Bytes;

use self::{fields::FIELDS, reply::ChatReply};
use super::{Defaults, Incoming, Target, format::Wire};
use crate::{
    chat::{Dialect, Original, Request},
    error::Failure,
};

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "openai-chat",
    title: "OpenAI chat completions",
    fields: FIELDS,
    read,
    outline: Some((Dialect::OpenAiChat, outline)),
    ..Wire::OPENAI
};

/// Reads the body of a chat request.
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
        reply: Box::new(ChatReply::new(asked.include_usage, asked.functions)),
    })
}

/// Reads the model and whether to stream, and keeps the rest as it is.
///
/// # Errors
/// For a body that is no JSON object, and for these two.
fn outline(body: &Bytes, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let outline = read::outline(body, defaults)?;
    Ok(Incoming {
        request: Request {
            model: defaults.model(&outline.requested_model),
            original: Some(Original {
                dialect: Dialect::OpenAiChat,
                body: body.clone(),
                understood: false,
            }),
            ..Request::default()
        },
        requested_model: outline.requested_model,
        stream: outline.stream,
        ignored: Vec::new(),
        reply: Box::new(ChatReply::new(false, false)),
    })
}

#[cfg(test)]
mod tests;
