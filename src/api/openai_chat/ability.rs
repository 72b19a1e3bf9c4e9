//! What cannot be done with Gemini's web app: refused where the answer would not be what was asked for, named as
//! ignored where it would only be less well steered.

use std::borrow::Cow;

use crate::api::fields::Ignored;
use crate::api::json::{Object, Path, Type, Value};
use crate::error::{Failure, Kind};

/// Refuses what would change the shape of the answer.
///
/// # Errors
/// [`Kind::UnsupportedParameter`] for a valid wish, [`Kind::InvalidRequest`] or [`Kind::InvalidType`] for one that means
/// nothing.
pub(super) fn refuse_impossible(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    choices(fields)?;
    log_probabilities(fields)?;
    audio(fields)?;
    tools(fields, "tools", "tool_choice", ignored)?;
    tools(fields, "functions", "function_call", ignored)
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
