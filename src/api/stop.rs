//! Stop texts, as every format that has them bounds them.

use super::json::{Object, Path, Type, Value};
use crate::error::Failure;

/// More than OpenAI's four, because clients that cap the number do so for OpenAI's own hosts only.
const MAX_TEXTS: usize = 64;

/// The longest stop text, in bytes: a stream holds back as much as may still become one.
const MAX_BYTES: usize = 1_024;

/// The field `stop`, as OpenAI has it: one text or several.
///
/// # Errors
/// As for [`texts`].
pub(in crate::api) fn either(fields: &mut Object<'_>) -> Result<Vec<String>, Failure> {
    let Some(stop) = fields.take(Path::root("stop")) else {
        return Ok(Vec::new());
    };
    match stop.json_type() {
        Type::String => bounded(&stop, vec![stop.string()?]),
        Type::Array => texts(&stop),
        _ => Err(stop.wrong_type("a string or an array of strings")),
    }
}

/// The stop texts of an array, without empty ones.
///
/// # Errors
/// [`crate::error::Kind::InvalidType`] or [`crate::error::Kind::InvalidRequest`] with the path of the value at fault.
pub(in crate::api) fn texts(value: &Value<'_, '_>) -> Result<Vec<String>, Failure> {
    let items = value.array()?;
    if items.len() > MAX_TEXTS {
        return Err(value.invalid(&format!("must hold at most {MAX_TEXTS} texts")));
    }
    let text = |(index, item)| value.element(index, item).string();
    let texts: Result<Vec<String>, Failure> = items.into_iter().enumerate().map(text).collect();
    bounded(value, texts?)
}

fn bounded(value: &Value<'_, '_>, mut texts: Vec<String>) -> Result<Vec<String>, Failure> {
    if texts.iter().any(|text| text.len() > MAX_BYTES) {
        return Err(value.invalid(&format!("must hold no text of more than {MAX_BYTES} bytes")));
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}
