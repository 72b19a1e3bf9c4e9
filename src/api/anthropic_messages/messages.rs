//! The `messages` of a request, and its `system`.

use super::blocks::{self, Block, Place};
use crate::{
    api::{
        fields::{Ignored, name_rest},
        json::{Type, Value},
    },
    chat::{Message, Part, Role},
    error::Failure,
};

/// Reads all messages. One of a client's can become several: the results of tools are messages of their own. And an
/// assistant's of which nothing is left (it held only thoughts) becomes none.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault.
pub(super) fn read(messages: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Vec<Message>, Failure> {
    let items = messages.array()?;
    let mut conversation = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        message(&messages.element(index, item), &mut conversation, ignored)?;
    }
    if conversation.is_empty() {
        return Err(messages.invalid("must hold at least one message that says something"));
    }
    Ok(conversation)
}

/// Reads the `system` field: a text, or blocks of text. None if it says nothing.
///
/// # Errors
/// As for [`read`].
pub(super) fn system(system: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Option<Message>, Failure> {
    let mut said = Vec::new();
    for block in content(system, Place::System, ignored)? {
        if let Block::Part(part) = block {
            said.push(part);
        }
    }
    let silent = said.iter().all(|part| part.as_text() == Some(""));
    Ok((!silent).then(|| spoken(Role::System, said)))
}

fn message(message: &Value<'_, '_>, conversation: &mut Vec<Message>, ignored: &mut Ignored) -> Result<(), Failure> {
    let mut fields = message.object()?;
    let path = message.path();
    let role = fields.require(path.field("role"))?;
    let said = fields.require(path.field("content"))?;
    match role.string()?.as_str() {
        "user" => turn(&said, Role::User, conversation, ignored)?,
        "system" => turn(&said, Role::System, conversation, ignored)?,
        "assistant" => conversation.extend(assistant(&said, ignored)?),
        _ => return Err(role.invalid("must be one of user, assistant, system")),
    }
    name_rest("messages", &fields, ignored);
    Ok(())
}

/// What a user or the application says, cut where the result of a tool stands in between.
fn turn(
    said: &Value<'_, '_>,
    role: Role,
    conversation: &mut Vec<Message>,
    ignored: &mut Ignored,
) -> Result<(), Failure> {
    let place = if role == Role::System {
        Place::System
    } else {
        Place::User
    };
    let blocks = content(said, place, ignored)?;
    if blocks.is_empty() {
        return Err(said.invalid("must hold at least one block"));
    }
    let mut parts = Vec::new();
    for block in blocks {
        match block {
            Block::Part(part) => parts.push(part),
            Block::Result(result) => {
                if !parts.is_empty() {
                    conversation.push(spoken(role, std::mem::take(&mut parts)));
                }
                conversation.push(result);
            }
            Block::Call(_) => {}
        }
    }
    if !parts.is_empty() {
        conversation.push(spoken(role, parts));
    }
    Ok(())
}

fn assistant(said: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Option<Message>, Failure> {
    let mut message = spoken(Role::Assistant, Vec::new());
    for block in content(said, Place::Assistant, ignored)? {
        match block {
            Block::Part(part) => message.parts.push(part),
            Block::Call(call) => message.tool_calls.push(call),
            Block::Result(_) => {}
        }
    }
    let silent = message.parts.is_empty() && message.tool_calls.is_empty();
    Ok((!silent).then_some(message))
}

/// A text, or blocks.
fn content(content: &Value<'_, '_>, place: Place, ignored: &mut Ignored) -> Result<Vec<Block>, Failure> {
    match content.json_type() {
        Type::String => Ok(vec![Block::Part(Part::Text(content.string()?))]),
        Type::Array => blocks::read(content, place, ignored),
        _ => Err(content.wrong_type("a string or an array of blocks")),
    }
}

fn spoken(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        parts,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}
