//! A request of any other wire format, in the words of a chat completion.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use crate::chat::{
    File, FileContent, FileKind, Json, Knob, Message, OutputForm, Part, Request, Role, ThinkingLevel, Tool, ToolChoice,
    ToolInput, Toolbox,
};

/// The one field of a tool that takes free text: chat completions know only tools that take an object.
pub(super) const TEXT_INPUT: &str = "input";

/// The body for this model. `newer_limit`: under which name it wants the token limit.
pub(super) fn body(request: &Request, model: &str, stream: bool, newer_limit: bool) -> Vec<u8> {
    let knob = |knob| request.sampling.get(knob);
    let limit = |newer| request.max_tokens.filter(|_| newer == newer_limit);
    let body = Body {
        model,
        messages: messages(request),
        stream,
        stream_options: stream.then_some(StreamOptions { include_usage: true }),
        max_tokens: limit(false),
        max_completion_tokens: limit(true),
        stop: &request.stop,
        temperature: knob(Knob::Temperature),
        top_p: knob(Knob::TopP),
        top_k: knob(Knob::TopK),
        presence_penalty: knob(Knob::PresencePenalty),
        frequency_penalty: knob(Knob::FrequencyPenalty),
        seed: knob(Knob::Seed),
        reasoning_effort: (request.thinking == Some(ThinkingLevel::Extended)).then_some("high"),
        tools: request
            .tools
            .as_ref()
            .map(|toolbox| toolbox.tools.iter().map(tool).collect()),
        tool_choice: request.tools.as_ref().map(|toolbox| choice(&toolbox.choice)),
        parallel_tool_calls: request
            .tools
            .as_ref()
            .and_then(|toolbox| (!toolbox.parallel).then_some(false)),
        response_format: format(&request.form),
    };
    // Strings and numbers under string keys can always be written.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The calls whose tools take free text come back as objects: this is their text.
pub(super) fn free_text(toolbox: Option<&Toolbox>, name: &str, arguments: String) -> String {
    let takes_text = toolbox
        .and_then(|toolbox| toolbox.get(name))
        .is_some_and(|tool| tool.input == ToolInput::Text);
    if !takes_text {
        return arguments;
    }
    let value = serde_json::from_str::<Value>(&arguments).ok();
    let text = value.as_ref().and_then(|value| value.get(TEXT_INPUT)?.as_str());
    text.map(str::to_owned).unwrap_or(arguments)
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Said<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<&'a serde_json::Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<Offered<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Wanted<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Called<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// A single text is a plain string: many servers know nothing else for most roles.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Value>),
}

#[derive(Serialize)]
struct Called<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: CalledFunction<'a>,
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Offered<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: OfferedFunction<'a>,
}

#[derive(Serialize)]
struct OfferedFunction<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Schema<'a>>,
}

/// A schema in the client's own words and order.
#[derive(Serialize)]
#[serde(untagged)]
enum Schema<'a> {
    Theirs(&'a RawValue),
    Ours(Value),
}

#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<WantedSchema<'a>>,
}

#[derive(Serialize)]
struct WantedSchema<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: Schema<'a>,
}

fn messages(request: &Request) -> Vec<Said<'_>> {
    let closing = request.closing.as_deref().map(|text| Said {
        role: "system",
        content: Some(Content::Text(text)),
        tool_calls: Vec::new(),
        tool_call_id: None,
    });
    request.messages.iter().map(said).chain(closing).collect()
}

fn said(message: &Message) -> Said<'_> {
    let content = match message.parts.as_slice() {
        [] if !message.tool_calls.is_empty() => None,
        [] => Some(Content::Text("")),
        [Part::Text(text)] => Some(Content::Text(text)),
        parts => Some(Content::Parts(parts.iter().map(part).collect())),
    };
    Said {
        role: match message.role {
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Tool => "tool",
            Role::User => "user",
        },
        content,
        tool_calls: message
            .tool_calls
            .iter()
            .map(|call| Called {
                id: &call.id,
                kind: "function",
                function: CalledFunction {
                    name: &call.name,
                    arguments: &call.arguments,
                },
            })
            .collect(),
        tool_call_id: message.tool_call_id.as_deref(),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "text", "text": text}),
        Part::File(file) => match file.kind {
            FileKind::Image => json!({"type": "image_url", "image_url": {"url": address(file)}}),
            FileKind::Video => json!({"type": "video_url", "video_url": {"url": address(file)}}),
            FileKind::Audio => json!({"type": "input_audio", "input_audio": {
                "data": bytes(file),
                "format": file.mime.as_deref().and_then(|mime| mime.rsplit('/').next()).unwrap_or("wav"),
            }}),
            FileKind::Document => json!({"type": "file", "file": {
                "filename": file.name.as_deref().unwrap_or("document"),
                "file_data": address(file),
            }}),
        },
    }
}

fn address(file: &File) -> String {
    match &file.content {
        FileContent::Url(url) => url.clone(),
        FileContent::Bytes(_) => {
            let mime = file.mime.as_deref().unwrap_or("application/octet-stream");
            format!("data:{mime};base64,{}", bytes(file))
        }
    }
}

fn bytes(file: &File) -> String {
    match &file.content {
        FileContent::Bytes(bytes) => STANDARD.encode(bytes),
        FileContent::Url(_) => String::new(),
    }
}

fn tool(tool: &Tool) -> Offered<'_> {
    let parameters = match &tool.input {
        ToolInput::Object(schema) => schema.as_ref().map(schema_of),
        ToolInput::Text => Some(Schema::Ours(json!({
            "type": "object",
            "properties": {TEXT_INPUT: {"type": "string"}},
            "required": [TEXT_INPUT],
            "additionalProperties": false,
        }))),
    };
    Offered {
        kind: "function",
        function: OfferedFunction {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters,
        },
    }
}

fn schema_of(schema: &Json) -> Schema<'_> {
    match serde_json::from_str(schema.as_str()) {
        Ok(raw) => Schema::Theirs(raw),
        Err(_) => Schema::Ours(schema.value().clone()),
    }
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn format(form: &OutputForm) -> Option<Wanted<'_>> {
    match form {
        OutputForm::Text | OutputForm::Image => None,
        OutputForm::JsonObject => Some(Wanted {
            kind: "json_object",
            json_schema: None,
        }),
        OutputForm::JsonSchema(wanted) => Some(Wanted {
            kind: "json_schema",
            json_schema: Some(WantedSchema {
                name: &wanted.name,
                description: wanted.description.as_deref(),
                schema: schema_of(&wanted.schema),
            }),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::api::{Defaults, Format, Target};

    fn rendered(format: Format, body: &Value, newer: bool) -> Value {
        let target = Target {
            id: "m:generateContent",
            ..Target::default()
        };
        let defaults = Defaults {
            default_model: None,
            aliases: &BTreeMap::new(),
        };
        let incoming = format.read(body.to_string().as_bytes(), &target, &defaults).unwrap();
        serde_json::from_slice(&super::body(&incoming.request, "org/m", true, newer)).unwrap()
    }

    #[test]
    fn a_conversation_of_anthropics_with_all_it_can_hold() {
        let request = json!({
            "model": "hf:org/m", "max_tokens": 50, "temperature": 0.25, "top_k": 3, "stop_sequences": ["END"],
            "system": "Be brief.",
            "tools": [{"name": "look", "description": "Looks.", "input_schema": {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}}],
            "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": true},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a dot"}]},
            ],
        });
        insta::assert_json_snapshot!(rendered(Format::AnthropicMessages, &request, false));
    }

    #[test]
    fn a_request_of_googles_with_a_schema() {
        let request = json!({
            "contents": [{"role": "user", "parts": [{"text": "Name one."}]}],
            "generationConfig": {
                "temperature": 0, "topP": 0.5, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2, "maxOutputTokens": 9,
                "responseMimeType": "application/json",
                "responseJsonSchema": {"type": "object", "properties": {"name": {"type": "string"}}},
                "thinkingConfig": {"thinkingLevel": "HIGH"},
            },
        });
        insta::assert_json_snapshot!(rendered(Format::GeminiNative, &request, true));
    }

    #[test]
    fn a_tool_that_takes_text_takes_an_object_with_one_there_and_gives_the_text_back() {
        let request = json!({
            "model": "m", "input": "go", "tools": [{"type": "custom", "name": "shell"}],
        });
        let body = rendered(Format::OpenAiResponses, &request, true);
        assert_eq!(body["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
        let toolbox = Toolbox {
            tools: vec![Tool {
                name: "shell".to_owned(),
                description: None,
                input: ToolInput::Text,
            }],
            choice: ToolChoice::Auto,
            parallel: true,
        };
        let text = |arguments: &str| free_text(Some(&toolbox), "shell", arguments.to_owned());
        assert_eq!(text(r#"{"input":"ls \"a\""}"#), "ls \"a\"");
        assert_eq!(text("ls"), "ls");
        assert_eq!(
            free_text(None, "shell", r#"{"input":"x"}"#.to_owned()),
            r#"{"input":"x"}"#
        );
    }
}
