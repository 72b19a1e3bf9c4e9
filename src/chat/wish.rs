//! What a client wants the answer to be: plain text, calls of its tools, a JSON document.

use serde_json::Value;

/// A JSON value of the client's, with its own text: the order of an object's fields says something to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Json {
    text: Box<str>,
    value: Value,
}

impl Json {
    /// Takes one JSON value.
    ///
    /// # Errors
    /// When it is none, or nested deeper than 128 levels.
    pub fn new(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self {
            value: serde_json::from_str(text)?,
            text: text.into(),
        })
    }

    /// The text as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// The tools a client offers, and what it wants of them. A client that forbids their use offers none.
#[derive(Clone, Debug, PartialEq)]
pub struct Toolbox {
    /// The tools that may be called. Never empty; no two have the same name.
    pub tools: Vec<Tool>,
    /// Whether one must be called.
    pub choice: ToolChoice,
    /// Whether one answer may call several.
    pub parallel: bool,
}

impl Toolbox {
    /// The tool of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

/// A tool, which the client executes.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// 1 to 128 characters of `A-Za-z0-9_.:-`.
    pub name: String,
    /// What it does and when to use it.
    pub description: Option<String>,
    /// What it takes.
    pub input: ToolInput,
}

/// What a tool takes.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolInput {
    /// An object that follows a JSON schema; without one, any object.
    Object(Option<Json>),
    /// Free text.
    Text,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model sees fit.
    Auto,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The form of the visible answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputForm {
    /// Any text.
    #[default]
    Text,
    /// One JSON object and nothing else.
    JsonObject,
    /// One JSON document that follows a schema, and nothing else.
    JsonSchema(JsonSchema),
    /// An image.
    Image,
}

impl OutputForm {
    /// Whether the whole text is one JSON document, so that nothing else may stand in it.
    #[must_use]
    pub fn is_document(&self) -> bool {
        matches!(self, OutputForm::JsonObject | OutputForm::JsonSchema(_))
    }
}

/// A schema for the whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonSchema {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The schema.
    pub schema: Json,
}
