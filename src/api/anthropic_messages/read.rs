//! Reads a request for a message.
//!
//! Every field is honoured, named as ignored, or refused with its path; none is dropped without a word. A field that
//! is `null` counts as absent, as the official client libraries send it so.

use std::borrow::Cow;

use super::{FIELDS, messages, tools, wish};
use crate::{
    api::{
        Defaults, Purpose,
        fields::name_ignored,
        json::{Object, Path},
        stop, usual,
    },
    chat::Request,
    error::Failure,
};

/// A request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// What is asked, in neutral words; its model is the name after aliases.
    pub(super) request: Request,
    /// The model as the client wrote it (or the default): any text, of any length.
    pub(super) requested_model: String,
    /// Whether the answer is to be streamed.
    pub(super) stream: bool,
    /// Whether the answer is to show the model's thoughts.
    pub(super) show_thinking: bool,
    /// Fields that were set and cannot act, each once, fit for a header: 1 to 64 characters of `A-Za-z0-9_.-`.
    pub(super) ignored: Vec<Cow<'static, str>>,
}

/// Reads the body of a request. To count its tokens `max_tokens` is not needed.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault, unless the body as a whole is. No message
/// shows any of the body's texts.
pub(super) fn request(body: &[u8], purpose: Purpose, defaults: &Defaults<'_>) -> Result<Asked, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();

    let requested_model = usual::model(&mut fields, defaults)?;
    let max_tokens = max_tokens(&mut fields, purpose)?;
    let system = match fields.take(Path::root("system")) {
        Some(system) => messages::system(&system, &mut ignored)?,
        None => None,
    };
    let conversation = messages::read(&fields.require(Path::root("messages"))?, &mut ignored)?;
    let stream = usual::switch(&mut fields, Path::root("stream"))?;
    let stop = match fields.take(Path::root("stop_sequences")) {
        Some(texts) => stop::texts(&texts)?,
        None => Vec::new(),
    };
    let tools = tools::read(&mut fields, &mut ignored)?;
    let wish = wish::read(&mut fields, &mut ignored)?;
    refuse_impossible(&mut fields)?;
    let sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    let request = Request {
        model: defaults.model(&requested_model),
        messages: system.into_iter().chain(conversation).collect(),
        stop,
        max_tokens,
        thinking: wish.thinking,
        tools,
        form: wish.form,
        sampling,
        ..Request::default()
    };
    Ok(Asked {
        request,
        requested_model,
        stream,
        show_thinking: wish.show_thinking,
        ignored,
    })
}

fn max_tokens(fields: &mut Object<'_>, purpose: Purpose) -> Result<Option<u64>, Failure> {
    const MAX_TOKENS: Path<'static> = Path::root("max_tokens");
    let limit = match purpose {
        Purpose::Answer => fields.require(MAX_TOKENS)?,
        Purpose::Count => match fields.take(MAX_TOKENS) {
            Some(limit) => limit,
            None => return Ok(None),
        },
    };
    usual::token_limit(&limit).map(Some)
}

/// Refuses what would make another answer of it than the one that was asked for.
fn refuse_impossible(fields: &mut Object<'_>) -> Result<(), Failure> {
    if let Some(servers) = fields.take(Path::root("mcp_servers"))
        && !servers.array()?.is_empty()
    {
        return Err(usual::unsupported(
            &servers,
            "the gateway calls no servers. Call them in the client, and offer what they do as tools with an \
             input_schema",
        ));
    }
    if let Some(thread) = fields.take(Path::root("thread")) {
        return Err(usual::unsupported(
            &thread,
            "nothing is stored. Send the whole conversation in 'messages'",
        ));
    }
    if let Some(place) = fields.take(Path::root("inference_geo"))
        && place.string()? != "global"
    {
        return Err(usual::unsupported(
            &place,
            "where Google answers cannot be chosen. Leave it out",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
