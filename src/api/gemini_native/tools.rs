//! `tools` and `toolConfig`: the functions a client offers, and what it wants of them.

use std::collections::HashSet;

use super::{named::Fields, subset};
use crate::{
    api::{
        fields::{Ignored, name_once},
        json::Value,
        schema, usual,
    },
    chat::{Tool, ToolChoice, ToolInput, Toolbox},
    error::{Failure, Kind},
};

/// Reads the tools and how they may be used. None: no call is wanted.
///
/// # Errors
/// With the path of the field at fault.
pub(super) fn read(fields: &mut Fields<'_, '_>, ignored: &mut Ignored) -> Result<Option<Toolbox>, Failure> {
    let tools = match fields.take("tools") {
        Some(tools) => declared(&tools, ignored)?,
        None => Vec::new(),
    };
    let Some(config) = fields.take("toolConfig") else {
        return Ok(toolbox(tools, ToolChoice::Auto));
    };
    let mut fields = Fields::of(&config)?;
    let calling = fields.take("functionCallingConfig");
    fields.name_ignored("toolConfig.", ignored)?;
    match calling {
        Some(calling) => choose(&calling, tools, ignored),
        None => Ok(toolbox(tools, ToolChoice::Auto)),
    }
}

fn toolbox(tools: Vec<Tool>, choice: ToolChoice) -> Option<Toolbox> {
    (!tools.is_empty()).then_some(Toolbox {
        tools,
        choice,
        parallel: true,
    })
}

/// The tools that the web app has too, in its own way and by its own choice.
const OF_THE_WEB_APP: [(&str, &str); 6] = [
    ("googleSearch", "tools.googleSearch"),
    ("googleSearchRetrieval", "tools.googleSearchRetrieval"),
    ("googleMaps", "tools.googleMaps"),
    ("enterpriseWebSearch", "tools.enterpriseWebSearch"),
    ("urlContext", "tools.urlContext"),
    ("codeExecution", "tools.codeExecution"),
];

/// The tools that nobody has here, and what to do without them.
const OF_NOBODY: [(&str, &str); 3] = [
    ("computerUse", "Declare its actions as functions"),
    ("fileSearch", "Send the files with the request"),
    ("mcpServers", "Declare their tools as functions"),
];

fn declared(tools: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Vec<Tool>, Failure> {
    let mut found = Vec::new();
    for (index, item) in tools.array()?.into_iter().enumerate() {
        let tool = tools.element(index, item);
        let mut fields = Fields::of(&tool)?;
        if let Some(functions) = fields.take("functionDeclarations") {
            for (index, item) in functions.array()?.into_iter().enumerate() {
                let function = function(&functions.element(index, item), &found, ignored)?;
                found.push(function);
            }
        }
        for (name, listed) in OF_THE_WEB_APP {
            if fields.take(name).is_some() {
                name_once(listed, ignored);
            }
        }
        for (name, instead) in OF_NOBODY {
            if let Some(tool) = fields.take(name) {
                let message = format!("'{}' is not to be had here. {instead}.", tool.path());
                return Err(tool.failure(Kind::UnsupportedParameter, message));
            }
        }
        if fields.rest().next().is_some() {
            return Err(tool.invalid("is no known kind of tool; functionDeclarations can always be sent"));
        }
    }
    Ok(found)
}

fn function(function: &Value<'_, '_>, before: &[Tool], ignored: &mut Ignored) -> Result<Tool, Failure> {
    let mut fields = Fields::of(function)?;
    let named = fields.require("name")?;
    let name = named.string()?;
    usual::tool_name(&named, &name, before)?;
    let description = fields.take("description").map(|text| text.string()).transpose()?;
    let subset = fields.take("parameters");
    let standard = fields.take("parametersJsonSchema");
    let schema = match (subset, standard) {
        (None, None) => None,
        (Some(given), None) => Some(subset::translate(&given)?),
        (None, Some(standard)) => Some(schema::of_tool(&standard)?),
        (Some(_), Some(standard)) => {
            return Err(standard.invalid("cannot stand beside parameters: send one of the two"));
        }
    };
    fields.name_ignored("tools.functionDeclarations.", ignored)?;
    Ok(Tool {
        name,
        description,
        input: ToolInput::Object(schema),
    })
}

fn choose(config: &Value<'_, '_>, tools: Vec<Tool>, ignored: &mut Ignored) -> Result<Option<Toolbox>, Failure> {
    let mut fields = Fields::of(config)?;
    let mode = fields.take("mode");
    let wanted = match mode {
        Some(mode) => Mode::read(&mode)?,
        None => Mode::Auto,
    };
    let allowed = fields.take("allowedFunctionNames");
    fields.name_ignored("toolConfig.functionCallingConfig.", ignored)?;
    let tools = match allowed {
        Some(allowed) => only(&allowed, tools, wanted)?,
        None => tools,
    };
    match (wanted, mode) {
        (Mode::None, _) => {
            if !tools.is_empty() {
                name_once("tools", ignored);
            }
            Ok(None)
        }
        (Mode::Any, Some(mode)) if tools.is_empty() => {
            Err(mode.invalid("asks for a call, but there are no functionDeclarations"))
        }
        (Mode::Any, _) => {
            let choice = match tools.as_slice() {
                [only] => ToolChoice::Named(only.name.clone()),
                _ => ToolChoice::Required,
            };
            Ok(toolbox(tools, choice))
        }
        (Mode::Auto | Mode::Validated, _) => Ok(toolbox(tools, ToolChoice::Auto)),
    }
}

/// Whether and how functions are to be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    None,
    Auto,
    Any,
    /// As the model sees fit, and every call follows its schema: so it does in all modes here.
    Validated,
}

impl Mode {
    fn read(mode: &Value<'_, '_>) -> Result<Self, Failure> {
        match mode.string()?.to_ascii_uppercase().as_str() {
            "NONE" => Ok(Mode::None),
            "AUTO" | "MODE_UNSPECIFIED" => Ok(Mode::Auto),
            "ANY" => Ok(Mode::Any),
            "VALIDATED" => Ok(Mode::Validated),
            _ => Err(mode.invalid("must be one of AUTO, ANY, NONE, VALIDATED")),
        }
    }
}

/// The functions whose names are listed; an empty list allows all, as Google has it.
fn only(allowed: &Value<'_, '_>, mut tools: Vec<Tool>, mode: Mode) -> Result<Vec<Tool>, Failure> {
    let declared: HashSet<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    let mut names = HashSet::new();
    for (index, item) in allowed.array()?.into_iter().enumerate() {
        let item = allowed.element(index, item);
        let name = item.string()?;
        if !declared.contains(name.as_str()) {
            return Err(item.invalid("is the name of no declared function"));
        }
        names.insert(name);
    }
    if names.is_empty() {
        return Ok(tools);
    }
    if !matches!(mode, Mode::Any | Mode::Validated) {
        return Err(allowed.invalid("can be set with the modes ANY and VALIDATED only"));
    }
    tools.retain(|tool| names.contains(&tool.name));
    Ok(tools)
}
