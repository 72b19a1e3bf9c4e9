//! How hard the model should think, whether it is to be seen, and the form of the answer.

use crate::{
    api::{
        fields::{Ignored, name_once, name_rest},
        json::{Object, Path, Type, Value},
        schema,
    },
    chat::{JsonSchema, OutputForm, ThinkingLevel},
    error::Failure,
};

/// What `thinking`, `output_config` and `output_format` ask for together.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// How hard the model should think.
    pub(super) thinking: Option<ThinkingLevel>,
    /// Whether the answer is to show the model's thoughts. Anthropic shows none that were not asked for.
    pub(super) show_thinking: bool,
    /// The form of the answer.
    pub(super) form: OutputForm,
}

/// Reads these fields.
///
/// # Errors
/// A failure of the client's side with the path of the field at fault.
pub(super) fn read(fields: &mut Object<'_>, ignored: &mut Ignored) -> Result<Wish, Failure> {
    let mut wish = Wish::default();
    if let Some(config) = fields.take(Path::root("output_config")) {
        output_config(&config, &mut wish, ignored)?;
    }
    if let Some(older) = fields.take(Path::root("output_format")) {
        let form = form(&older, ignored)?;
        if wish.form == OutputForm::Text {
            wish.form = form;
        } else {
            name_once("output_format", ignored);
        }
    }
    if let Some(asked) = fields.take(Path::root("thinking")) {
        thinking(&asked, &mut wish, ignored)?;
    }
    Ok(wish)
}

fn output_config(config: &Value<'_, '_>, wish: &mut Wish, ignored: &mut Ignored) -> Result<(), Failure> {
    let mut fields = config.object()?;
    let path = config.path();
    if let Some(effort) = fields.take(path.field("effort")) {
        wish.thinking = Some(level(&effort, ignored)?);
    }
    if let Some(asked) = fields.take(path.field("format")) {
        wish.form = form(&asked, ignored)?;
    }
    name_rest("output_config", &fields, ignored);
    Ok(())
}

/// Anthropic's default is high, so that is the model's usual. What asks for less gets the usual, and is told.
fn level(effort: &Value<'_, '_>, ignored: &mut Ignored) -> Result<ThinkingLevel, Failure> {
    match effort.string()?.as_str() {
        "low" | "medium" => {
            name_once("output_config.effort", ignored);
            Ok(ThinkingLevel::Standard)
        }
        "high" => Ok(ThinkingLevel::Standard),
        "xhigh" | "max" => Ok(ThinkingLevel::Extended),
        _ => Err(effort.invalid("must be one of low, medium, high, xhigh, max")),
    }
}

fn form(format: &Value<'_, '_>, ignored: &mut Ignored) -> Result<OutputForm, Failure> {
    /// Anthropic's schemas have no name.
    const NAME: &str = "answer";
    let mut fields = format.object()?;
    let path = format.path();
    let kind = fields.require(path.field("type"))?;
    if kind.string()? != "json_schema" {
        return Err(kind.invalid("must be json_schema"));
    }
    let schema = schema::check(&fields.require(path.field("schema"))?)?;
    name_rest("output_config.format", &fields, ignored);
    Ok(OutputForm::JsonSchema(JsonSchema {
        name: NAME.to_owned(),
        description: None,
        schema,
    }))
}

fn thinking(asked: &Value<'_, '_>, wish: &mut Wish, ignored: &mut Ignored) -> Result<(), Failure> {
    let mut fields = asked.object()?;
    let path = asked.path();
    let kind = fields.require(path.field("type"))?;
    wish.show_thinking = true;
    match kind.string()?.as_str() {
        "enabled" => wish.thinking = Some(ThinkingLevel::Extended),
        "adaptive" | "between_tools" => {}
        "disabled" => {
            wish.show_thinking = false;
            name_once("thinking", ignored);
        }
        _ => return Err(kind.invalid("must be one of enabled, adaptive, between_tools, disabled")),
    }
    if let Some(budget) = fields.take(path.field("budget_tokens")) {
        budget.expect(Type::Number)?;
        name_once("thinking.budget_tokens", ignored);
    }
    if let Some(display) = fields.take(path.field("display")) {
        match display.string()?.as_str() {
            "summarized" => {}
            "omitted" => wish.show_thinking = false,
            _ => return Err(display.invalid("must be one of summarized, omitted")),
        }
    }
    name_rest("thinking", &fields, ignored);
    Ok(())
}
