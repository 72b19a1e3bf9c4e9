//! `generationConfig`: what the answer has to be like.

use super::{named::Fields, subset};
use crate::{
    api::{
        fields::{Ignored, name_once},
        json::Value,
        schema, stop,
    },
    chat::{Json, JsonSchema, OutputForm, Sampling, ThinkingLevel},
    error::{Failure, Kind},
};

/// What a client wants of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wishes {
    pub(super) stop: Vec<String>,
    pub(super) max_tokens: Option<u64>,
    pub(super) thinking: Option<ThinkingLevel>,
    pub(super) include_thoughts: bool,
    pub(super) form: OutputForm,
    pub(super) sampling: Sampling,
}

/// Reads `generationConfig`; without one, nothing is wanted.
///
/// # Errors
/// With the path of the field at fault.
pub(super) fn read(fields: &mut Fields<'_, '_>, ignored: &mut Ignored) -> Result<Wishes, Failure> {
    let Some(config) = fields.take("generationConfig") else {
        return Ok(Wishes::default());
    };
    let mut fields = Fields::of(&config)?;
    refuse_impossible(&mut fields)?;
    let (thinking, include_thoughts) = thinking(&mut fields, ignored)?;
    let mut wishes = Wishes {
        stop: match fields.take("stopSequences") {
            Some(stop) => stop::texts(&stop)?,
            None => Vec::new(),
        },
        max_tokens: max_tokens(&mut fields)?,
        thinking,
        include_thoughts,
        form: form(&mut fields)?,
        sampling: Sampling::default(),
    };
    wishes.sampling = fields.name_ignored("generationConfig.", ignored)?;
    Ok(wishes)
}

fn max_tokens(fields: &mut Fields<'_, '_>) -> Result<Option<u64>, Failure> {
    let Some(limit) = fields.take("maxOutputTokens") else {
        return Ok(None);
    };
    match u64::try_from(limit.integer()?) {
        Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
        _ => Err(limit.invalid("must be at least 1")),
    }
}

/// Refuses what would change the shape of the answer.
fn refuse_impossible(fields: &mut Fields<'_, '_>) -> Result<(), Failure> {
    const TEXT_ONLY: &str = "answers are text only. Leave it out";
    const NO_PROBABILITIES: &str = "Gemini's web app does not tell the probabilities of tokens. Leave it out";
    if let Some(count) = fields.take("candidateCount") {
        match count.integer()? {
            1 => {}
            2.. => {
                return Err(unsupported(
                    &count,
                    "Gemini's web app gives one answer per request. Ask for 1",
                ));
            }
            _ => return Err(count.invalid("must be at least 1")),
        }
    }
    if let Some(wanted) = fields.take("responseLogprobs")
        && wanted.boolean()?
    {
        return Err(unsupported(&wanted, NO_PROBABILITIES));
    }
    if let Some(count) = fields.take("logprobs")
        && count.integer()? != 0
    {
        return Err(unsupported(&count, NO_PROBABILITIES));
    }
    if let Some(speech) = fields.take("speechConfig") {
        return Err(unsupported(&speech, TEXT_ONLY));
    }
    if let Some(modalities) = fields.take("responseModalities") {
        for (index, item) in modalities.array()?.into_iter().enumerate() {
            if !modalities.element(index, item).string()?.eq_ignore_ascii_case("text") {
                return Err(unsupported(&modalities, TEXT_ONLY));
            }
        }
    }
    Ok(())
}

/// The level, and whether the thoughts are to be shown. Gemini's web app knows two levels: what asks for less than the
/// usual one gets that, and is told.
fn thinking(fields: &mut Fields<'_, '_>, ignored: &mut Ignored) -> Result<(Option<ThinkingLevel>, bool), Failure> {
    const LEVEL: &str = "generationConfig.thinkingConfig.thinkingLevel";
    const BUDGET: &str = "generationConfig.thinkingConfig.thinkingBudget";
    let Some(config) = fields.take("thinkingConfig") else {
        return Ok((None, false));
    };
    let mut fields = Fields::of(&config)?;
    let include = match fields.take("includeThoughts") {
        Some(include) => include.boolean()?,
        None => false,
    };
    let level = fields
        .take("thinkingLevel")
        .map(|level| named_level(&level))
        .transpose()?;
    let budget = fields
        .take("thinkingBudget")
        .map(|budget| budget_level(&budget))
        .transpose()?;
    let given = level.flatten().map(|wanted| (wanted, LEVEL));
    let other = budget.flatten().map(|wanted| (wanted, BUDGET));
    if given.is_some() && other.is_some() {
        name_once(BUDGET, ignored);
    }
    let level = given.or(other).map(|(wanted, field)| match wanted {
        Wanted::Less => {
            name_once(field, ignored);
            ThinkingLevel::Standard
        }
        Wanted::Usual => ThinkingLevel::Standard,
        Wanted::More => ThinkingLevel::Extended,
    });
    fields.name_ignored("generationConfig.thinkingConfig.", ignored)?;
    Ok((level, include))
}

/// How much thinking a client wants, beside what is usual.
enum Wanted {
    Less,
    Usual,
    More,
}

fn named_level(level: &Value<'_, '_>) -> Result<Option<Wanted>, Failure> {
    match level.string()?.to_ascii_uppercase().as_str() {
        "THINKING_LEVEL_UNSPECIFIED" => Ok(None),
        "MINIMAL" | "LOW" => Ok(Some(Wanted::Less)),
        "MEDIUM" => Ok(Some(Wanted::Usual)),
        "HIGH" => Ok(Some(Wanted::More)),
        _ => Err(level.invalid("must be one of MINIMAL, LOW, MEDIUM, HIGH")),
    }
}

/// The most tokens of thought that still count as the usual amount: two thirds of what Google lets its flash models
/// spend. A choice, since the web app takes no number.
const USUAL_BUDGET: i64 = 16_384;

fn budget_level(budget: &Value<'_, '_>) -> Result<Option<Wanted>, Failure> {
    match budget.integer()? {
        // As the model sees fit.
        -1 => Ok(None),
        0 => Ok(Some(Wanted::Less)),
        ..-1 => Err(budget.invalid("must be -1 or more")),
        tokens if tokens <= USUAL_BUDGET => Ok(Some(Wanted::Usual)),
        _ => Ok(Some(Wanted::More)),
    }
}

/// What Google's JSON mode without a schema gives: most often an object or a list, hardly ever anything else.
const ANY_DOCUMENT: &str = r#"{"type":["object","array"]}"#;

/// A schema alone is enough to ask for JSON, though Google wants the MIME type too.
fn form(fields: &mut Fields<'_, '_>) -> Result<OutputForm, Failure> {
    let json = match fields.take("responseMimeType") {
        Some(mime) => wants_json(&mime)?,
        None => false,
    };
    let subset = fields.take("responseSchema");
    let standard = fields.take("responseJsonSchema");
    let schema = match (subset, standard) {
        (None, None) if json => any_document()?,
        (None, None) => return Ok(OutputForm::Text),
        (Some(given), None) => subset::translate(&given)?,
        (None, Some(standard)) => schema::check(&standard)?,
        (Some(_), Some(standard)) => {
            return Err(standard.invalid("cannot stand beside the other schema: send one of the two"));
        }
    };
    Ok(OutputForm::JsonSchema(JsonSchema {
        name: "response".to_owned(),
        description: None,
        schema,
    }))
}

/// # Errors
/// Never: the text is JSON.
fn any_document() -> Result<Json, Failure> {
    Json::new(ANY_DOCUMENT).map_err(|error| Failure::new(Kind::Internal, "A defect of the gateway.").source(error))
}

fn wants_json(mime: &Value<'_, '_>) -> Result<bool, Failure> {
    match mime.string()?.as_str() {
        "" | "text/plain" => Ok(false),
        "application/json" => Ok(true),
        "text/x.enum" => Err(unsupported(
            mime,
            "only text/plain and application/json are. Ask for application/json with the enum in the schema",
        )),
        _ => Err(mime.invalid("must be text/plain or application/json")),
    }
}

fn unsupported(value: &Value<'_, '_>, why: &str) -> Failure {
    let message = format!("'{}' cannot be served: {why}.", value.path());
    value.failure(Kind::UnsupportedParameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_json_mode_is_one() {
        assert_eq!(Json::new(ANY_DOCUMENT).unwrap().value()["type"][1], "array");
    }
}
