//! The `response_format` of a request.

use crate::{
    api::{
        json::{Object, Path},
        schema,
    },
    chat::OutputForm,
    error::Failure,
};

/// Reads the form of the answer.
///
/// # Errors
/// [`crate::error::Kind::MissingParameter`], [`crate::error::Kind::InvalidType`] or
/// [`crate::error::Kind::InvalidRequest`] with the path of the field at fault.
pub(super) fn read(fields: &mut Object<'_>) -> Result<OutputForm, Failure> {
    let Some(format) = fields.take(Path::root("response_format")) else {
        return Ok(OutputForm::Text);
    };
    let mut inner = format.object()?;
    let kind = inner.require(format.path().field("type"))?;
    match kind.string()?.as_str() {
        "text" => Ok(OutputForm::Text),
        "json_object" => Ok(OutputForm::JsonObject),
        "json_schema" => {
            let wanted = inner.require(format.path().field("json_schema"))?;
            schema::form(&mut wanted.object()?, wanted.path())
        }
        _ => Err(kind.invalid("must be one of text, json_object, json_schema")),
    }
}
