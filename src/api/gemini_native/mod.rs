//! Google's own wire format, as its official clients speak it: `/v1beta/models`, `:generateContent`,
//! `:streamGenerateContent` as server-sent events or as a JSON array, `:countTokens`, and the error body of these paths.
//!
//! Field names come in camel case and in snake case, since Google's JSON takes both; errors name what the client wrote.

mod error;
mod models;

mod args;
mod contents;
mod fields;
mod generation;
mod named;
mod parts;
mod read;
mod reply;
mod subset;
mod target;
mod tools;
mod write;

use bytes::Bytes;

use self::{fields::FIELDS, reply::GeminiReply};
use super::{Defaults, Incoming, Target, format::Wire};
use crate::error::Failure;

/// Its door.
pub(in crate::api) static WIRE: Wire = Wire {
    name: "gemini-native",
    title: "Google generateContent",
    fields: FIELDS,
    read,
    error_body: |failure, _request_id| error::body(failure),
    count: Some(count),
    key_in_query: true,
    models: models::list,
    model: models::one,
    ..Wire::OPENAI
};

/// Reads the body of a request to generate content, or to count its tokens.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is. No message shows any of the body's texts.
fn read(body: &[u8], target: &Target<'_>, defaults: &Defaults<'_>) -> Result<Incoming, Failure> {
    let asked = read::request(body, target, defaults)?;
    Ok(Incoming {
        request: asked.request,
        requested_model: asked.requested_model,
        stream: asked.delivery.is_stream(),
        ignored: asked.ignored,
        reply: Box::new(GeminiReply::new(asked.delivery, asked.include_thoughts)),
    })
}

/// The answer of `:countTokens`.
fn count(tokens: u64) -> Bytes {
    format!("{{\"totalTokens\":{tokens}}}").into()
}

#[cfg(test)]
mod tests;
