//! The form of the answer: `text.format`.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Type, Value},
    },
    chat::{Json, JsonSchema, OutputForm},
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
    Ok((form(&format)?, Some(format.raw())))
}

fn form(format: &Value<'_, '_>) -> Result<OutputForm, Failure> {
    let mut fields = format.object()?;
    let kind = fields.require(format.path().field("type"))?;
    match kind.string()?.as_str() {
        "text" => Ok(OutputForm::Text),
        "json_object" => Ok(OutputForm::JsonObject),
        "json_schema" => Ok(OutputForm::JsonSchema(schema(&mut fields, format.path())?)),
        _ => Err(kind.invalid("must be one of text, json_object, json_schema")),
    }
}

/// Whether it is strict makes no difference: the answer is always held to its schema.
fn schema(fields: &mut Object<'_>, path: &Path<'_>) -> Result<JsonSchema, Failure> {
    if let Some(strict) = fields.take(path.field("strict")) {
        strict.expect(Type::Boolean)?;
    }
    let description = fields.take(path.field("description"));
    let schema = fields.require(path.field("schema"))?;
    schema.expect(Type::Object)?;
    Ok(JsonSchema {
        name: fields.require(path.field("name"))?.string()?,
        description: description.map(|text| text.string()).transpose()?,
        schema: Json::new(schema.raw()).map_err(|_| schema.invalid("must be nested at most 128 levels deep"))?,
    })
}
