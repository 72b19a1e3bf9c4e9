//! The blocks that content consists of.

use super::source;
use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Type, Value},
        usual,
    },
    chat::{Message, Part, Role, ToolCall},
    error::{Failure, Kind},
};

/// What a block becomes.
#[derive(Debug)]
pub(super) enum Block {
    /// Something said or shown.
    Part(Part),
    /// A call of a tool; only in [`Place::Assistant`].
    Call(ToolCall),
    /// What a tool returned; only in [`Place::User`].
    Result(Message),
}

/// Where blocks stand, which decides what they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the system prompt, or in a system message.
    System,
    /// In a message of the user.
    User,
    /// In a message of the assistant.
    Assistant,
    /// In the result of a tool.
    Outcome,
    /// In a document made of blocks, which holds none of its own: so blocks are never nested deeper than this.
    Document,
    /// In what a search found.
    Found,
}

impl Place {
    /// Where it is, as the names of ignored fields begin.
    fn name(self) -> &'static str {
        match self {
            Place::System => "system",
            _ => "messages",
        }
    }

    fn takes_images(self) -> bool {
        self.takes_documents() || self == Place::Document
    }

    fn takes_documents(self) -> bool {
        matches!(self, Place::User | Place::Outcome)
    }
}

/// Reads an array of blocks, and names what was set in them and cannot act.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault.
pub(super) fn read(blocks: &Value<'_, '_>, place: Place, ignored: &mut Ignored) -> Result<Vec<Block>, Failure> {
    let items = blocks.array()?;
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        block(&blocks.element(index, item), place, &mut read, ignored)?;
    }
    Ok(read)
}

/// What is said inside a block: a text, or blocks. Nothing but parts can come of it.
///
/// # Errors
/// As for [`read`].
pub(super) fn inside(content: &Value<'_, '_>, place: Place, ignored: &mut Ignored) -> Result<Vec<Part>, Failure> {
    if content.json_type() == Type::String {
        return Ok(vec![Part::Text(content.string()?)]);
    }
    if content.json_type() != Type::Array {
        return Err(content.wrong_type("a string or an array of blocks"));
    }
    let part = |block| match block {
        Block::Part(part) => Some(part),
        Block::Call(_) | Block::Result(_) => None,
    };
    Ok(read(content, place, ignored)?.into_iter().filter_map(part).collect())
}

fn block(block: &Value<'_, '_>, place: Place, out: &mut Vec<Block>, ignored: &mut Ignored) -> Result<(), Failure> {
    let mut fields = block.object()?;
    let path = block.path();
    let kind = fields.require(path.field("type"))?;
    match kind.string()?.as_str() {
        "text" => out.push(text(&mut fields, path)?),
        "image" if place.takes_images() => out.push(Block::Part(source::image(&mut fields, path, ignored)?)),
        "document" if place.takes_documents() => {
            let parts = source::document(&mut fields, path, ignored)?;
            out.extend(parts.into_iter().map(Block::Part));
        }
        "search_result" if place.takes_documents() => out.push(search_result(&mut fields, path, ignored)?),
        "tool_result" if place == Place::User => out.push(result(&mut fields, path, ignored)?),
        "tool_use" if place == Place::Assistant => out.push(call(&mut fields, path)?),
        "thinking" | "redacted_thinking" if place == Place::Assistant => {
            name_once("messages.thinking", ignored);
            return Ok(());
        }
        served if place == Place::Assistant && is_of_a_server_tool(served) => {
            name_once("messages.server_tool_use", ignored);
            return Ok(());
        }
        known if is_known(known) => return Err(kind.failure(Kind::UnsupportedParameter, misplaced(path, place))),
        _ => {
            let rule = "is no known type of block. Send text, image, document, search_result, tool_use or tool_result";
            return Err(kind.invalid(rule));
        }
    }
    name_rest(place.name(), &fields, ignored);
    Ok(())
}

/// What Anthropic's servers did in an earlier turn: of no use to another model, and its results are often sealed.
fn is_of_a_server_tool(kind: &str) -> bool {
    matches!(kind, "server_tool_use" | "mcp_tool_use") || (kind.ends_with("_tool_result") && kind != "tool_result")
}

fn is_known(kind: &str) -> bool {
    const KNOWN: [&str; 11] = [
        "image",
        "document",
        "search_result",
        "tool_use",
        "tool_result",
        "thinking",
        "redacted_thinking",
        "container_upload",
        "compaction",
        "tool_reference",
        "browser_state",
    ];
    KNOWN.contains(&kind) || is_of_a_server_tool(kind)
}

fn misplaced(path: &Path<'_>, place: Place) -> String {
    let taken = match place {
        Place::System => "text",
        Place::User => "text, image, document, search_result and tool_result",
        Place::Assistant => "text and tool_use",
        Place::Outcome => "text, image, document and search_result",
        Place::Document => "text and image",
        Place::Found => "text",
    };
    format!("'{path}' cannot be served: here the gateway takes only {taken}. Leave it out.")
}

fn text(fields: &mut Object<'_>, path: &Path<'_>) -> Result<Block, Failure> {
    let text = fields.require(path.field("text"))?.string()?;
    Ok(Block::Part(Part::Text(text)))
}

/// Title and source stand above what was found there.
fn search_result(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Block, Failure> {
    let mut lines = vec![
        fields.require(path.field("title"))?.string()?,
        fields.require(path.field("source"))?.string()?,
    ];
    let content = fields.require(path.field("content"))?;
    for part in inside(&content, Place::Found, ignored)? {
        if let Part::Text(text) = part {
            lines.push(text);
        }
    }
    Ok(Block::Part(Part::Text(lines.join("\n"))))
}

fn call(fields: &mut Object<'_>, path: &Path<'_>) -> Result<Block, Failure> {
    let id = fields.require(path.field("id"))?.string()?;
    let name = fields.require(path.field("name"))?.string()?;
    let input = fields.require(path.field("input"))?;
    input.expect(Type::Object)?;
    Ok(Block::Call(ToolCall {
        id,
        name,
        arguments: input.raw().to_owned(),
    }))
}

fn result(fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<Block, Failure> {
    /// The model has to be told in words that a call failed: there is no other place for it.
    const FAILED: &str = "The tool call failed:";
    let id = fields.require(path.field("tool_use_id"))?.string()?;
    let failed = usual::switch(fields, path.field("is_error"))?;
    let returned = match fields.take(path.field("content")) {
        Some(content) => inside(&content, Place::Outcome, ignored)?,
        None => Vec::new(),
    };
    let mut parts = Vec::new();
    if failed {
        parts.push(Part::Text(FAILED.to_owned()));
    }
    parts.extend(returned);
    if parts.is_empty() {
        parts.push(Part::Text(String::new()));
    }
    Ok(Block::Result(Message {
        role: Role::Tool,
        parts,
        tool_calls: Vec::new(),
        tool_call_id: Some(id),
    }))
}
