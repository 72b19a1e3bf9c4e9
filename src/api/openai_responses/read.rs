//! Reads a request for a response.
//!
//! Every field is honoured, named as ignored, or refused with its path; none is dropped without a word. A field that
//! is `null` counts as absent, as the official client libraries send it so.

use std::borrow::Cow;

use super::{
    FIELDS, choice,
    echo::{Echo, Echoed},
    input, refuse, text,
    tools::{Name, Offered},
};
use crate::{
    api::{
        Defaults,
        fields::{Ignored, name_ignored, name_once, name_rest},
        json::{Object, Path, Type},
        usual,
    },
    chat::{Message, Request, Role, ThinkingLevel},
    error::Failure,
};

/// A request as it came in.
#[derive(Debug)]
pub(super) struct Asked {
    /// What is asked, in neutral words; its model is the name after aliases.
    pub(super) request: Request,
    /// The model as the client wrote it (or the default): any text, of any length.
    pub(super) requested_model: String,
    /// Whether the answer is to be streamed.
    pub(super) stream: bool,
    /// Fields that were set and cannot act, each once, fit for a header.
    pub(super) ignored: Vec<Cow<'static, str>>,
    /// What the response repeats of the request.
    pub(super) echo: Echo,
    /// Whether its items may be referred to later.
    pub(super) keep: bool,
    /// How calls of the tools are written.
    pub(super) names: Vec<Name>,
}

/// Reads the body of a request for a response.
///
/// # Errors
/// A failure of the client's side, with the path of the field at fault unless the body as a whole is. No message shows
/// any of the body's texts.
pub(super) fn request(body: &[u8], defaults: &Defaults<'_>) -> Result<Asked, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();

    let requested_model = usual::model(&mut fields, defaults)?;
    refuse::impossible(&mut fields, &mut ignored)?;
    let keep = store(&mut fields, &mut ignored)?;
    let mut echoed = Echoed::default();
    let mut offered = Offered::default();
    if let Some(tools) = fields.take(Path::root("tools")) {
        echoed.tools = Some(tools.raw());
        offered.add(&tools, &mut ignored)?;
    }
    let instructions = instructions(&mut fields, &mut echoed)?;
    let input = input::read(&fields.require(Path::root("input"))?, &mut offered, &mut ignored)?;
    let choice = fields.take(Path::root("tool_choice"));
    echoed.tool_choice = choice.map(|choice| choice.raw());
    if let Some(parallel) = fields.take(Path::root("parallel_tool_calls")) {
        echoed.parallel = parallel.boolean()?;
    }
    let (tools, names) = choice::toolbox(choice, echoed.parallel, offered, &mut ignored)?;
    let (form, format) = text::read(&mut fields, &mut ignored)?;
    echoed.format = format;
    metadata(&mut fields, &mut echoed)?;
    echoed.max_output_tokens = max_output_tokens(&mut fields)?;
    let mut request = Request {
        model: defaults.model(&requested_model),
        messages: instructions.into_iter().chain(input).collect(),
        stop: Vec::new(),
        max_tokens: echoed.max_output_tokens,
        thinking: reasoning(&mut fields, &mut echoed, &mut ignored)?,
        tools,
        form,
        ..Request::default()
    };
    let stream = stream(&mut fields, &mut ignored)?;
    request.sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    Ok(Asked {
        request,
        requested_model,
        stream,
        ignored,
        echo: Echo::new(&echoed),
        keep,
        names,
    })
}

/// Whether later requests may refer to this answer's items, which they may unless it is forbidden. To fetch an answer
/// is what cannot be had, so a client that asks for that by name is told.
fn store(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<bool, Failure> {
    let Some(store) = fields.take(Path::root("store")) else {
        return Ok(true);
    };
    let wanted = store.boolean()?;
    if wanted {
        name_once("store", ignored);
    }
    Ok(wanted)
}

fn instructions<'a>(fields: &mut Object<'a>, echoed: &mut Echoed<'a>) -> Result<Option<Message>, Failure> {
    let Some(instructions) = fields.take(Path::root("instructions")) else {
        return Ok(None);
    };
    let text = instructions.string()?;
    echoed.instructions = Some(instructions.raw());
    Ok((!text.is_empty()).then(|| Message::text(Role::System, text)))
}

fn metadata<'a>(fields: &mut Object<'a>, echoed: &mut Echoed<'a>) -> Result<(), Failure> {
    if let Some(metadata) = fields.take(Path::root("metadata")) {
        metadata.expect(Type::Object)?;
        echoed.metadata = Some(metadata.raw());
    }
    Ok(())
}

fn max_output_tokens(fields: &mut Object<'_>) -> Result<Option<u64>, Failure> {
    let limit = fields.take(Path::root("max_output_tokens"));
    limit.map(|limit| usual::token_limit(&limit)).transpose()
}

/// Gemini's web app knows two levels of effort, and its thoughts come in one length. What asks for less effort than
/// usual gets the usual one, and is told.
fn reasoning(
    fields: &mut Object<'_>,
    echoed: &mut Echoed<'_>,
    ignored: &mut Ignored,
) -> Result<Option<ThinkingLevel>, Failure> {
    let Some(reasoning) = fields.take(Path::root("reasoning")) else {
        return Ok(None);
    };
    let mut inner = reasoning.object()?;
    let path = reasoning.path();
    for (field, name) in [
        ("summary", "reasoning.summary"),
        ("generate_summary", "reasoning.generate_summary"),
    ] {
        let Some(summary) = inner.take(path.field(field)) else {
            continue;
        };
        match summary.string()?.as_str() {
            "auto" => echoed.summary = Some("auto"),
            "none" => {}
            "concise" | "detailed" => name_once(name, ignored),
            _ => return Err(summary.invalid("must be one of auto, concise, detailed")),
        }
    }
    let effort = inner.take(path.field("effort"));
    name_rest("reasoning", &inner, ignored);
    let Some(effort) = effort else {
        return Ok(None);
    };
    let (level, told) = match effort.string()?.as_str() {
        "none" | "minimal" | "low" => {
            name_once("reasoning.effort", ignored);
            (ThinkingLevel::Standard, None)
        }
        "medium" => (ThinkingLevel::Standard, Some("medium")),
        "high" => (ThinkingLevel::Extended, Some("high")),
        "xhigh" => (ThinkingLevel::Extended, Some("xhigh")),
        "max" => (ThinkingLevel::Extended, Some("max")),
        _ => return Err(effort.invalid("must be one of none, minimal, low, medium, high, xhigh, max")),
    };
    echoed.effort = told;
    Ok(Some(level))
}

/// Streams are never padded against those who measure their pieces.
fn stream(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<bool, Failure> {
    let stream = usual::switch(fields, Path::root("stream"))?;
    let Some(options) = fields.take(Path::root("stream_options")) else {
        return Ok(stream);
    };
    let mut inner = options.object()?;
    let padded = usual::switch(&mut inner, options.path().field("include_obfuscation"))?;
    if padded || inner.rest().next().is_some() {
        name_once("stream_options", ignored);
    }
    Ok(stream)
}

#[cfg(test)]
pub(super) mod tests;
