//! Which of the tools on offer may be called, and which must.

use super::tools::{Name, Offered};
use crate::{
    api::{
        fields::{Ignored, name_once},
        json::{Object, Path, Type, Value},
    },
    chat::{ToolChoice, Toolbox},
    error::{Failure, Kind},
};

/// Reads `tool_choice`; gives what may be called, and how to write its calls. None when nothing may be.
///
/// # Errors
/// With the path of the field at fault: a choice that means nothing, or that no tool on offer can meet.
pub(super) fn toolbox(
    choice: Option<Value<'_, '_>>,
    parallel: bool,
    offered: Offered,
    ignored: &mut Ignored,
) -> Result<(Option<Toolbox>, Vec<Name>), Failure> {
    let Some(choice) = choice else {
        return Ok(with(offered, ToolChoice::Auto, parallel));
    };
    let none = |what: &str| choice.invalid(&format!("asks for a call, but no tool {what} can be called"));
    let (offered, choice) = match choice.json_type() {
        Type::String => match choice.string()?.as_str() {
            "none" => {
                if offered.any {
                    name_once("tools", ignored);
                }
                return Ok((None, Vec::new()));
            }
            "auto" => (offered, ToolChoice::Auto),
            "required" if offered.tools.is_empty() => return Err(none("on offer")),
            "required" => (offered, ToolChoice::Required),
            _ => return Err(choice.invalid("must be none, auto, required or an object that names a tool")),
        },
        Type::Object => {
            let (offered, chosen) = chosen(&choice, offered)?;
            if chosen == ToolChoice::Required && offered.tools.is_empty() {
                return Err(none("among the allowed ones"));
            }
            (offered, chosen)
        }
        _ => return Err(choice.wrong_type("a string or an object")),
    };
    Ok(with(offered, choice, parallel))
}

fn with(offered: Offered, choice: ToolChoice, parallel: bool) -> (Option<Toolbox>, Vec<Name>) {
    let Offered { tools, names, .. } = offered;
    let toolbox = (!tools.is_empty()).then_some(Toolbox {
        tools,
        choice,
        parallel,
    });
    (toolbox, names)
}

fn chosen(choice: &Value<'_, '_>, offered: Offered) -> Result<(Offered, ToolChoice), Failure> {
    let mut fields = choice.object()?;
    let path = choice.path();
    let kind = fields.require(path.field("type"))?;
    match kind.string()?.as_str() {
        "function" | "custom" => {
            let at = named(&mut fields, path, &offered)?;
            let name = offered.names[at].known_as.clone();
            Ok((offered, ToolChoice::Named(name)))
        }
        "allowed_tools" => {
            let mode = fields.require(path.field("mode"))?;
            let must = match mode.string()?.as_str() {
                "auto" => ToolChoice::Auto,
                "required" => ToolChoice::Required,
                _ => return Err(mode.invalid("must be auto or required")),
            };
            let allowed = fields.require(path.field("tools"))?;
            Ok((only(&allowed, offered)?, must))
        }
        _ => Err(kind.failure(
            Kind::UnsupportedParameter,
            format!(
                "'{}' cannot be forced: only function and custom tools can. Choose one of those, or auto.",
                kind.path()
            ),
        )),
    }
}

/// Keeps the allowed tools. Those that are not the client's are none of the tools on offer anyway.
fn only(allowed: &Value<'_, '_>, offered: Offered) -> Result<Offered, Failure> {
    let mut keep = vec![false; offered.tools.len()];
    for (index, item) in allowed.array()?.into_iter().enumerate() {
        let item = allowed.element(index, item);
        let mut fields = item.object()?;
        let kind = fields.require(item.path().field("type"))?;
        if matches!(kind.string()?.as_str(), "function" | "custom") {
            keep[named(&mut fields, item.path(), &offered)?] = true;
        }
    }
    let Offered { tools, names, any } = offered;
    let kept = tools.into_iter().zip(names).zip(keep).filter(|(_, keep)| *keep);
    let (tools, names) = kept.map(|(pair, _)| pair).unzip();
    Ok(Offered { tools, names, any })
}

fn named(fields: &mut Object<'_>, path: &Path<'_>, offered: &Offered) -> Result<usize, Failure> {
    let namespace = fields.take(path.field("namespace"));
    let namespace = namespace.map(|namespace| namespace.string()).transpose()?;
    let name = fields.require(path.field("name"))?;
    let found = offered.find(namespace.as_deref(), &name.string()?);
    found.ok_or_else(|| name.invalid("is none of the tools on offer"))
}
