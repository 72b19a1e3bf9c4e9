//! What cannot be done: refused where the answer would not be what was asked for.

use crate::{
    api::{
        fields::{Ignored, name_once},
        json::{Object, Path},
        usual::unsupported,
    },
    error::{Failure, Kind},
};

/// Refuses what would change the answer, and names what would only ask for more of it.
///
/// # Errors
/// [`Kind::PreviousResponseNotFound`], [`Kind::UnsupportedParameter`] for a valid wish, [`Kind::InvalidRequest`] or
/// [`Kind::InvalidType`] for one that means nothing.
pub(super) fn impossible(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    earlier_answers(fields)?;
    for (name, why) in [
        (
            "conversation",
            "no conversations are kept. Send the whole conversation as input",
        ),
        (
            "prompt",
            "no prompts are kept. Send the text itself as instructions and input",
        ),
    ] {
        if let Some(value) = fields.take(Path::root(name)) {
            return Err(unsupported(&value, why));
        }
    }
    if let Some(background) = fields.take(Path::root("background"))
        && background.boolean()?
    {
        return Err(unsupported(
            &background,
            "answers are not kept, so none can be fetched later. Leave it out",
        ));
    }
    probabilities(fields)?;
    include(fields, ignored)?;
    truncation(fields, ignored)
}

fn earlier_answers(fields: &mut Object<'_>) -> Result<(), Failure> {
    if let Some(earlier) = fields.take(Path::root("previous_response_id")) {
        earlier.string()?;
        return Err(earlier.failure(
            Kind::PreviousResponseNotFound,
            "'previous_response_id' names an earlier answer, and this gateway keeps none. Send the whole conversation \
             as input.",
        ));
    }
    Ok(())
}

const NO_PROBABILITIES: &str = "Gemini's web app does not tell the probabilities of tokens. Leave it out";

fn probabilities(fields: &mut Object<'_>) -> Result<(), Failure> {
    match fields.take(Path::root("top_logprobs")) {
        Some(count) if count.integer()? != 0 => Err(unsupported(&count, NO_PROBABILITIES)),
        _ => Ok(()),
    }
}

fn include(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    let Some(include) = fields.take(Path::root("include")) else {
        return Ok(());
    };
    for (index, item) in include.array()?.into_iter().enumerate() {
        let item = include.element(index, item);
        if item.string()? == "message.output_text.logprobs" {
            return Err(unsupported(&item, NO_PROBABILITIES));
        }
        name_once("include", ignored);
    }
    Ok(())
}

/// Nothing is ever cut out of a conversation to make it fit.
fn truncation(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
    let Some(truncation) = fields.take(Path::root("truncation")) else {
        return Ok(());
    };
    match truncation.string()?.as_str() {
        "disabled" => {}
        "auto" => name_once("truncation", ignored),
        _ => return Err(truncation.invalid("must be auto or disabled")),
    }
    Ok(())
}
