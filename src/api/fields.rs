//! How a format treats the fields of a request: the table that the readers act on and the docs are made of.

use std::borrow::Cow;

use super::json::{Object, Path, Type, Value};
use crate::{
    chat::{Knob, Sampling},
    error::Failure,
};

/// One row: a field and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, with the path to it where it is nested: `messages.name`.
    pub name: &'static str,
    /// What becomes of it.
    pub treatment: Treatment,
    /// Fields of a request in which it is set, as a JSON object: a test sends them and looks what really happens.
    pub sample: &'static str,
    /// What a user has to know: bounds, effect, why not.
    pub note: &'static str,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It acts as the format's own documentation says.
    Honoured,
    /// It acts, by means of the prompt and a check of the answer.
    Emulated,
    /// It cannot act, and its name stands in the header `x-gateway-ignored-params`. With a type: another one is a
    /// mistake in the client, which is better told than passed over.
    Ignored(Option<Type>),
    /// A number that steers how the answer is drawn. It acts where the upstream that answers has such a control; Gemini's
    /// web app has none, and then its name stands in the header too.
    Passed(Knob),
    /// 400, with its name in the error.
    Refused,
}

impl Treatment {
    /// Whether such a field may end up without effect and named as ignored.
    pub(in crate::api) fn may_be_ignored(self) -> bool {
        matches!(self, Treatment::Ignored(_) | Treatment::Passed(_))
    }
}

/// Names of fields without effect, each once.
pub(in crate::api) type Ignored = Vec<Cow<'static, str>>;

/// The most unknown fields that are named, since the list goes into one header, and what stands for the others.
const MAX_UNKNOWN: usize = 16;
const AND_MORE: &str = "and-more";

/// Adds the names of all fields that are set and that nobody has taken: known ones first, then extensions of other
/// servers (`top_k`, `num_ctx`), as far as their names are fit for a header. Gives what of them some upstreams honour.
///
/// # Errors
/// [`crate::error::Kind::InvalidType`] for a known field of the wrong type.
pub(in crate::api) fn name_ignored(
    table: &'static [Field],
    fields: &mut Object<'_>,
    ignored: &mut Ignored,
) -> Result<Sampling, Failure> {
    let mut sampling = Sampling::default();
    for field in table {
        if !field.treatment.may_be_ignored() {
            continue;
        }
        if let Some(value) = fields.take(Path::root(field.name)) {
            pass_over(field, &value, &mut sampling)?;
            name_once(field.name, ignored);
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
    Ok(sampling)
}

/// Looks at a field that does not act by itself, and keeps it where some upstream may honour it.
///
/// # Errors
/// [`crate::error::Kind::InvalidType`] for one of the wrong type.
pub(in crate::api) fn pass_over(
    field: &'static Field,
    value: &Value<'_, '_>,
    sampling: &mut Sampling,
) -> Result<(), Failure> {
    match field.treatment {
        Treatment::Ignored(Some(expected)) => value.expect(expected),
        Treatment::Passed(knob) => {
            sampling.set(knob, value.number()?, field.name);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Adds a name unless it is there.
pub(in crate::api) fn name_once(name: &'static str, ignored: &mut Ignored) {
    if !ignored.iter().any(|earlier| earlier == name) {
        ignored.push(Cow::Borrowed(name));
    }
}

/// The most names of nested fields.
const MAX_NESTED: usize = 32;

/// Adds the names of all fields of a nested object that are set and that nobody has taken, with the path to the object
/// before them: `messages.cache_control`.
pub(in crate::api) fn name_rest(path: &str, fields: &Object<'_>, ignored: &mut Ignored) {
    for name in fields.rest().filter(|name| is_plain(name)) {
        let name = format!("{path}.{name}");
        if !is_plain(&name) || ignored.iter().any(|earlier| *earlier == name) {
            continue;
        }
        if ignored.len() >= MAX_NESTED {
            return name_once(AND_MORE, ignored);
        }
        ignored.push(Cow::Owned(name));
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::{Defaults, Format, Incoming, Target};

    /// The smallest request of any format, with what is set in a sample.
    fn read(format: Format, sample: &Value) -> Result<Incoming, Failure> {
        let mut body = json!({
            "model": "m", "max_tokens": 9, "prompt": "p", "input": "p", "message": "p",
            "messages": [{"role": "user", "content": "p"}],
            "contents": [{"role": "user", "parts": [{"text": "p"}]}],
        });
        let acting = |field: &&Field| field.treatment == Treatment::Honoured;
        let known: Vec<&str> = format.fields().iter().filter(acting).map(|field| field.name).collect();
        let body = body.as_object_mut().unwrap();
        body.retain(|name, _| known.contains(&name.as_str()));
        body.extend(sample.as_object().unwrap().clone());
        let defaults = Defaults {
            default_model: None,
            aliases: &BTreeMap::new(),
        };
        let target = Target {
            id: "m:generateContent",
            ..Target::default()
        };
        format.read(&serde_json::to_vec(&body).unwrap(), &target, &defaults)
    }

    #[test]
    fn every_field_is_treated_as_the_table_says() {
        for format in Format::ALL {
            for field in format.fields() {
                let what = format!("{} {}", format.name(), field.name);
                let sample: Value = serde_json::from_str(field.sample).expect(&what);
                let read = read(format, &sample);
                match field.treatment {
                    Treatment::Honoured | Treatment::Emulated => {
                        let incoming = read.unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
                        assert!(!incoming.ignored.iter().any(|name| name == field.name), "{what}");
                    }
                    Treatment::Ignored(_) | Treatment::Passed(_) => {
                        let incoming = read.unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
                        assert!(incoming.ignored.iter().any(|name| name == field.name), "{what}");
                        let passed = matches!(field.treatment, Treatment::Passed(_));
                        assert_eq!(incoming.request.sampling.has_field(field.name), passed, "{what}");
                    }
                    Treatment::Refused => {
                        let failure = read.err().unwrap_or_else(|| panic!("{what} was taken"));
                        assert!(failure.kind().facts().status.is_client_error(), "{what}");
                        let root = field.name.split('.').next().unwrap();
                        assert!(
                            failure.param_name().is_some_and(|param| param.starts_with(root)),
                            "{what}"
                        );
                    }
                }
            }
        }
    }
}
