//! Access to a request body that can say which field is at fault.
//!
//! The body is checked to be JSON once and kept as text: a value is turned into something only when a field that
//! means something asks for it. So the memory for a hostile body stays near the size of the body, whatever its depth,
//! and a text is copied once.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::{Failure, Kind};

/// The most fields of an object that is looked into, and the most elements of an array: far more than a prompt of any
/// allowed length has use for, and few enough that listing them costs little beside the body.
const MAX_FIELDS: usize = 1_024;
const MAX_ELEMENTS: usize = 65_536;

/// Where a value is, in the client's own syntax: `messages[0].content`.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Field(&'static str),
    Index(usize),
}

impl<'p> Path<'p> {
    pub(in crate::api) const fn root(name: &'static str) -> Self {
        Self {
            parent: None,
            step: Step::Field(name),
        }
    }

    pub(in crate::api) const fn field(&'p self, name: &'static str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Field(name),
        }
    }

    pub(in crate::api) const fn index(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    /// A failure that this value causes.
    pub(in crate::api) fn failure(&self, kind: Kind, message: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(kind, message).param(self.to_string())
    }

    pub(in crate::api) fn missing(&self) -> Failure {
        self.failure(Kind::MissingParameter, format!("'{self}' is missing. Send it."))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match (self.step, self.parent) {
            (Step::Index(index), _) => write!(f, "[{index}]"),
            (Step::Field(name), None) => f.write_str(name),
            (Step::Field(name), Some(_)) => write!(f, ".{name}"),
        }
    }
}

/// A value and where it is. Never `null`: that is the same as absent.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) struct Value<'a, 'p> {
    raw: &'a str,
    path: Path<'p>,
}

/// What a JSON value is, as error messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `null`, which counts as absent.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Type {
    fn of(raw: &str) -> Self {
        // The text is known to be one JSON value without white space around it, so its first byte tells.
        match raw.as_bytes().first() {
            Some(b'"') => Type::String,
            Some(b'{') => Type::Object,
            Some(b'[') => Type::Array,
            Some(b't' | b'f') => Type::Boolean,
            Some(b'n') | None => Type::Null,
            Some(_) => Type::Number,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Boolean => "a boolean",
            Type::Number => "a number",
            Type::String => "a string",
            Type::Array => "an array",
            Type::Object => "an object",
        }
    }
}

impl<'a, 'p> Value<'a, 'p> {
    pub(in crate::api) fn path(&self) -> &Path<'p> {
        &self.path
    }

    pub(in crate::api) fn json_type(&self) -> Type {
        Type::of(self.raw)
    }

    /// The value as it stands in the body.
    pub(in crate::api) fn raw(&self) -> &'a str {
        self.raw
    }

    pub(in crate::api) fn failure(&self, kind: Kind, message: impl Into<Cow<'static, str>>) -> Failure {
        self.path.failure(kind, message)
    }

    /// The value cannot be what it is. `rule` says what it has to be, as a sentence after its name.
    pub(in crate::api) fn invalid(&self, rule: &str) -> Failure {
        self.failure(Kind::InvalidRequest, format!("'{}' {rule}.", self.path))
    }

    pub(in crate::api) fn wrong_type(&self, expected: &str) -> Failure {
        let found = self.json_type().name();
        let message = format!("'{}' must be {expected}, not {found}.", self.path);
        self.failure(Kind::InvalidType, message)
    }

    /// # Errors
    /// [`Kind::InvalidType`] unless it is of this type.
    pub(in crate::api) fn expect(&self, expected: Type) -> Result<(), Failure> {
        if self.json_type() == expected {
            return Ok(());
        }
        Err(self.wrong_type(expected.name()))
    }

    pub(in crate::api) fn string(&self) -> Result<String, Failure> {
        self.expect(Type::String)?;
        // It was checked as JSON; only `\ud800` without its other half is left to fail.
        serde_json::from_str(self.raw)
            .map_err(|_| self.invalid("must be valid Unicode: it holds half of a surrogate pair"))
    }

    pub(in crate::api) fn number(&self) -> Result<serde_json::Number, Failure> {
        self.expect(Type::Number)?;
        // It was checked as JSON; only its size is left to fail.
        serde_json::from_str(self.raw).map_err(|_| self.invalid("must be a number of a usual size"))
    }

    pub(in crate::api) fn boolean(&self) -> Result<bool, Failure> {
        self.expect(Type::Boolean)?;
        Ok(self.raw == "true")
    }

    /// A whole number; `1.0` and `1e3` are whole too. Beyond 64 bits it saturates.
    pub(in crate::api) fn integer(&self) -> Result<i64, Failure> {
        self.expect(Type::Number)?;
        if let Ok(number) = self.raw.parse() {
            return Ok(number);
        }
        match self.raw.parse::<f64>() {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number, and `as` saturates")]
            Ok(number) if number.fract() == 0.0 => Ok(number as i64),
            _ => Err(self.invalid("must be a whole number")),
        }
    }

    pub(in crate::api) fn array(&self) -> Result<Vec<&'a RawValue>, Failure> {
        self.expect(Type::Array)?;
        // It was checked as JSON; only its length is left to fail.
        let elements: Result<Elements<'a>, _> = serde_json::from_str(self.raw);
        elements
            .map(|Elements(elements)| elements)
            .map_err(|_| self.invalid(&format!("must hold at most {MAX_ELEMENTS} elements")))
    }

    pub(in crate::api) fn object(&self) -> Result<Object<'a>, Failure> {
        self.expect(Type::Object)?;
        serde_json::from_str(self.raw).map_err(|error| {
            if error.is_data() {
                return self.invalid(&format!("must have at most {MAX_FIELDS} fields"));
            }
            self.invalid("has a field name that is not valid Unicode")
        })
    }

    /// An element of [`Value::array`]. Unlike a field it may be `null`.
    pub(in crate::api) fn element<'q>(&'q self, index: usize, raw: &'a RawValue) -> Value<'a, 'q> {
        Value {
            raw: raw.get(),
            path: self.path.index(index),
        }
    }
}

/// The fields of an object, of which each can be taken once.
#[derive(Debug)]
pub(in crate::api) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, Option<&'a RawValue>)>,
}

impl<'a> Object<'a> {
    /// The body of a request.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] when it is not one JSON object in UTF-8. The message tells where, and shows nothing.
    pub(in crate::api) fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        let invalid = |message: String| Failure::new(Kind::InvalidRequest, message);
        let text = str::from_utf8(body).map_err(|error| {
            let at = error.valid_up_to();
            invalid(format!(
                "The body is not valid UTF-8 from byte {at} on. Send JSON in UTF-8."
            ))
        })?;
        // Some programs begin every file they write with a byte order mark.
        let text = text.trim_start_matches('\u{feff}').trim_ascii();
        serde_json::from_str(text).map_err(|error| {
            if text.is_empty() {
                return invalid("The body is empty. Send a JSON object.".to_owned());
            }
            if error.is_data() && Type::of(text) != Type::Object {
                return invalid(format!(
                    "The body must be a JSON object, not {}.",
                    Type::of(text).name()
                ));
            }
            if error.is_data() {
                return invalid(format!("The body must have at most {MAX_FIELDS} fields."));
            }
            let (line, column) = (error.line(), error.column());
            invalid(format!("The body is not valid JSON: see line {line}, column {column}."))
        })
    }

    /// A field of this object. Of a name given twice the last one counts, as in most JSON readers.
    pub(in crate::api) fn take<'p>(&mut self, path: Path<'p>) -> Option<Value<'a, 'p>> {
        let Step::Field(name) = path.step else { return None };
        let same = self.fields.iter_mut().filter(|(field, _)| field == name);
        let raw = same.filter_map(|(_, raw)| raw.take()).last()?.get();
        (Type::of(raw) != Type::Null).then_some(Value { raw, path })
    }

    /// # Errors
    /// [`Kind::MissingParameter`] when it is absent.
    pub(in crate::api) fn require<'p>(&mut self, path: Path<'p>) -> Result<Value<'a, 'p>, Failure> {
        self.take(path).ok_or_else(|| path.missing())
    }

    /// The names of the fields that nobody has taken.
    pub(in crate::api) fn rest(&self) -> impl Iterator<Item = &str> {
        let set = |raw: &RawValue| Type::of(raw.get()) != Type::Null;
        self.fields
            .iter()
            .filter(move |(_, raw)| raw.is_some_and(set))
            .map(|(name, _)| name.as_ref())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    if fields.len() == MAX_FIELDS {
                        return Err(A::Error::custom("too many fields"));
                    }
                    fields.push((name, Some(map.next_value()?)));
                }
                Ok(Object { fields })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

struct Elements<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Elements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;

        impl<'de> Visitor<'de> for Bounded {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if elements.len() == MAX_ELEMENTS {
                        return Err(A::Error::custom("too many elements"));
                    }
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }

        deserializer.deserialize_seq(Bounded)
    }
}
