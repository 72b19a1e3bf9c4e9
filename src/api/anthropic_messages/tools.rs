//! The tools a client offers, and what it wants of them.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Value},
        schema, usual,
    },
    chat::{Tool, ToolChoice, ToolInput, Toolbox},
    error::{Failure, Kind},
};

/// Reads `tools` and `tool_choice`. None when no call is wanted, or none of the tools is the client's own.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault.
pub(super) fn read(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Option<Toolbox>, Failure> {
    let mut offer = Offer::default();
    if let Some(tools) = fields.take(Path::root("tools")) {
        for (index, item) in tools.array()?.into_iter().enumerate() {
            offer.take(&tools.element(index, item), ignored)?;
        }
    }
    let wanted = match fields.take(Path::root("tool_choice")) {
        Some(choice) => wanted(&choice, &offer, ignored)?,
        None => Some((ToolChoice::Auto, true)),
    };
    let toolbox = wanted.map(|(choice, parallel)| Toolbox {
        tools: offer.tools,
        choice,
        parallel,
    });
    Ok(toolbox.filter(|toolbox| !toolbox.tools.is_empty()))
}

/// What was offered so far.
#[derive(Default)]
struct Offer {
    /// Tools that the client executes.
    tools: Vec<Tool>,
    /// Names of tools that Anthropic's servers would execute, and that are ignored.
    served: Vec<String>,
}

impl Offer {
    fn take(&mut self, tool: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        let mut fields = tool.object()?;
        let path = tool.path();
        let named = fields.require(path.field("name"))?;
        let name = named.string()?;
        let schema = fields.take(path.field("input_schema"));
        match fields.take(path.field("type")) {
            // A tool of any type can be served if the client says what it takes.
            Some(kind) if schema.is_none() => {
                let kind_name = kind.string()?;
                if kind_name != "custom" {
                    let served = ignorable(&kind_name).ok_or_else(|| not_served(&kind, path))?;
                    name_once(served, ignored);
                    self.served.push(name);
                    return Ok(());
                }
            }
            _ => {}
        }
        usual::tool_name(&named, &name, &self.tools)?;
        let schema = schema.ok_or_else(|| path.field("input_schema").missing())?;
        self.tools.push(Tool {
            name,
            description: usual::text(&mut fields, path.field("description"))?,
            input: ToolInput::Object(Some(schema::of_tool(&schema)?)),
        });
        // The arguments of every tool are held against its schema.
        usual::switch(&mut fields, path.field("strict"))?;
        name_rest("tools", &fields, ignored);
        Ok(())
    }
}

/// For a tool that Anthropic's servers would execute and that is not missed: the name it is ignored under.
fn ignorable(kind: &str) -> Option<&'static str> {
    const IGNORABLE: [(&str, &str); 3] = [
        ("web_search_", "tools.web_search"),
        ("web_fetch_", "tools.web_fetch"),
        ("tool_search_tool_", "tools.tool_search_tool"),
    ];
    let found = IGNORABLE.iter().find(|(beginning, _)| kind.starts_with(beginning));
    found.map(|(_, name)| *name)
}

fn not_served(kind: &Value<'_, '_>, path: &Path<'_>) -> Failure {
    let message = format!(
        "'{path}' cannot be served: only Claude knows tools of this type. Offer it as a tool with a description and an \
         input_schema, and execute its calls in the client."
    );
    kind.failure(Kind::UnsupportedParameter, message)
}

/// The choice, and whether one answer may call several tools. None when no call is wanted or possible.
fn wanted(choice: &Value<'_, '_>, offer: &Offer, ignored: &mut Ignored) -> Result<Option<(ToolChoice, bool)>, Failure> {
    let mut fields = choice.object()?;
    let path = choice.path();
    let kind = fields.require(path.field("type"))?;
    let one_only = usual::switch(&mut fields, path.field("disable_parallel_tool_use"))?;
    let chosen = match kind.string()?.as_str() {
        "none" => {
            if !offer.tools.is_empty() {
                name_once("tools", ignored);
            }
            return Ok(None);
        }
        "auto" => ToolChoice::Auto,
        "any" => any(&kind, offer, ignored)?,
        "tool" => named(&fields.require(path.field("name"))?, offer, ignored)?,
        _ => return Err(kind.invalid("must be one of auto, any, tool, none")),
    };
    name_rest("tool_choice", &fields, ignored);
    Ok(Some((chosen, !one_only)))
}

fn any(kind: &Value<'_, '_>, offer: &Offer, ignored: &mut Ignored) -> Result<ToolChoice, Failure> {
    if !offer.tools.is_empty() {
        return Ok(ToolChoice::Required);
    }
    if offer.served.is_empty() {
        return Err(kind.invalid("asks for a call, but there are no tools"));
    }
    name_once("tool_choice", ignored);
    Ok(ToolChoice::Auto)
}

fn named(name: &Value<'_, '_>, offer: &Offer, ignored: &mut Ignored) -> Result<ToolChoice, Failure> {
    let wanted = name.string()?;
    if offer.tools.iter().any(|tool| tool.name == wanted) {
        return Ok(ToolChoice::Named(wanted));
    }
    if !offer.served.contains(&wanted) {
        return Err(name.invalid("is none of the tools"));
    }
    name_once("tool_choice", ignored);
    Ok(ToolChoice::Auto)
}
