//! What cannot be done with Gemini's web app: refused where the answer would not be what was asked for, named as
//! ignored where it would only be less well steered.

use std::borrow::Cow;

use super::json::{Object, Path, Type, Value};
use crate::error::{Failure, Kind};

type Ignored = Vec<Cow<'static, str>>;

/// Refuses what would change the shape of the answer.
///
/// # Errors
/// [`Kind::UnsupportedParameter`] for a valid wish, [`Kind::InvalidRequest`] or [`Kind::InvalidType`] for one that means
/// nothing.
pub(super) fn refuse_impossible(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    choices(fields)?;
    log_probabilities(fields)?;
    audio(fields)?;
    response_format(fields)?;
    tools(fields, "tools", "tool_choice", ignored)?;
    tools(fields, "functions", "function_call", ignored)
}

/// Fields that cannot act, and the type they have to be of. A wrong type shows a mistake in the client, which is
/// better told than passed over; where any type will do, OpenAI's own reference is vague or changes.
const WITHOUT_EFFECT: [(&str, Option<Type>); 19] = [
    ("temperature", Some(Type::Number)),
    ("top_p", Some(Type::Number)),
    ("presence_penalty", Some(Type::Number)),
    ("frequency_penalty", Some(Type::Number)),
    ("seed", Some(Type::Number)),
    ("logit_bias", Some(Type::Object)),
    ("parallel_tool_calls", Some(Type::Boolean)),
    ("store", Some(Type::Boolean)),
    ("user", None),
    ("safety_identifier", None),
    ("prompt_cache_key", None),
    ("prompt_cache_retention", None),
    ("prompt_cache_options", None),
    ("metadata", None),
    ("service_tier", None),
    ("verbosity", None),
    ("prediction", None),
    ("moderation", None),
    ("web_search_options", None),
];

/// The most unknown fields that are named, since the list goes into one header, and what stands for the others.
const MAX_UNKNOWN: usize = 16;
const AND_MORE: &str = "and-more";

/// Adds the names of all fields that are set and that nobody has taken: known ones first, then extensions of other
/// servers (`top_k`, `num_ctx`), as far as their names are fit for a header.
///
/// # Errors
/// [`Kind::InvalidType`] for a known field of the wrong type.
pub(super) fn name_ignored(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    for (name, expected) in WITHOUT_EFFECT {
        if let Some(value) = fields.take(Path::root(name)) {
            expected.map_or(Ok(()), |expected| value.expect(expected))?;
            ignored.push(Cow::Borrowed(name));
        }
    }
    let known = ignored.len();
    for name in fields.rest().filter(|name| is_plain(name)) {
        if ignored.iter().any(|earlier| earlier == name) {
            continue;
        }
        if ignored.len() == known + MAX_UNKNOWN {
            ignored.push(Cow::Borrowed(AND_MORE));
            break;
        }
        ignored.push(Cow::Owned(name.to_owned()));
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn choices(fields: &mut Object<'_>) -> Result<(), Failure> {
    let Some(n) = fields.take(Path::root("n")) else {
        return Ok(());
    };
    match n.integer()? {
        1 => Ok(()),
        2.. => Err(unsupported(
            &n,
            "Gemini gives one answer per request. Send n=1, or several requests",
        )),
        _ => Err(n.invalid("must be at least 1")),
    }
}

fn log_probabilities(fields: &mut Object<'_>) -> Result<(), Failure> {
    const WHY: &str = "Gemini's web app does not tell the probabilities of tokens. Leave it out";
    if let Some(wanted) = fields.take(Path::root("logprobs"))
        && wanted.boolean()?
    {
        return Err(unsupported(&wanted, WHY));
    }
    if let Some(count) = fields.take(Path::root("top_logprobs"))
        && count.integer()? != 0
    {
        return Err(unsupported(&count, WHY));
    }
    Ok(())
}

fn audio(fields: &mut Object<'_>) -> Result<(), Failure> {
    const WHY: &str = "answers are text only. Leave it out";
    if let Some(audio) = fields.take(Path::root("audio")) {
        return Err(unsupported(&audio, WHY));
    }
    let Some(modalities) = fields.take(Path::root("modalities")) else {
        return Ok(());
    };
    for (index, item) in modalities.array()?.into_iter().enumerate() {
        if modalities.element(index, item).string()? != "text" {
            return Err(unsupported(&modalities, WHY));
        }
    }
    Ok(())
}

fn response_format(fields: &mut Object<'_>) -> Result<(), Failure> {
    const LATER: &str = "this version of the gateway gives plain text only. \
        Leave it out, and ask for JSON in the prompt";
    let Some(format) = fields.take(Path::root("response_format")) else {
        return Ok(());
    };
    let mut inner = format.object()?;
    let kind = inner.require(format.path().field("type"))?;
    match kind.string()?.as_str() {
        "text" => Ok(()),
        "json_object" => Err(unsupported(&format, LATER)),
        "json_schema" => {
            let schema = inner.require(format.path().field("json_schema"))?;
            schema.expect(Type::Object)?;
            Err(unsupported(&format, LATER))
        }
        _ => Err(kind.invalid("must be one of text, json_object, json_schema")),
    }
}

/// Tools and their choice, or functions and theirs: the older form has other names and the same rules.
fn tools(
    fields: &mut Object<'_>,
    tools: &'static str,
    choice: &'static str,
    ignored: &mut Ignored,
) -> Result<(), Failure> {
    const LATER: &str = "this version of the gateway cannot call tools. \
        Leave them out, or forbid their use with the choice none";
    let choice = fields.take(Path::root(choice));
    let chosen = choice.map(|choice| Choice::read(&choice)).transpose()?;
    let offered = fields.take(Path::root(tools));
    let any_offered = match &offered {
        Some(offered) => !offered.array()?.is_empty(),
        None => false,
    };
    match (offered, choice, chosen) {
        (Some(_), _, Some(Choice::None)) if any_offered => ignored.push(Cow::Borrowed(tools)),
        (Some(offered), ..) if any_offered => return Err(unsupported(&offered, LATER)),
        (_, Some(choice), Some(Choice::Must)) => {
            return Err(choice.invalid(&format!("asks for a call, but there are no {tools}")));
        }
        _ => {}
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    None,
    Auto,
    Must,
}

impl Choice {
    fn read(choice: &Value<'_, '_>) -> Result<Self, Failure> {
        match choice.json_type() {
            Type::Object => Ok(Choice::Must),
            Type::String => match choice.string()?.as_str() {
                "none" => Ok(Choice::None),
                "auto" => Ok(Choice::Auto),
                "required" => Ok(Choice::Must),
                _ => Err(choice.invalid("must be none, auto, required or an object that names a tool")),
            },
            _ => Err(choice.wrong_type("a string or an object")),
        }
    }
}

fn unsupported(value: &Value<'_, '_>, why: &str) -> Failure {
    value.failure(
        Kind::UnsupportedParameter,
        format!("'{}' cannot be served: {why}.", value.path()),
    )
}
