//! JSON schemas in requests.

use super::json::{Object, Path, Type, Value};
use crate::{
    chat::{Json, JsonSchema, OutputForm, Schema},
    error::{Failure, Kind},
};

/// Reads the JSON schema of a whole answer. It is kept as the client wrote it, since the order
/// of its fields says something to a model. Nothing is ever fetched for it.
///
/// # Errors
/// [`Kind::InvalidType`] unless it is an object, [`Kind::InvalidRequest`] when no value could be held against it: both
/// with the path of the schema, the message with the place in it.
pub(in crate::api) fn check(schema: &Value<'_, '_>) -> Result<Json, Failure> {
    schema.expect(Type::Object)?;
    let flawed = |flaw: String| {
        let message = format!("'{}' is not a JSON schema that can be used: {flaw}.", schema.path());
        schema.failure(Kind::InvalidRequest, message)
    };
    let json = Json::new(schema.raw())
        .map_err(|_| flawed("it is nested too deep, or a text in it is not valid Unicode".to_owned()))?;
    Schema::new(&json).map_err(flawed)?;
    Ok(json)
}

/// Reads the JSON schema of what a tool takes. One that no value could be held against is taken too: agents pass on what
/// others wrote, and one odd tool must not stop all of them. Its calls are then not checked, which the answer says.
///
/// # Errors
/// [`Kind::InvalidType`] unless it is an object, [`Kind::InvalidRequest`] when it is nested too deep to be read.
pub(in crate::api) fn of_tool(schema: &Value<'_, '_>) -> Result<Json, Failure> {
    schema.expect(Type::Object)?;
    Json::new(schema.raw()).map_err(|_| schema.invalid("must be nested at most 128 levels deep, in valid Unicode"))
}

/// The longest name of a schema that OpenAI takes.
const MAX_NAME: usize = 64;

/// Reads the form of an answer from the fields `name`, `description`, `schema` and `strict`, as both of OpenAI's
/// formats have them; `path` is that of the object they stand in. Without a schema any object will do. An answer is held
/// against the schema with `strict` and without: clients read it either way.
///
/// # Errors
/// With the path of the field at fault; see [`check`].
pub(in crate::api) fn form(fields: &mut Object<'_>, path: &Path<'_>) -> Result<OutputForm, Failure> {
    let named = fields.require(path.field("name"))?;
    let name = named.string()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(named.invalid(&format!("must have 1 to {MAX_NAME} characters of A-Za-z0-9_-")));
    }
    let description = fields.take(path.field("description"));
    let description = description.map(|text| text.string()).transpose()?;
    if let Some(strict) = fields.take(path.field("strict")) {
        strict.expect(Type::Boolean)?;
    }
    let Some(schema) = fields.take(path.field("schema")) else {
        return Ok(OutputForm::JsonObject);
    };
    Ok(OutputForm::JsonSchema(JsonSchema {
        name,
        description,
        schema: check(&schema)?,
    }))
}
