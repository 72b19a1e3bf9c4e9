//! From the inside of a block to calls that follow the client's schemas, or to what is wrong with it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::value::RawValue;

use super::{
    repair,
    schema::{self, Refusal},
};
use crate::chat::{Request, Schema, Tool, ToolChoice, ToolInput};

/// A call a model made, as far as the model says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    /// JSON text of an object; of a tool that takes free text, the text.
    pub(super) arguments: String,
    /// The tool has a schema that is none, or that asks for more work than there is time for, so that nothing was
    /// checked.
    pub(super) unchecked: bool,
}

/// What is wrong with a block, as a sentence for the model.
pub(super) type Fault = String;

/// The names under which models write arguments.
const ARGUMENTS: [&str; 4] = ["arguments", "parameters", "args", "input"];

/// Reads blocks. Schemas are made ready when their tool is first called.
pub(super) struct Checker {
    request: Arc<Request>,
    /// By the name of the tool. None: the schema is none.
    schemas: BTreeMap<String, Option<Schema>>,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl Checker {
    pub(super) fn new(request: Arc<Request>) -> Self {
        Self {
            request,
            schemas: BTreeMap::new(),
        }
    }

    pub(super) fn request(&self) -> Arc<Request> {
        Arc::clone(&self.request)
    }

    /// The calls of a block: one, or as many as the model put into it, in their order.
    pub(super) fn calls(&mut self, inside: &str) -> Result<Vec<Found>, Fault> {
        if let Some(call) = self.free_text(inside) {
            return Ok(vec![call]);
        }
        let text = repair::values(inside).ok_or_else(|| {
            "The block does not hold valid JSON: one object with \"name\" and \"arguments\".".to_owned()
        })?;
        let mut found = Vec::new();
        for value in repair::split(&text) {
            match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
                Ok(list) => {
                    for value in list {
                        found.push(self.call(value.get())?);
                    }
                }
                Err(_) => found.push(self.call(value.get())?),
            }
        }
        if found.is_empty() {
            return Err("The block holds no call.".to_owned());
        }
        Ok(found)
    }

    /// The call of a tool that takes free text, written as it is below a line with the name.
    fn free_text(&self, inside: &str) -> Option<Found> {
        let (head, text) = inside.split_once('\n')?;
        let fields: Fields<'_> = serde_json::from_str(head.trim()).ok()?;
        if ARGUMENTS.iter().any(|name| fields.contains_key(*name)) {
            return None;
        }
        let tool = self.tool(&string(fields.get("name")?)?)?;
        // The last line end belongs to the fence.
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = if head.ends_with('\r') {
            text.strip_suffix('\r').unwrap_or(text)
        } else {
            text
        };
        (tool.input == ToolInput::Text).then(|| Found {
            name: tool.name.clone(),
            arguments: text.to_owned(),
            unchecked: false,
        })
    }

    fn call(&mut self, value: &str) -> Result<Found, Fault> {
        let fields: Fields<'_> = serde_json::from_str(value)
            .map_err(|_| "A call is a JSON object with \"name\" and \"arguments\".".to_owned())?;
        // OpenAI's own form has both in an object called function.
        let inner = fields
            .get("function")
            .and_then(|inner| serde_json::from_str(inner.get()).ok());
        let fields = inner.unwrap_or(fields);
        let name = fields.get("name").and_then(|name| string(name));
        let name = name.ok_or_else(|| "The call has no \"name\".".to_owned())?;
        let given = ARGUMENTS.iter().find_map(|name| fields.get(*name));
        let given = given.map_or("{}", |given| given.get());
        let tool = self.tool(&name).ok_or_else(|| self.unknown(&name))?;
        match tool.input {
            ToolInput::Text => Ok(Found {
                arguments: text_of(&name, given)?,
                name,
                unchecked: false,
            }),
            ToolInput::Object(_) => self.object(name, given),
        }
    }

    /// The arguments of a tool that takes an object.
    fn object(&mut self, name: String, given: &str) -> Result<Found, Fault> {
        let arguments =
            object_text(given).ok_or_else(|| format!("The \"arguments\" of {name} are not a JSON object."))?;
        let checked = match self.schema(&name) {
            Some(Some(schema)) => schema::follow(schema, &arguments),
            Some(None) => Err(Refusal::Unchecked),
            None => Ok(arguments.clone()),
        };
        let (arguments, unchecked) = match checked {
            Ok(checked) => (checked, false),
            Err(Refusal::Unchecked) => (arguments, true),
            Err(Refusal::Wrong(why)) => {
                return Err(format!("The \"arguments\" of {name} do not follow its schema: {why}."));
            }
        };
        Ok(Found {
            name,
            arguments,
            unchecked,
        })
    }

    /// None: the tool takes any object.
    fn schema(&mut self, name: &str) -> Option<Option<&Schema>> {
        let tool = self.request.tools.as_ref()?.get(name)?;
        let ToolInput::Object(Some(schema)) = &tool.input else {
            return None;
        };
        let made = self.schemas.entry(name.to_owned()).or_insert_with(|| {
            let made = Schema::new(schema);
            made.inspect_err(|_| tracing::debug!("the schema of a tool cannot be used"))
                .ok()
        });
        Some(made.as_ref())
    }

    /// The tool of this name, if it may be called.
    fn tool(&self, name: &str) -> Option<&Tool> {
        let toolbox = self.request.tools.as_ref()?;
        match &toolbox.choice {
            ToolChoice::Named(only) if only != name => None,
            _ => toolbox.get(name),
        }
    }

    fn unknown(&self, name: &str) -> Fault {
        /// Long enough for any name; what a model made up may be longer.
        const SHOWN: usize = 128;
        let toolbox = self.request.tools.as_ref();
        let tools = toolbox.map(|toolbox| toolbox.tools.as_slice()).unwrap_or_default();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let names = names.into_iter().filter(|name| self.tool(name).is_some());
        let names: Vec<&str> = names.collect();
        let shown = &name[..name.floor_char_boundary(SHOWN)];
        format!("There is no tool {shown:?} to call; there is: {}.", names.join(", "))
    }
}

/// The text for a tool that takes free text, of a call that is JSON all the same.
fn text_of(name: &str, given: &str) -> Result<String, Fault> {
    let direct = serde_json::from_str::<String>(given).ok();
    let wrapped = || {
        let fields: BTreeMap<String, String> = serde_json::from_str(given).ok()?;
        (fields.len() == 1).then(|| fields.into_values().next()).flatten()
    };
    direct
        .or_else(wrapped)
        .ok_or_else(|| format!("The tool {name} takes text: write it as it is below the line with the name."))
}

/// The JSON text of an object, which may itself stand in a string.
fn object_text(given: &str) -> Option<String> {
    if given == "null" {
        return Some("{}".to_owned());
    }
    let object = |text: &str| text.starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_ok();
    if object(given) {
        return Some(given.to_owned());
    }
    let inner = serde_json::from_str::<String>(given).ok()?;
    repair::values(&inner).filter(|text| object(text))
}

fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests;
