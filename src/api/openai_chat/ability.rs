//! What cannot be done with Gemini's web app: refused where the answer would not be what was asked for, named as
//! ignored where it would only be less well steered.

use crate::{
    api::{
        json::{Object, Path},
        usual::unsupported,
    },
    error::Failure,
};

/// Refuses what would change the shape of the answer.
///
/// # Errors
/// [`UnsupportedParameter`](crate::error::Kind::UnsupportedParameter) for a valid wish,
/// [`InvalidRequest`](crate::error::Kind::InvalidRequest) or [`InvalidType`](crate::error::Kind::InvalidType) for one
/// that means nothing.
pub(super) fn refuse_impossible(fields: &mut Object<'_>) -> Result<(), Failure> {
    choices(fields)?;
    log_probabilities(fields)?;
    audio(fields)
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
