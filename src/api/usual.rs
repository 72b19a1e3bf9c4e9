//! What requests have in common in most formats.

use super::{
    Defaults,
    fields::{Ignored, name_once},
    json::{Object, Path, Value},
};
use crate::{
    chat::Tool,
    error::{Failure, Kind},
};

/// The model as the client names it, or the default.
///
/// # Errors
/// [`Kind::MissingParameter`] when there is neither.
pub(in crate::api) fn model(fields: &mut Object<'_>, defaults: &Defaults<'_>) -> Result<String, Failure> {
    const MODEL: Path<'static> = Path::root("model");
    let named = text(fields, MODEL)?;
    named
        .filter(|name| !name.is_empty())
        .or_else(|| defaults.default_model.map(str::to_owned))
        .ok_or_else(|| MODEL.missing())
}

/// A text that may be left out.
///
/// # Errors
/// [`Kind::InvalidType`] or [`Kind::InvalidRequest`] unless it is one.
pub(in crate::api) fn text(fields: &mut Object<'_>, path: Path<'_>) -> Result<Option<String>, Failure> {
    fields.take(path).map(|text| text.string()).transpose()
}

/// A switch that may be left out, and is then off.
///
/// # Errors
/// [`Kind::InvalidType`] unless it is a boolean.
pub(in crate::api) fn switch(fields: &mut Object<'_>, path: Path<'_>) -> Result<bool, Failure> {
    fields.take(path).map_or(Ok(false), |switch| switch.boolean())
}

/// OpenAI's `stream` and `stream_options`: whether to stream, and whether to end that with usage. Streams are never
/// padded against those who measure their pieces.
///
/// # Errors
/// [`Kind::InvalidType`] for a field of the wrong type.
pub(in crate::api) fn streaming(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(bool, bool), Failure> {
    let stream = switch(fields, Path::root("stream"))?;
    let Some(options) = fields.take(Path::root("stream_options")) else {
        return Ok((stream, false));
    };
    let mut inner = options.object()?;
    let include_usage = switch(&mut inner, options.path().field("include_usage"))?;
    let padded = switch(&mut inner, options.path().field("include_obfuscation"))?;
    if !stream || padded || inner.rest().next().is_some() {
        name_once("stream_options", ignored);
    }
    Ok((stream, include_usage))
}

/// A limit on the tokens of an answer.
///
/// # Errors
/// [`Kind::InvalidType`] or [`Kind::InvalidRequest`] unless it is a whole number of at least 1.
pub(in crate::api) fn token_limit(limit: &Value<'_, '_>) -> Result<u64, Failure> {
    match u64::try_from(limit.integer()?) {
        Ok(tokens) if tokens > 0 => Ok(tokens),
        _ => Err(limit.invalid("must be at least 1")),
    }
}

/// A wish that is understood and cannot be met. `why` ends the sentence, and may add what to do instead.
pub(in crate::api) fn unsupported(value: &Value<'_, '_>, why: &str) -> Failure {
    let message = format!("'{}' cannot be served: {why}.", value.path());
    value.failure(Kind::UnsupportedParameter, message)
}

/// The longest name of a tool, in bytes. The formats' own limits are 64 and 128.
const MAX_TOOL_NAME: usize = 128;

/// The most tools of a request: some times what any agent offers.
const MAX_TOOLS: usize = 1_024;

/// Checks the full name of a further tool, which stands in `value`, or of which the last part does. OpenAI's own rule
/// has fewer characters; the names of many servers of tools have all of these.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a name that is none or is taken, and for one tool too many.
pub(in crate::api) fn tool_name(value: &Value<'_, '_>, name: &str, before: &[Tool]) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    if !(1..=MAX_TOOL_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(value.invalid(&format!(
            "must be 1 to {MAX_TOOL_NAME} characters of A-Z, a-z, 0-9, _, -, . and :"
        )));
    }
    if before.iter().any(|tool| tool.name == name) {
        return Err(value.invalid("is the name of an earlier tool: give each one of its own"));
    }
    if before.len() == MAX_TOOLS {
        return Err(value.invalid(&format!("is that of one tool too many: {MAX_TOOLS} can be offered")));
    }
    Ok(())
}
