//! Reads a completion request.

use std::borrow::Cow;

use super::FIELDS;
use crate::{
    api::{
        Defaults, Type,
        fields::name_ignored,
        json::{Object, Path, Value},
        stop,
        usual::{self, unsupported},
    },
    chat::{Message, Request, Role},
    error::Failure,
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
    let requested_model = usual::model(&mut fields, defaults)?;
    let text = prompt(&fields.require(Path::root("prompt"))?)?;
    let (stream, include_usage) = usual::streaming(&mut fields, &mut ignored)?;
    let echo = usual::switch(&mut fields, Path::root("echo"))?;
    refuse_impossible(&mut fields)?;
    let limit = fields.take(Path::root("max_tokens"));
    let mut request = Request {
        model: defaults.model(&requested_model),
        messages: vec![Message::text(Role::User, text.clone())],
        stop: stop::either(&mut fields)?,
        max_tokens: limit.map(|limit| usual::token_limit(&limit)).transpose()?,
        ..Request::default()
    };
    request.sampling = name_ignored(FIELDS, &mut fields, &mut ignored)?;
    Ok(Asked {
        request,
        requested_model,
        stream,
        include_usage,
        echo: if echo { text } else { String::new() },
        ignored,
    })
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

fn refuse_impossible(fields: &mut Object<'_>) -> Result<(), Failure> {
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
