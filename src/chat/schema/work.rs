//! What it takes to hold a value against a schema.
//!
//! Schemas come from clients, and a short one can ask for more work than there is time: parts that are referred to
//! twice by parts that are referred to twice, or by themselves. So schemas are bounded when they are read, and before
//! each check the way it will go is walked once, with a limit: every subschema beside every value it applies to.

use std::collections::{BTreeMap, HashSet};

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The most objects and arrays of a schema. Making it ready goes no deeper than that, references included, which the
/// stack of a worker has room for.
const MAX_CONTAINERS: usize = 8_192;

/// The most bytes of a schema: some times what fits into a prompt.
const MAX_BYTES: usize = 512 << 10;

/// The most references, and the most regular expressions: each is a program of its own.
const MAX_REFERENCES: usize = 512;
const MAX_PATTERNS: usize = 256;

/// How many steps a check may take in any case, how many more for each value in what is checked, and how many may lie
/// within one another.
const STEPS: usize = 100_000;
const STEPS_PER_VALUE: usize = 32;
const MAX_DEPTH: usize = 1_024;

/// The steps of the parts that have to be looked through when the schema is made ready.
const STEPS_BEFORE: usize = 10_000;

/// What a pattern takes, and how many words of a list make one step.
const PATTERN: usize = 16;
const WORDS: usize = 16;

/// A check would take more work than there is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// A schema, with what its references refer to.
#[derive(Debug)]
pub(super) struct Plan {
    schema: Value,
    /// JSON pointers to the parts that have names.
    anchors: BTreeMap<String, String>,
}

impl Plan {
    /// Looks a schema over.
    ///
    /// # Errors
    /// When it is over a bound, or refers to anything but itself: what is wrong, as the end of a sentence.
    pub(super) fn new(schema: &Value, bytes: usize) -> Result<Self, String> {
        if bytes > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let draft = schema["$schema"].as_str().unwrap_or_default();
        let mut survey = Survey {
            older: draft.contains("draft-04"),
            ..Survey::default()
        };
        survey.look(schema, "")?;
        let plan = Self {
            schema: schema.clone(),
            anchors: survey.anchors,
        };
        let mut walk = Walk::new(&plan, STEPS_BEFORE);
        for pointer in &survey.unevaluated {
            let part = plan.schema.pointer(pointer).unwrap_or(&Value::Null);
            let unfolded = walk.at(part, &Value::Null, 0);
            unfolded
                .map_err(|TooMuch| "it has unevaluatedProperties or unevaluatedItems beside too many references")?;
        }
        Ok(plan)
    }

    /// Whether a check of this value ends in time.
    ///
    /// # Errors
    /// [`TooMuch`] if not.
    pub(super) fn allows(&self, value: &Value) -> Result<(), TooMuch> {
        let steps = STEPS.saturating_add(STEPS_PER_VALUE.saturating_mul(size(value)));
        Walk::new(self, steps).at(&self.schema, value, 0)
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        let fragment = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        if fragment.is_empty() || fragment.starts_with('/') {
            return self.schema.pointer(&fragment);
        }
        self.schema.pointer(self.anchors.get(fragment.as_ref())?)
    }
}

/// How many values there are in a value. Its depth was bounded when it was read.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// Everything in a schema that looks as if it meant something, wherever it stands.
#[derive(Default)]
struct Survey {
    /// Of the draft in which `id` is what `$id` is in later ones.
    older: bool,
    containers: usize,
    references: usize,
    patterns: usize,
    anchors: BTreeMap<String, String>,
    /// Pointers to the parts in which properties or items have to be left over.
    unevaluated: Vec<String>,
}

impl Survey {
    /// Recursive; the depth was bounded when the JSON was read.
    fn look(&mut self, value: &Value, pointer: &str) -> Result<(), String> {
        if !matches!(value, Value::Object(_) | Value::Array(_)) {
            return Ok(());
        }
        self.containers += 1;
        if self.containers > MAX_CONTAINERS {
            return Err(format!("it has more than {MAX_CONTAINERS} objects and arrays"));
        }
        if let Value::Array(items) = value {
            for (index, item) in items.iter().enumerate() {
                self.look(item, &format!("{pointer}/{index}"))?;
            }
        }
        for (name, held) in value.as_object().into_iter().flatten() {
            self.keyword(name, held, pointer)?;
            let step = name.replace('~', "~0").replace('/', "~1");
            self.look(held, &format!("{pointer}/{step}"))?;
        }
        Ok(())
    }

    fn keyword(&mut self, name: &str, held: &Value, pointer: &str) -> Result<(), String> {
        match (name, held) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                self.references += 1;
                if !reference.starts_with('#') {
                    return Err("it refers to another document, and none is fetched".to_owned());
                }
            }
            ("$anchor" | "$dynamicAnchor", Value::String(anchor)) => {
                self.anchors.insert(anchor.clone(), pointer.to_owned());
            }
            ("$id" | "id", Value::String(id)) => match id.strip_prefix('#') {
                Some(anchor) => drop(self.anchors.insert(anchor.to_owned(), pointer.to_owned())),
                // Within it references would have another meaning.
                None if !pointer.is_empty() && (name == "$id" || self.older) => {
                    return Err("a part of it has an $id of its own".to_owned());
                }
                None => {}
            },
            ("pattern", Value::String(_)) => self.patterns += 1,
            ("patternProperties", Value::Object(patterns)) => self.patterns += patterns.len(),
            ("unevaluatedProperties" | "unevaluatedItems", _) => self.unevaluated.push(pointer.to_owned()),
            _ => {}
        }
        if self.references > MAX_REFERENCES {
            return Err(format!("it has more than {MAX_REFERENCES} references"));
        }
        if self.patterns > MAX_PATTERNS {
            return Err(format!("it has more than {MAX_PATTERNS} regular expressions"));
        }
        Ok(())
    }
}

/// One walk through a schema and a value.
struct Walk<'w> {
    plan: &'w Plan,
    /// The steps that are left.
    left: usize,
    /// References on the way to where the walk is, each with the value it applies to: those that lead back to
    /// themselves end there.
    under_way: HashSet<(usize, usize)>,
}

impl<'w> Walk<'w> {
    fn new(plan: &'w Plan, steps: usize) -> Self {
        Self {
            plan,
            left: steps,
            under_way: HashSet::new(),
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(steps).ok_or(TooMuch)?;
        Ok(())
    }

    fn at(&mut self, schema: &'w Value, value: &Value, depth: usize) -> Result<(), TooMuch> {
        self.spend(1)?;
        if depth == MAX_DEPTH {
            return Err(TooMuch);
        }
        for (name, held) in schema.as_object().into_iter().flatten() {
            self.here(name, held, value, depth + 1)?;
            self.below(name, held, value, depth + 1)?;
        }
        Ok(())
    }

    /// A keyword as far as it applies to the value itself.
    fn here(&mut self, name: &str, held: &'w Value, value: &Value, depth: usize) -> Result<(), TooMuch> {
        match (name, held) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                self.referred(reference, value, depth)
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter().try_for_each(|schema| self.at(schema, value, depth))
            }
            ("not" | "if" | "then" | "else", schema) => self.at(schema, value, depth),
            ("dependentSchemas" | "dependencies", Value::Object(schemas)) => {
                schemas.values().try_for_each(|schema| self.at(schema, value, depth))
            }
            ("enum", Value::Array(words)) => self.spend(words.len() / WORDS),
            ("pattern", _) => self.spend(PATTERN),
            _ => Ok(()),
        }
    }

    /// A keyword as far as it applies to what is in the value.
    fn below(&mut self, name: &str, held: &'w Value, value: &Value, depth: usize) -> Result<(), TooMuch> {
        match (name, held, value) {
            ("properties", Value::Object(schemas), Value::Object(fields)) => {
                self.spend(schemas.len() / WORDS)?;
                let pairs = schemas
                    .iter()
                    .filter_map(|(name, schema)| Some((schema, fields.get(name)?)));
                for (schema, field) in pairs {
                    self.at(schema, field, depth)?;
                }
            }
            ("patternProperties", Value::Object(schemas), Value::Object(fields)) => {
                for (schema, field) in schemas
                    .values()
                    .flat_map(|schema| fields.values().map(move |field| (schema, field)))
                {
                    self.spend(PATTERN)?;
                    self.at(schema, field, depth)?;
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema, Value::Object(fields)) => {
                fields.values().try_for_each(|field| self.at(schema, field, depth))?;
            }
            ("propertyNames", schema, Value::Object(fields)) => {
                fields
                    .iter()
                    .try_for_each(|_name| self.at(schema, &Value::Null, depth))?;
            }
            ("items" | "prefixItems", Value::Array(schemas), Value::Array(items)) => {
                for (schema, item) in schemas.iter().zip(items) {
                    self.at(schema, item, depth)?;
                }
            }
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", schema, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.at(schema, item, depth))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn referred(&mut self, reference: &str, value: &Value, depth: usize) -> Result<(), TooMuch> {
        let Some(target) = self.plan.target(reference) else {
            return Ok(());
        };
        let place = (std::ptr::from_ref(target).addr(), std::ptr::from_ref(value).addr());
        if !self.under_way.insert(place) {
            return Ok(());
        }
        self.at(target, value, depth)?;
        self.under_way.remove(&place);
        Ok(())
    }
}
