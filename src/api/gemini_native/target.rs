//! What the path and the query of a request say: `models/{model}:{method}?alt=sse`.

use std::borrow::Cow;

use super::named::name_unknown;
use crate::{
    api::{Target, fields::Ignored},
    error::{Failure, Kind},
};

/// How an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As one body.
    Whole,
    /// As server-sent events.
    Events,
    /// As the elements of a JSON array.
    Array,
}

impl Delivery {
    /// Whether it comes in pieces.
    pub(super) fn is_stream(self) -> bool {
        self != Delivery::Whole
    }
}

/// A resource name as Google writes it begins with this; a model's id alone does too in none of them.
const MODELS: &str = "models/";

/// The model's id in a name that may be a resource name.
pub(super) fn model_id(name: &str) -> &str {
    name.strip_prefix(MODELS).unwrap_or(name)
}

/// The model the path names, and how its answer is to go out.
///
/// # Errors
/// [`Kind::UnknownUrl`] for another method, [`Kind::InvalidRequest`] for an `alt` that is not known.
pub(super) fn read<'t>(target: &Target<'t>, ignored: &mut Ignored) -> Result<(&'t str, Delivery), Failure> {
    let (model, method) = target.id.rsplit_once(':').unwrap_or((target.id, ""));
    let alt = query(target.query, ignored)?;
    let delivery = match (method, alt) {
        ("generateContent" | "countTokens", Alt::Json) => Delivery::Whole,
        ("generateContent" | "countTokens", Alt::Events) => {
            ignored.push(Cow::Borrowed("alt"));
            Delivery::Whole
        }
        ("streamGenerateContent", Alt::Json) => Delivery::Array,
        ("streamGenerateContent", Alt::Events) => Delivery::Events,
        _ => {
            let message = "A model has no such method here: there are generateContent, streamGenerateContent and \
                countTokens.";
            return Err(Failure::new(Kind::UnknownUrl, message));
        }
    };
    Ok((model_id(model), delivery))
}

/// The representation a client asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alt {
    Json,
    Events,
}

/// `alt`, and the names of everything else: no other parameter of Google's changes what is answered.
fn query(query: &str, ignored: &mut Ignored) -> Result<Alt, Failure> {
    let mut alt = Alt::Json;
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("alt" | "$alt", "sse") => alt = Alt::Events,
            ("alt" | "$alt", "json") => alt = Alt::Json,
            ("alt" | "$alt", _) => {
                let failure = Failure::new(Kind::InvalidRequest, "'alt' must be json or sse.");
                return Err(failure.param("alt"));
            }
            _ => name_unknown(name.into_owned(), ignored),
        }
    }
    Ok(alt)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str, query: &str) -> Result<(String, Delivery, Ignored), Failure> {
        let mut ignored = Ignored::new();
        let target = Target {
            id,
            query,
            ..Target::default()
        };
        let (model, delivery) = read(&target, &mut ignored)?;
        Ok((model.to_owned(), delivery, ignored))
    }

    #[test]
    fn the_method_and_alt_decide_how_the_answer_goes_out() {
        let table = [
            ("m:generateContent", "", Delivery::Whole),
            ("m:countTokens", "", Delivery::Whole),
            ("m:streamGenerateContent", "", Delivery::Array),
            ("m:streamGenerateContent", "alt=json", Delivery::Array),
            ("m:streamGenerateContent", "alt=sse", Delivery::Events),
            ("m:streamGenerateContent", "%24alt=sse", Delivery::Events),
        ];
        for (id, query, delivery) in table {
            assert_eq!(
                asked(id, query).unwrap(),
                ("m".to_owned(), delivery, Vec::new()),
                "{id}?{query}"
            );
        }
    }

    #[test]
    fn names_may_be_resource_names_and_hold_colons() {
        assert_eq!(asked("models/a:b:generateContent", "").unwrap().0, "a:b");
    }

    #[test]
    fn parameters_without_effect_are_named() {
        let (_, _, ignored) = asked("m:generateContent", "alt=sse&prettyPrint=false&fields=candidates").unwrap();
        assert_eq!(ignored, ["prettyPrint", "fields", "alt"]);
    }

    #[test]
    fn other_methods_and_representations_are_refused() {
        assert_eq!(asked("m:embedContent", "").unwrap_err().kind(), Kind::UnknownUrl);
        assert_eq!(asked("m", "").unwrap_err().kind(), Kind::UnknownUrl);
        let failure = asked("m:generateContent", "alt=proto").unwrap_err();
        assert_eq!(
            (failure.kind(), failure.param_name()),
            (Kind::InvalidRequest, Some("alt"))
        );
    }
}
