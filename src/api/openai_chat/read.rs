//! Reads a chat request.
//!
//! Every field is honoured, named as ignored, or refused with its path; none is dropped without a word. A field that
//! is `null` counts as absent, as the official client libraries send it so.

use std::borrow::Cow;

use super::{FIELDS, ability, form, messages, tools};
use crate::{
    api::{
        Defaults,
        fields::{Ignored, name_ignored},
        json::{Object, Path},
        stop, usual,
    },
    chat::{Request, ThinkingLevel},
    error::{Failure, Kind},
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
    /// Whether a streamed answer is to end with a usage chunk.
    pub(super) include_usage: bool,
    /// Whether tools are called functions, as before there were tools.
    pub(super) functions: bool,
    /// Fields that were set and cannot act, each once, fit for a header: 1 to 64 characters of `A-Za-z0-9_.-`.
    pub(super) ignored: Vec<Cow<'static, str>>,
}

/// Reads the body of a chat request.
///
/// # Errors
/// [`Kind::InvalidRequest`], [`Kind::InvalidType`], [`Kind::MissingParameter`] or [`Kind::UnsupportedParameter`], with
/// the path of the field at fault unless the body as a whole is. No message shows any of the body's texts, though one may
/// name the fields of a schema.
pub(super) fn request(body: &[u8], defaults: &Defaults<'_>) -> Result<Asked, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();

    let requested_model = usual::model(&mut fields, defaults)?;
    let messages = messages::read(&fields.require(Path::root("messages"))?, &mut ignored)?;
    let (stream, include_usage) = usual::streaming(&mut fields, &mut ignored)?;
    let wanted = tools::read(&mut fields, &mut ignored)?;
    let mut request = Request {
        model: defaults.model(&requested_model),
        messages,
        stop: stop::either(&mut fields)?,
        max_tokens: max_tokens(&mut fields, &mut ignored)?,
        thinking: thinking(&mut fields, &mut ignored)?,
        tools: wanted.toolbox,
        form: form::read(&mut fields, &mut ignored)?,
        ..Request::default()
    };
    ability::refuse_impossible(&mut fields)?;
    request.sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    Ok(Asked {
        request,
        requested_model,
        stream,
        include_usage,
        functions: wanted.functions,
        ignored,
    })
}

/// What of a request has to be read although its upstream understands the rest by itself.
pub(super) struct Outline {
    /// As in [`Asked`].
    pub(super) requested_model: String,
    /// As in [`Asked`].
    pub(super) stream: bool,
}

/// Reads the outline of a chat request.
///
/// # Errors
/// As [`request`], for these fields alone.
pub(super) fn outline(body: &[u8], defaults: &Defaults<'_>) -> Result<Outline, Failure> {
    let mut fields = Object::parse(body)?;
    Ok(Outline {
        requested_model: usual::model(&mut fields, defaults)?,
        stream: usual::switch(&mut fields, Path::root("stream"))?,
    })
}

/// The limit on visible tokens. Both names are in use; the newer one wins, and the older one then has no effect.
fn max_tokens(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<u64>, Failure> {
    let mut read = |name| {
        let limit = fields.take(Path::root(name));
        limit.map(|limit| usual::token_limit(&limit)).transpose()
    };
    let (newer, older) = (read("max_completion_tokens")?, read("max_tokens")?);
    if newer.is_some() && older.is_some() {
        ignored.push(Cow::Borrowed("max_tokens"));
    }
    Ok(newer.or(older))
}

/// Gemini's web app knows two levels. What asks for less than the usual one gets that, and is told.
fn thinking(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<ThinkingLevel>, Failure> {
    let Some(effort) = fields.take(Path::root("reasoning_effort")) else {
        return Ok(None);
    };
    match effort.string()?.as_str() {
        "none" | "minimal" | "low" => {
            ignored.push(Cow::Borrowed("reasoning_effort"));
            Ok(Some(ThinkingLevel::Standard))
        }
        "medium" => Ok(Some(ThinkingLevel::Standard)),
        "high" | "xhigh" | "max" => Ok(Some(ThinkingLevel::Extended)),
        _ => Err(effort.failure(
            Kind::InvalidRequest,
            "'reasoning_effort' must be one of none, minimal, low, medium, high, xhigh, max.",
        )),
    }
}

#[cfg(test)]
mod tests;
