//! The form of the answer: `text.format`.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Type, Value},
        schema,
    },
    chat::OutputForm,
    error::Failure,
};

/// Reads `text`; gives the form, and `text.format` as it stands in the body.
///
/// # Errors
/// With the path of the field at fault.
pub(super) fn read<'a>(
    fields: &mut Object<'a>,
    ignored: &mut Ignored,
) -> Result<(OutputForm, Option<&'a str>), Failure> {
    let Some(text) = fields.take(Path::root("text")) else {
        return Ok((OutputForm::Text, None));
    };
    let mut inner = text.object()?;
    if let Some(verbosity) = inner.take(text.path().field("verbosity")) {
        verbosity.expect(Type::String)?;
        name_once("text.verbosity", ignored);
    }
    let format = inner.take(text.path().field("format"));
    name_rest("text", &inner, ignored);
    let Some(format) = format else {
        return Ok((OutputForm::Text, None));
    };
    Ok((form(&format, ignored)?, Some(format.raw())))
}

fn form(format: &Value<'_, '_>, ignored: &mut Ignored) -> Result<OutputForm, Failure> {
    let mut fields = format.object()?;
    let path = format.path();
    let kind = fields.require(path.field("type"))?;
    let form = match kind.string()?.as_str() {
        "text" => OutputForm::Text,
        "json_object" => OutputForm::JsonObject,
        "json_schema" => match schema::form(&mut fields, path)? {
            // Unlike in chat completions it cannot be left out.
            OutputForm::JsonObject => return Err(path.field("schema").missing()),
            form => form,
        },
        _ => return Err(kind.invalid("must be one of text, json_object, json_schema")),
    };
    name_rest("text.format", &fields, ignored);
    Ok(form)
}
