//! The tools of a request, in today's form and in the one before it.

use std::borrow::Cow;

use crate::{
    api::{
        fields::{Ignored, name_rest},
        json::{Object, Path, Type, Value},
        schema, usual,
    },
    chat::{Tool, ToolChoice, ToolInput, Toolbox},
    error::{Failure, Kind},
};

/// What a client says of tools.
#[derive(Default)]
pub(super) struct Wanted {
    /// The tools it lets the model call.
    pub(super) toolbox: Option<Toolbox>,
    /// It calls them functions, and so must the answer.
    pub(super) functions: bool,
}

const TOOLS: Path<'static> = Path::root("tools");
const TOOL_CHOICE: Path<'static> = Path::root("tool_choice");
const PARALLEL: Path<'static> = Path::root("parallel_tool_calls");
const FUNCTIONS: Path<'static> = Path::root("functions");
const FUNCTION_CALL: Path<'static> = Path::root("function_call");

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`, or `functions` and `function_call`.
///
/// Tools whose use is forbidden are named as ignored: the model does not hear of them.
///
/// # Errors
/// [`Kind::MissingParameter`], [`Kind::InvalidType`] or [`Kind::InvalidRequest`] with the path of the field at fault;
/// [`Kind::UnsupportedParameter`] for tools that only OpenAI's own servers run.
pub(super) fn read(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Wanted, Failure> {
    let functions = functions(fields, ignored)?;
    let tools = tools(fields, ignored)?;
    match (tools, functions) {
        (Some(_), Some(_)) => {
            let message = "'functions' is the older form of 'tools', and cannot be sent beside it. Leave it out.";
            Err(FUNCTIONS.failure(Kind::InvalidRequest, message))
        }
        (None, Some(functions)) => Ok(Wanted {
            toolbox: Some(functions),
            functions: true,
        }),
        (toolbox, None) => Ok(Wanted {
            toolbox,
            functions: false,
        }),
    }
}

fn tools(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<Toolbox>, Failure> {
    let parallel = fields.take(PARALLEL).map(|parallel| parallel.boolean()).transpose()?;
    let choice = fields.take(TOOL_CHOICE);
    let tools = match fields.take(TOOLS) {
        Some(tools) => list(&tools, tool, ignored)?,
        None => Vec::new(),
    };
    if tools.is_empty() && parallel.is_some() {
        ignored.push(Cow::Borrowed("parallel_tool_calls"));
    }
    let toolbox = Toolbox {
        tools,
        choice: ToolChoice::Auto,
        parallel: parallel.unwrap_or(true),
    };
    let Some(choice) = choice else { return Ok(some(toolbox)) };
    match choice.json_type() {
        Type::String => match choice.string()?.as_str() {
            "none" => Ok(forbidden(toolbox, "tools", ignored)),
            "auto" => Ok(some(toolbox)),
            "required" => chosen(toolbox, ToolChoice::Required, &choice).map(Some),
            _ => Err(choice.invalid("must be none, auto, required or an object that names a tool")),
        },
        Type::Object => by_object(toolbox, &choice).map(Some),
        _ => Err(choice.wrong_type("a string or an object")),
    }
}

/// A choice that names one tool, or those that are allowed.
fn by_object(mut toolbox: Toolbox, choice: &Value<'_, '_>) -> Result<Toolbox, Failure> {
    let mut fields = choice.object()?;
    let path = choice.path();
    let kind = fields.require(path.field("type"))?;
    match kind.string()?.as_str() {
        "function" => {
            let function = fields.require(path.field("function"))?;
            let name = known(&function, &toolbox)?;
            chosen(toolbox, ToolChoice::Named(name), choice)
        }
        "allowed_tools" => {
            let allowed = fields.require(path.field("allowed_tools"))?;
            let mut fields = allowed.object()?;
            let mode = fields.require(allowed.path().field("mode"))?;
            let listed = fields.require(allowed.path().field("tools"))?;
            let mut names = Vec::new();
            for (index, item) in listed.array()?.into_iter().enumerate() {
                let item = listed.element(index, item);
                let function = item.object()?.require(item.path().field("function"))?;
                names.push(known(&function, &toolbox)?);
            }
            toolbox.tools.retain(|tool| names.contains(&tool.name));
            match mode.string()?.as_str() {
                _ if toolbox.tools.is_empty() => Err(listed.invalid("must name at least one of the tools")),
                "auto" => Ok(toolbox),
                "required" => chosen(toolbox, ToolChoice::Required, choice),
                _ => Err(mode.invalid("must be auto or required")),
            }
        }
        "custom" => Err(only_functions(&kind)),
        _ => Err(kind.invalid("must be function or allowed_tools")),
    }
}

/// The form before tools: one function at most, and no choice but none, auto or its name.
fn functions(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<Toolbox>, Failure> {
    let choice = fields.take(FUNCTION_CALL);
    let tools = match fields.take(FUNCTIONS) {
        Some(functions) => list(&functions, function, ignored)?,
        None => Vec::new(),
    };
    let toolbox = Toolbox {
        tools,
        choice: ToolChoice::Auto,
        parallel: false,
    };
    let Some(choice) = choice else { return Ok(some(toolbox)) };
    match choice.json_type() {
        Type::String => match choice.string()?.as_str() {
            "none" => Ok(forbidden(toolbox, "functions", ignored)),
            "auto" => Ok(some(toolbox)),
            _ => Err(choice.invalid("must be none, auto or an object that names a function")),
        },
        Type::Object => {
            let name = known(&choice, &toolbox)?;
            chosen(toolbox, ToolChoice::Named(name), &choice).map(Some)
        }
        _ => Err(choice.wrong_type("a string or an object")),
    }
}

fn some(toolbox: Toolbox) -> Option<Toolbox> {
    (!toolbox.tools.is_empty()).then_some(toolbox)
}

/// None of the tools may be called.
fn forbidden(toolbox: Toolbox, name: &'static str, ignored: &mut Ignored) -> Option<Toolbox> {
    if !toolbox.tools.is_empty() {
        ignored.push(Cow::Borrowed(name));
    }
    None
}

fn chosen(toolbox: Toolbox, choice: ToolChoice, at: &Value<'_, '_>) -> Result<Toolbox, Failure> {
    if toolbox.tools.is_empty() {
        return Err(at.invalid("asks for a call, but there is nothing to call"));
    }
    Ok(Toolbox { choice, ..toolbox })
}

/// The name in this object, which must be that of a tool.
fn known(named: &Value<'_, '_>, toolbox: &Toolbox) -> Result<String, Failure> {
    let name = named.object()?.require(named.path().field("name"))?;
    let text = name.string()?;
    if toolbox.get(&text).is_none() {
        return Err(name.invalid("must be the name of one of the tools that are sent"));
    }
    Ok(text)
}

type Reader = fn(&Value<'_, '_>, &[Tool], &mut Ignored) -> Result<Tool, Failure>;

fn list(tools: &Value<'_, '_>, read: Reader, ignored: &mut Ignored) -> Result<Vec<Tool>, Failure> {
    let mut list = Vec::new();
    for (index, item) in tools.array()?.into_iter().enumerate() {
        let tool = read(&tools.element(index, item), &list, ignored)?;
        list.push(tool);
    }
    Ok(list)
}

/// One of `tools`, after those before it.
fn tool(tool: &Value<'_, '_>, before: &[Tool], ignored: &mut Ignored) -> Result<Tool, Failure> {
    let mut fields = tool.object()?;
    let kind = fields.require(tool.path().field("type"))?;
    if kind.string()? != "function" {
        return Err(only_functions(&kind));
    }
    let named = fields.require(tool.path().field("function"))?;
    name_rest("tools", &fields, ignored);
    function(&named, before, ignored)
}

fn function(function: &Value<'_, '_>, before: &[Tool], ignored: &mut Ignored) -> Result<Tool, Failure> {
    let mut fields = function.object()?;
    let path = function.path();
    let named = fields.require(path.field("name"))?;
    let name = named.string()?;
    usual::tool_name(&named, &name, before)?;
    let description = usual::text(&mut fields, path.field("description"))?;
    let schema = fields.take(path.field("parameters"));
    let schema = schema.map(|schema| schema::of_tool(&schema)).transpose()?;
    // Every call is held against the schema, so that strict or not makes no difference.
    usual::switch(&mut fields, path.field("strict"))?;
    name_rest("tools", &fields, ignored);
    Ok(Tool {
        name,
        description,
        input: ToolInput::Object(schema),
    })
}

fn only_functions(kind: &Value<'_, '_>) -> Failure {
    let message = format!("'{}' must be function: no other tools can be called here.", kind.path());
    kind.failure(Kind::UnsupportedParameter, message)
}
