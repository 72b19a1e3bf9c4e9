//! The `input` of a request: a text, or items.

use std::collections::HashSet;

use super::{
    content, kept,
    tools::{Offered, joined},
};
use crate::{
    api::{
        fields::{Ignored, name_once},
        json::{Object, Path, Type, Value},
    },
    chat::{Message, Role, ToolCall},
    error::{Failure, Kind},
};

/// Reads all items, and adds the tools that some of them offer.
///
/// # Errors
/// With the path of the field at fault.
pub(super) fn read(
    input: &Value<'_, '_>,
    offered: &mut Offered,
    ignored: &mut Ignored,
) -> Result<Vec<Message>, Failure> {
    let items = match input.json_type() {
        Type::String => return Ok(vec![Message::text(Role::User, input.string()?)]),
        Type::Array => input.array()?,
        _ => return Err(input.wrong_type("a string or an array of items")),
    };
    let mut conversation = Conversation::default();
    for (index, raw) in items.into_iter().enumerate() {
        item(&input.element(index, raw), &mut conversation, offered, ignored)?;
    }
    if conversation.messages.is_empty() {
        return Err(input.invalid("must hold at least one message"));
    }
    Ok(conversation.messages)
}

/// What was read so far.
#[derive(Default)]
struct Conversation {
    messages: Vec<Message>,
    /// The items that were referred to. Each may be once, as at OpenAI: so the conversation is at most as long as the
    /// body and all that is remembered.
    recalled: HashSet<String>,
}

/// One item. Fields not read here (`id`, `status`, `phase` and the like) are what clients send back of earlier
/// answers, and say nothing the model has to know.
fn item(
    item: &Value<'_, '_>,
    conversation: &mut Conversation,
    offered: &mut Offered,
    ignored: &mut Ignored,
) -> Result<(), Failure> {
    let mut fields = item.object()?;
    let messages = &mut conversation.messages;
    let path = item.path();
    let kind = fields.take(path.field("type")).map(|kind| kind.string()).transpose()?;
    let has = |name: &str| fields.rest().any(|field| field == name);
    match kind.as_deref() {
        Some("message") => messages.push(message(&mut fields, path, ignored)?),
        Some("function_call") => called(messages, function_call(&mut fields, path)?),
        Some("custom_tool_call") => called(messages, call(&mut fields, path, "input")?),
        Some("function_call_output" | "custom_tool_call_output") => {
            messages.push(result(&mut fields, path, ignored)?);
        }
        Some("additional_tools") => offered.add(&fields.require(path.field("tools"))?, ignored)?,
        // Thoughts of earlier answers, and what OpenAI's own tools did: the answers that follow hold what came of it.
        Some("reasoning") => name_once("input.reasoning", ignored),
        Some("web_search_call" | "file_search_call" | "code_interpreter_call" | "image_generation_call") => {
            name_once("input.hosted_tool_call", ignored);
        }
        Some("item_reference") => reference(&mut fields, path, conversation, ignored)?,
        Some(_) => return Err(unknown(path)),
        // Only messages and references may leave their type out.
        None if has("role") || !has("id") => messages.push(message(&mut fields, path, ignored)?),
        None => reference(&mut fields, path, conversation, ignored)?,
    }
    Ok(())
}

fn message(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Message, Failure> {
    let role = fields.require(path.field("role"))?;
    let role = match role.string()?.as_str() {
        "developer" | "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(role.invalid("must be one of developer, system, user, assistant")),
    };
    let content = fields.require(path.field("content"))?;
    Ok(Message {
        role,
        parts: content::read(&content, role, ignored)?,
        tool_calls: Vec::new(),
        tool_call_id: None,
    })
}

/// Calls belong to the assistant's message before them, if there is one.
fn called(messages: &mut Vec<Message>, call: ToolCall) {
    if let Some(last) = messages.last_mut()
        && last.role == Role::Assistant
    {
        last.tool_calls.push(call);
        return;
    }
    messages.push(Message {
        role: Role::Assistant,
        parts: Vec::new(),
        tool_calls: vec![call],
        tool_call_id: None,
    });
}

fn function_call(fields: &mut Object<'_>, path: &Path<'_>) -> Result<ToolCall, Failure> {
    let namespace = fields.take(path.field("namespace"));
    let namespace = namespace.map(|namespace| namespace.string()).transpose()?;
    let mut call = call(fields, path, "arguments")?;
    call.name = joined(namespace.as_deref(), &call.name);
    Ok(call)
}

fn call(fields: &mut Object<'_>, path: &Path<'_>, arguments: &'static str) -> Result<ToolCall, Failure> {
    Ok(ToolCall {
        id: fields.require(path.field("call_id"))?.string()?,
        name: fields.require(path.field("name"))?.string()?,
        arguments: fields.require(path.field(arguments))?.string()?,
    })
}

fn result(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Message, Failure> {
    let id = fields.require(path.field("call_id"))?.string()?;
    let output = fields.require(path.field("output"))?;
    Ok(Message {
        role: Role::Tool,
        parts: content::read(&output, Role::Tool, ignored)?,
        tool_calls: Vec::new(),
        tool_call_id: Some(id),
    })
}

/// A reference to an item of an earlier answer. Thoughts are not needed again; anything else is.
fn reference(
    fields: &mut Object<'_>,
    path: &Path<'_>,
    conversation: &mut Conversation,
    ignored: &mut Ignored,
) -> Result<(), Failure> {
    let at = fields.require(path.field("id"))?;
    let id = at.string()?;
    if id.starts_with(super::items::THOUGHTS) {
        name_once("input.reasoning", ignored);
        return Ok(());
    }
    let Some(mut item) = kept::find(&id) else {
        return Err(at.failure(
            Kind::UnsupportedParameter,
            format!(
                "'{}' refers to an earlier answer that is not, or no longer, remembered here. Send the item itself: \
                 clients that send references do so when `store` is set to false.",
                at.path()
            ),
        ));
    };
    if !conversation.recalled.insert(id) {
        return Err(at.invalid("refers to an item that was referred to before"));
    }
    match item.tool_calls.pop() {
        Some(call) => called(&mut conversation.messages, call),
        None => conversation.messages.push(item),
    }
    Ok(())
}

fn unknown(path: &Path<'_>) -> Failure {
    let kind = path.field("type");
    kind.failure(
        Kind::UnsupportedParameter,
        format!(
            "'{kind}' is no item that can be taken here: send messages, function_call, custom_tool_call and their \
             outputs."
        ),
    )
}
