//! JSON schemas, and whether a value follows one.

mod work;

use std::fmt;

use jsonschema::{PatternOptions, ReferencingError, ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use self::work::Plan;
pub(crate) use self::work::TooMuch;
use super::Json;

/// How often one regular expression of a schema may go back in one string before it is given up. Patterns come from
/// clients, some of which need look-around, and such a pattern can otherwise run for hours.
const MAX_BACKTRACKS: usize = 10_000;

/// The most memory that one regular expression may take, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// The longest description of a rule, in bytes: schemas may list thousands of allowed values.
const MAX_RULE: usize = 300;

/// A JSON schema, ready to be held against values.
///
/// Drafts 4 to 2020-12, the last unless `$schema` says otherwise. `format` is a hint to the model and not a rule, as
/// in the newest draft: what a model writes for a time is seldom what RFC 3339 says, and what clients take.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    plan: Plan,
}

impl Schema {
    /// Makes a schema ready. Nothing is ever fetched: a reference to another document is an error.
    ///
    /// # Errors
    /// When it is no valid schema, or a larger one than there is time for: what is wrong and where. Of the schema it
    /// shows nothing but names of fields and references.
    pub fn new(schema: &Json) -> Result<Self, String> {
        let plan = Plan::new(schema.value(), schema.as_str().len())?;
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(MAX_BACKTRACKS)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES);
        let options = jsonschema::options()
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(patterns);
        match options.build(schema.value()) {
            Ok(validator) => Ok(Self { validator, plan }),
            Err(error) => Err(flaw(&error)),
        }
    }

    /// The rules that a value breaks, at most so many. None: it follows the schema.
    #[must_use]
    pub fn violations(&self, value: &Value, most: usize) -> Vec<Violation> {
        match self.errors(value) {
            Ok(errors) => errors.take(most).map(|error| Violation::new(&error)).collect(),
            Err(TooMuch) => vec![Violation {
                pointer: String::new(),
                rule: "the schema refers to itself too often for the value to be held against it".to_owned(),
            }],
        }
    }

    /// Everything that is wrong with a value.
    ///
    /// # Errors
    /// [`TooMuch`] when that could take too long to find out.
    pub(crate) fn errors<'v>(
        &'v self,
        value: &'v Value,
    ) -> Result<impl Iterator<Item = ValidationError<'v>> + use<'v>, TooMuch> {
        self.plan.allows(value)?;
        // What is right costs no more than to find that out.
        let errors = (!self.validator.is_valid(value)).then(|| self.validator.iter_errors(value));
        Ok(errors.into_iter().flatten())
    }
}

/// A rule of a schema that a value breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value, as a JSON pointer; empty for the value itself.
    pub pointer: String,
    /// The rule, as a sentence without its full stop. Of the value it shows nothing but names of fields.
    pub rule: String,
}

impl Violation {
    fn new(error: &ValidationError<'_>) -> Self {
        Self {
            pointer: shortened(error.instance_path().to_string()),
            rule: shortened(error.masked_with("the value").to_string()),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, rule } = self;
        if pointer.is_empty() {
            return write!(f, "at the root: {rule}");
        }
        write!(f, "at {pointer}: {rule}")
    }
}

/// What is wrong with a schema.
fn flaw(error: &ValidationError<'_>) -> String {
    if let ValidationErrorKind::Referencing(ReferencingError::Unretrievable { .. }) = error.kind() {
        return "it refers to another document, and none is fetched".to_owned();
    }
    Violation::new(error).to_string()
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_RULE {
        text.truncate(text.floor_char_boundary(MAX_RULE));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema(schema: &Value) -> Result<Schema, String> {
        Schema::new(&Json::new(&schema.to_string()).unwrap())
    }

    fn violations(of: &Value, value: &Value) -> Vec<String> {
        let violations = schema(of).unwrap().violations(value, 3);
        violations.iter().map(Violation::to_string).collect()
    }

    #[test]
    fn a_violation_says_where_and_what_but_not_the_value() {
        let wanted = json!({
            "type": "object",
            "properties": {"items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}}},
            "required": ["total"],
        });
        let value = json!({"items": [{"price": 1}, {"price": "the secret price"}]});
        assert_eq!(
            violations(&wanted, &value),
            [
                "at the root: \"total\" is a required property",
                "at /items/1/price: the value is not of type \"number\"",
            ]
        );
        assert_eq!(
            violations(&wanted, &json!({"items": [], "total": 0})),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_schema_that_is_none_is_told_where() {
        for (flawed, says) in [
            (
                json!({"properties": {"a": {"type": "strin"}}}),
                "at /properties/a/type: ",
            ),
            (json!({"pattern": "("}), "at /pattern: "),
            (json!({"$schema": "https://example.com/own"}), "Unknown meta-schema"),
            (json!({"$ref": "#/$defs/none"}), "$defs/none"),
        ] {
            let flaw = schema(&flawed).unwrap_err();
            assert!(flaw.contains(says), "{flawed}: {flaw}");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        for reference in ["https://example.com/a.json", "file:///etc/passwd", "other.json"] {
            let flaw = schema(&json!({"properties": {"a": {"$ref": reference}}})).unwrap_err();
            assert!(flaw.contains("another document"), "{flaw}");
        }
    }

    #[test]
    fn every_draft_that_clients_send_is_known_and_a_format_is_only_a_hint() {
        for draft in [
            "http://json-schema.org/draft-07/schema#",
            "https://json-schema.org/draft/2020-12/schema",
        ] {
            let wanted = json!({"$schema": draft, "properties": {"at": {"type": "string", "format": "date-time"}}});
            assert_eq!(
                violations(&wanted, &json!({"at": "2026-11-20 10:00"})),
                Vec::<String>::new()
            );
            assert_eq!(violations(&wanted, &json!({"at": 5})).len(), 1, "{draft}");
        }
    }

    #[test]
    fn schemas_that_refer_to_themselves_end() {
        let endless = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}});
        assert_eq!(violations(&endless, &json!([1])), Vec::<String>::new());
        let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": false});
        let fault = violations(&tree, &json!({"child": {"child": {"leaf": 1}}}));
        assert!(fault[0].starts_with("at /child/child: "), "{fault:?}");
    }

    #[test]
    fn a_pattern_that_goes_back_forever_is_given_up() {
        let wanted = json!({"pattern": "^(?=(a+)+$)(a|aa)+$"});
        assert_eq!(violations(&wanted, &json!(format!("{}!", "a".repeat(4_000)))).len(), 1);
    }

    #[test]
    fn a_rule_is_never_longer_than_it_helps() {
        let fault = violations(&json!({"const": "wörd".repeat(2_000)}), &json!(1)).remove(0);
        assert!(fault.len() < MAX_RULE + 40 && fault.ends_with('…'), "{fault}");
    }

    /// Parts that each refer to the next one twice, and at last to this one.
    fn doubling(keyword: &str, parts: usize, last: &Value) -> Value {
        let reference = |part: usize| json!({"$ref": format!("#/$defs/part{part}")});
        let mut defs = serde_json::Map::new();
        for part in 0..parts {
            defs.insert(
                format!("part{part}"),
                json!({keyword: [reference(part + 1), reference(part + 1)]}),
            );
        }
        defs.insert(format!("part{parts}"), last.clone());
        json!({"$ref": "#/$defs/part0", "$defs": defs})
    }

    #[test]
    fn what_would_take_ages_is_not_begun() {
        let whole = json!({"type": "object"});
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for last in [&whole, &json!({"type": "string"})] {
                let fault = violations(&doubling(keyword, 60, last), &json!({"a": 1}));
                assert!(fault[0].contains("refers to itself too often"), "{fault:?}");
            }
            assert!(!violations(&doubling(keyword, 5, &whole), &json!(1)).is_empty());
        }
        assert_eq!(
            violations(&doubling("allOf", 5, &whole), &json!({})),
            Vec::<String>::new()
        );
        let mut leftover = doubling("allOf", 60, &whole);
        leftover["unevaluatedProperties"] = json!(false);
        assert!(schema(&leftover).unwrap_err().contains("too many references"));
    }

    #[test]
    fn what_doubles_with_each_level_of_the_value_is_bounded_by_its_depth() {
        let twice = json!([{"$ref": "#/$defs/node"}, {"$ref": "#/$defs/node"}]);
        let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {"properties": {"child": {"anyOf": twice}}}}});
        let nested = |depth| (0..depth).fold(json!({}), |inner, _| json!({"child": inner}));
        assert_eq!(violations(&tree, &nested(8)), Vec::<String>::new());
        assert_eq!(violations(&tree, &nested(60)).len(), 1);
        // A reference with a name of its own is followed like any other.
        let named =
            json!({"$anchor": "node", "properties": {"child": {"allOf": [{"$ref": "#node"}, {"$ref": "#node"}]}}});
        assert_eq!(violations(&named, &nested(60)).len(), 1);
    }

    #[test]
    fn long_lists_take_the_time_they_take() {
        let wanted = json!({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false}});
        let list: Vec<Value> = (0..20_000).map(|n| json!({"n": n})).collect();
        assert_eq!(violations(&wanted, &Value::from(list)), Vec::<String>::new());
    }

    #[test]
    fn schemas_are_bounded() {
        let chain = doubling("allOf", 9_000, &json!({"type": "object"}));
        let patterns: Vec<Value> = (0..300).map(|n| json!({"pattern": format!("a{n}")})).collect();
        for (unusable, why) in [
            (chain, "more than"),
            (json!({"anyOf": patterns}), "more than 256 regular expressions"),
            (json!({"enum": ["x".repeat(600_000)]}), "more than 524288 bytes"),
            (json!({"pattern": "(((a{100}){100}){100}){100}"}), "pattern"),
            (
                json!({"properties": {"a": {"$id": "https://example.com/a", "$ref": "#"}}}),
                "an $id of its own",
            ),
            (
                json!({"$id": "https://example.com/a", "$ref": "a#/$defs/b", "$defs": {"b": {}}}),
                "another document",
            ),
        ] {
            let flaw = schema(&unusable).unwrap_err();
            assert!(flaw.contains(why), "{flaw}");
        }
    }
}
