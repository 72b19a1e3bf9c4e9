//! The `response_format` of a request.

use crate::{
    api::{
        fields::{Ignored, name_rest},
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
pub(super) fn read(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<OutputForm, Failure> {
    let Some(format) = fields.take(Path::root("response_format")) else {
        return Ok(OutputForm::Text);
    };
    let mut inner = format.object()?;
    let kind = inner.require(format.path().field("type"))?;
    let form = match kind.string()?.as_str() {
        "text" => OutputForm::Text,
        "json_object" => OutputForm::JsonObject,
        "json_schema" => {
            let wanted = inner.require(format.path().field("json_schema"))?;
            let mut fields = wanted.object()?;
            let form = schema::form(&mut fields, wanted.path())?;
            name_rest("response_format", &fields, ignored);
            form
        }
        _ => return Err(kind.invalid("must be one of text, json_object, json_schema")),
    };
    name_rest("response_format", &inner, ignored);
    Ok(form)
}
