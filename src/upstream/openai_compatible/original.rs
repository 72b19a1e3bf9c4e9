//! A client's own request, on its way to an upstream that speaks its format: only the model's name is another.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::answer::Text;
use crate::error::{Failure, Kind};

/// The body with this model instead of the one it names, all else word for word and in its order.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a body that is no JSON object. Whoever keeps an original has seen that it is one.
pub(super) fn with_model(body: &[u8], model: &str) -> Result<Vec<u8>, Failure> {
    let wrong = |_| Failure::new(Kind::InvalidRequest, "The body is not a JSON object.");
    let Fields(fields) = serde_json::from_slice(body).map_err(wrong)?;
    let mut out = Vec::with_capacity(body.len() + model.len() + 16);
    out.extend_from_slice(b"{\"model\":");
    put(&mut out, model);
    for (name, value) in fields.iter().filter(|(name, _)| name != "model") {
        out.push(b',');
        put(&mut out, name);
        out.push(b':');
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    Ok(out)
}

fn put(out: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// The fields of an object in their order, each as it stands in the text.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    fields.push((name.0, value));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn all_but_the_model_stays_word_for_word() {
        let body = r#"{ "n": 2, "model" : "hf:a", "x":{"y": 1.50e2 , "z":[ "\u00e9"]},"messages":[],"model":"again", "\u006d":null}"#;
        assert_eq!(
            String::from_utf8(with_model(body.as_bytes(), "org/b:c\"").unwrap()).unwrap(),
            r#"{"model":"org/b:c\"","n":2,"x":{"y": 1.50e2 , "z":[ "\u00e9"]},"messages":[],"m":null}"#
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "[]", "null", "{", "{\"a\":}", "\u{fffd}"] {
            assert!(with_model(body.as_bytes(), "m").is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn every_other_field_keeps_its_value(fields in proptest::collection::btree_map("[a-z\"\\\\é\n]{0,6}", any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()), 0..6)) {
            let mut expected = json!(fields);
            expected["model"] = json!("m");
            let out = with_model(json!(fields).to_string().as_bytes(), "m").unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
        }
    }
}
