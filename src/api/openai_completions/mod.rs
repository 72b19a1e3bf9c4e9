//! OpenAI's legacy completions: `POST /completions`, which some libraries and old scripts still ask for.
//!
//! The web app knows no bare completion: the prompt is one user message, byte for byte, and the answer is the text.

mod fields;
mod read;
mod reply;

use self::{fields::FIELDS, reply::CompletionReply};
use super::{Defaults, Incoming, Target, format::Wire};
use crate::error::Failure;

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "openai-completions",
    title: "OpenAI legacy completions",
    fields: FIELDS,
    read,
    ..Wire::OPENAI
};

/// Reads the body of a completion request.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is.
fn read(body: &[u8], _target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let asked = read::request(body, defaults)?;
    Ok(Incoming {
        request: asked.request,
        requested_model: asked.requested_model,
        stream: asked.stream,
        ignored: asked.ignored,
        reply: Box::new(CompletionReply::new(asked.include_usage, asked.echo)),
    })
}

#[cfg(test)]
mod tests;
