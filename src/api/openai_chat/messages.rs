//! The `messages` of a request.

use super::parts;
use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Type, Value},
    },
    chat::{Message, Role, ToolCall},
    error::{Failure, Kind},
};

/// Reads all messages, and names what was set in them and cannot act, once for all messages: `messages.name`.
///
/// # Errors
/// [`Kind::MissingParameter`], [`Kind::InvalidType`] or [`Kind::InvalidRequest`] with the path of the field at fault,
/// and those of a file that cannot be taken.
pub(super) fn read(messages: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Vec<Message>, Failure> {
    let items = messages.array()?;
    if items.is_empty() {
        return Err(messages.invalid("must hold at least one message"));
    }
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| message(&messages.element(index, item), ignored))
        .collect()
}

/// One message. Fields of an assistant's that are not read here (`annotations`, `reasoning_content` and the like) are
/// what clients send back of earlier answers, and say nothing the model has to know.
fn message(message: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Message, Failure> {
    let mut fields = message.object()?;
    let path = message.path();
    let role = fields.require(path.field("role"))?;
    let read = match role.string()?.as_str() {
        "developer" | "system" => spoken(Role::System, &mut fields, path, ignored),
        "user" => spoken(Role::User, &mut fields, path, ignored),
        "assistant" => assistant(&mut fields, path, ignored),
        "tool" => {
            let id = fields.require(path.field("tool_call_id"))?.string()?;
            tool_result(id, &mut fields, path, ignored)
        }
        // The form before tools: the name of the function stands for the id of its call.
        "function" => {
            let id = fields.require(path.field("name"))?.string()?;
            tool_result(id, &mut fields, path, ignored)
        }
        _ => Err(role.invalid("must be one of developer, system, user, assistant, tool")),
    };
    // What a role has a use for is taken by now.
    without_effect(&mut fields, path.field("name"), "messages.name", ignored);
    if read.as_ref().is_ok_and(|message| message.role != Role::Assistant) {
        name_rest("messages", &fields, ignored);
    }
    read
}

fn spoken(role: Role, fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Message, Failure> {
    let content = fields.require(path.field("content"))?;
    let parts = parts::read(&content, role, ignored)?;
    if parts.is_empty() {
        return Err(content.invalid("must hold at least one part"));
    }
    Ok(Message {
        role,
        parts,
        tool_calls: Vec::new(),
        tool_call_id: None,
    })
}

fn tool_result(
    id: String,
    fields: &mut Object<'_>,
    path: &Path<'_>,
    ignored: &mut Ignored,
) -> Result<Message, Failure> {
    let mut message = spoken(Role::Tool, fields, path, ignored)?;
    message.tool_call_id = Some(id);
    Ok(message)
}

/// Names a field that is set and that nobody has taken.
fn without_effect(fields: &mut Object<'_>, path: Path<'_>, name: &'static str, ignored: &mut Ignored) {
    if fields.take(path).is_some() {
        name_once(name, ignored);
    }
}

fn assistant(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Message, Failure> {
    let refusal = path.field("refusal");
    // A refusal takes the place of the content in the answer it comes from.
    let said = fields.take(path.field("content")).or_else(|| fields.take(refusal));
    without_effect(fields, refusal, "messages.refusal", ignored);
    without_effect(fields, path.field("audio"), "messages.audio", ignored);
    let parts = said.map_or(Ok(Vec::new()), |content| {
        parts::read(&content, Role::Assistant, ignored)
    })?;
    let mut tool_calls = match fields.take(path.field("tool_calls")) {
        Some(calls) => tool_calls(&calls)?,
        None => Vec::new(),
    };
    if let Some(call) = fields.take(path.field("function_call")) {
        tool_calls.push(function(&call, None)?);
    }
    Ok(Message {
        role: Role::Assistant,
        parts,
        tool_calls,
        tool_call_id: None,
    })
}

fn tool_calls(calls: &Value<'_, '_>) -> Result<Vec<ToolCall>, Failure> {
    calls
        .array()?
        .into_iter()
        .enumerate()
        .map(|(index, item)| tool_call(&calls.element(index, item)))
        .collect()
}

fn tool_call(call: &Value<'_, '_>) -> Result<ToolCall, Failure> {
    let mut fields = call.object()?;
    let path = call.path();
    if let Some(kind) = fields.take(path.field("type"))
        && kind.string()? != "function"
    {
        return Err(kind.failure(
            Kind::UnsupportedParameter,
            format!("'{}' must be function.", kind.path()),
        ));
    }
    let id = fields.require(path.field("id"))?.string()?;
    function(&fields.require(path.field("function"))?, Some(id))
}

/// A called function; without an id, its name stands for it.
fn function(function: &Value<'_, '_>, id: Option<String>) -> Result<ToolCall, Failure> {
    let mut fields = function.object()?;
    let path = function.path();
    let name = fields.require(path.field("name"))?.string()?;
    let arguments = match fields.take(path.field("arguments")) {
        None => "{}".to_owned(),
        // Some clients send the object itself instead of its text.
        Some(arguments) if arguments.json_type() == Type::Object => arguments.raw().to_owned(),
        Some(arguments) => arguments.string()?,
    };
    Ok(ToolCall {
        id: id.unwrap_or_else(|| name.clone()),
        name,
        arguments,
    })
}
