//! The `tools` of a request, and how calls of them are named.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Value},
        schema, usual,
    },
    chat::{Json, Tool, ToolInput},
    error::{Failure, Kind},
};

/// The tools on offer, and how a call of each is written. Both lists are in the same order.
#[derive(Debug, Default)]
pub(super) struct Offered {
    pub(super) tools: Vec<Tool>,
    pub(super) names: Vec<Name>,
    /// Whether any tool was sent at all, those without effect included.
    pub(super) any: bool,
}

/// How a tool is called on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// What the model knows it as: see [`joined`].
    pub(super) known_as: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    /// Whether it takes free text.
    pub(super) custom: bool,
}

/// What the model knows a tool as: its name, after that of its namespace if it is in one. A dot cannot be part of
/// either at OpenAI, so no two tools become one.
pub(super) fn joined(namespace: Option<&str>, name: &str) -> String {
    namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}.{name}"))
}

impl Offered {
    /// Adds the tools of a list.
    ///
    /// # Errors
    /// With the path of the tool at fault: its form, its name, a type that nobody here could run.
    pub(super) fn add(&mut self, list: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        for (index, item) in list.array()?.into_iter().enumerate() {
            self.any = true;
            self.tool(&list.element(index, item), ignored)?;
        }
        Ok(())
    }

    /// The tool that a choice names; without a namespace, in whichever it is.
    pub(super) fn find(&self, namespace: Option<&str>, name: &str) -> Option<usize> {
        let same =
            |known: &Name| known.name == name && (namespace.is_none() || known.namespace.as_deref() == namespace);
        self.names.iter().position(same)
    }

    fn tool(&mut self, tool: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        let mut fields = tool.object()?;
        let kind = fields.require(tool.path().field("type"))?;
        match kind.string()?.as_str() {
            "function" | "custom" => self.called_by_clients(tool, None, ignored).map(drop),
            "namespace" => self.namespace(&mut fields, tool.path(), ignored),
            // The web app searches and draws when it sees fit, and what would be found by a search for tools is
            // offered as it is.
            "image_generation" => without_tool("tools.image_generation", ignored),
            "tool_search" => without_tool("tools.tool_search", ignored),
            search if search.starts_with("web_search") => without_tool("tools.web_search", ignored),
            "file_search"
            | "code_interpreter"
            | "computer"
            | "computer_use_preview"
            | "computer_use"
            | "mcp"
            | "local_shell"
            | "shell"
            | "apply_patch"
            | "programmatic_tool_calling" => Err(kind.failure(
                Kind::UnsupportedParameter,
                format!(
                    "'{}' is a tool that OpenAI runs or trains its models for, and this gateway cannot. Leave it out, \
                     or offer the same as a function tool.",
                    kind.path()
                ),
            )),
            _ => Err(kind.invalid("must be function, custom, namespace or web_search")),
        }
    }

    /// A group of tools. What is said of the group is told with its first tool.
    fn namespace(&mut self, fields: &mut Object<'_>, path: &Path<'_>, ignored: &mut Ignored) -> Result<(), Failure> {
        let name = fields.require(path.field("name"))?.string()?;
        let about = usual::text(fields, path.field("description"))?;
        let tools = fields.require(path.field("tools"))?;
        let first = self.tools.len();
        for (index, item) in tools.array()?.into_iter().enumerate() {
            self.called_by_clients(&tools.element(index, item), Some(&name), ignored)?;
        }
        if let (Some(about), Some(tool)) = (about, self.tools.get_mut(first)) {
            let own = tool.description.take().unwrap_or_default();
            tool.description = Some(format!("{name}: {about}\n{own}"));
        }
        Ok(())
    }

    /// A tool that the client runs.
    fn called_by_clients(
        &mut self,
        tool: &Value<'_, '_>,
        namespace: Option<&str>,
        ignored: &mut Ignored,
    ) -> Result<(), Failure> {
        let mut fields = tool.object()?;
        let path = tool.path();
        let kind = fields.require(path.field("type"))?;
        let custom = match kind.string()?.as_str() {
            "function" => false,
            "custom" => true,
            _ => return Err(kind.invalid("must be function or custom")),
        };
        let name = fields.require(path.field("name"))?;
        let (plain, known_as) = self.name(&name, namespace)?;
        let description = usual::text(&mut fields, path.field("description"))?;
        let (description, input) = if custom {
            (grammar(&mut fields, path, description)?, ToolInput::Text)
        } else {
            (description, ToolInput::Object(parameters(&mut fields, path)?))
        };
        name_rest("tools", &fields, ignored);
        self.names.push(Name {
            known_as: known_as.clone(),
            namespace: namespace.map(str::to_owned),
            name: plain,
            custom,
        });
        self.tools.push(Tool {
            name: known_as,
            description,
            input,
        });
        Ok(())
    }

    fn name(&self, name: &Value<'_, '_>, namespace: Option<&str>) -> Result<(String, String), Failure> {
        let plain = name.string()?;
        if plain.is_empty() {
            return Err(name.invalid("must have at least one character"));
        }
        let known_as = joined(namespace, &plain);
        usual::tool_name(name, &known_as, &self.tools)?;
        Ok((plain, known_as))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one arm among others that can fail")]
fn without_tool(name: &'static str, ignored: &mut Ignored) -> Result<(), Failure> {
    name_once(name, ignored);
    Ok(())
}

/// The schema of a function's arguments. Whether it is strict makes no difference: calls are always held to it.
fn parameters(fields: &mut Object<'_>, path: &Path<'_>) -> Result<Option<Json>, Failure> {
    usual::switch(fields, path.field("strict"))?;
    let schema = fields.take(path.field("parameters"));
    schema.map(|schema| schema::of_tool(&schema)).transpose()
}

/// The description of a tool that takes free text, with the grammar of that text if there is one: it can be told to
/// the model, and not be forced on it.
fn grammar(fields: &mut Object<'_>, path: &Path<'_>, description: Option<String>) -> Result<Option<String>, Failure> {
    let at = path.field("format");
    let Some(format) = fields.take(at) else {
        return Ok(description);
    };
    let mut inner = format.object()?;
    let kind = inner.require(at.field("type"))?;
    match kind.string()?.as_str() {
        "text" => Ok(description),
        "grammar" => {
            let syntax = inner.require(at.field("syntax"))?;
            let name = match syntax.string()?.as_str() {
                "lark" => "Lark grammar",
                "regex" => "regular expression",
                _ => return Err(syntax.invalid("must be lark or regex")),
            };
            let definition = inner.require(at.field("definition"))?.string()?;
            let told = description.map_or_else(String::new, |text| text + "\n");
            Ok(Some(format!("{told}The input follows this {name}:\n{definition}")))
        }
        _ => Err(kind.invalid("must be text or grammar")),
    }
}
