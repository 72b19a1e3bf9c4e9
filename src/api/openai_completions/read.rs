//! Reads a completion request.

use std::borrow::Cow;

use super::FIELDS;
use crate::{
    api::{
        Defaults, Type,
        fields::{Ignored, name_ignored, name_once},
        json::{Object, Path, Value},
        stop,
    },
    chat::{Message, Request, Role},
    error::{Failure, Kind},
};

/// A request as it came in.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) requested_model: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// What stands before the answer: the prompt, if the client wants it back.
    pub(super) echo: String,
    pub(super) ignored: Vec<Cow<'static, str>>,
}

/// Reads the body.
///
/// # Errors
/// With the path of the field at fault unless the body as a whole is. No message shows any of the body's texts.
pub(super) fn request(body: &[u8], defaults: &Defaults<'_>) -> Result<Asked, Failure> {
    let mut fields = Object::parse(body)?;
    let mut ignored = Vec::new();
    let requested_model = model(&mut fields, defaults)?;
    let text = prompt(&fields.require(Path::root("prompt"))?)?;
    let (stream, include_usage) = stream(&mut fields, &mut ignored)?;
    let echo = flag(&mut fields, "echo")?;
    refuse_impossible(&mut fields)?;
    let request = Request {
        model: defaults.model(&requested_model),
        messages: vec![Message::text(Role::User, text.clone())],
        stop: stops(&mut fields)?,
        max_tokens: max_tokens(&mut fields)?,
        ..Request::default()
    };
    name_ignored(FIELDS, &mut fields, &mut ignored)?;
    Ok(Asked {
        request,
        requested_model,
        stream,
        include_usage,
        echo: if echo { text } else { String::new() },
        ignored,
    })
}

fn model(fields: &mut Object<'_>, defaults: &Defaults<'_>) -> Result<String, Failure> {
    const MODEL: Path<'static> = Path::root("model");
    let named = fields.take(MODEL).map(|model| model.string()).transpose()?;
    named
        .filter(|name| !name.is_empty())
        .or_else(|| defaults.default_model.map(str::to_owned))
        .ok_or_else(|| MODEL.missing())
}

fn prompt(prompt: &Value<'_, '_>) -> Result<String, Failure> {
    const ONE: &str = "must be one text: several prompts, or tokens, cannot be served";
    match prompt.json_type() {
        Type::String => prompt.string(),
        Type::Array => match prompt.array()?.as_slice() {
            [only] => {
                let only = prompt.element(0, only);
                only.expect(Type::String).map_err(|_| prompt.invalid(ONE))?;
                only.string()
            }
            _ => Err(prompt.invalid(ONE)),
        },
        _ => Err(prompt.wrong_type("a string or an array of one")),
    }
}

fn stream(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(bool, bool), Failure> {
    let stream = flag(fields, "stream")?;
    let Some(options) = fields.take(Path::root("stream_options")) else {
        return Ok((stream, false));
    };
    if !stream {
        name_once("stream_options", ignored);
    }
    let include_usage = options.object()?.take(options.path().field("include_usage"));
    let include_usage = include_usage.map(|wanted| wanted.boolean()).transpose()?;
    Ok((stream, include_usage.unwrap_or_default()))
}

fn flag(fields: &mut Object<'_>, name: &'static str) -> Result<bool, Failure> {
    let set = fields.take(Path::root(name)).map(|flag| flag.boolean()).transpose()?;
    Ok(set.unwrap_or_default())
}

fn stops(fields: &mut Object<'_>) -> Result<Vec<String>, Failure> {
    let Some(stop) = fields.take(Path::root("stop")) else {
        return Ok(Vec::new());
    };
    match stop.json_type() {
        Type::String => stop::text(&stop),
        Type::Array => stop::texts(&stop),
        _ => Err(stop.wrong_type("a string or an array of strings")),
    }
}

fn max_tokens(fields: &mut Object<'_>) -> Result<Option<u64>, Failure> {
    let Some(limit) = fields.take(Path::root("max_tokens")) else {
        return Ok(None);
    };
    match u64::try_from(limit.integer()?) {
        Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
        _ => Err(limit.invalid("must be at least 1")),
    }
}

fn refuse_impossible(fields: &mut Object<'_>) -> Result<(), Failure> {
    let unsupported = |value: &Value<'_, '_>, why: &str| {
        let message = format!("'{}' cannot be served: {why}.", value.path());
        value.failure(Kind::UnsupportedParameter, message)
    };
    for name in ["n", "best_of"] {
        if let Some(count) = fields.take(Path::root(name))
            && count.integer()? != 1
        {
            return Err(unsupported(
                &count,
                "Gemini gives one answer per request. Send 1, or several requests",
            ));
        }
    }
    if let Some(suffix) = fields.take(Path::root("suffix"))
        && !suffix.string()?.is_empty()
    {
        return Err(unsupported(&suffix, "Gemini's web app cannot fill a gap. Leave it out"));
    }
    if let Some(count) = fields.take(Path::root("logprobs"))
        && count.integer()? != 0
    {
        return Err(unsupported(
            &count,
            "Gemini's web app does not tell the probabilities of tokens. Leave it out",
        ));
    }
    Ok(())
}
