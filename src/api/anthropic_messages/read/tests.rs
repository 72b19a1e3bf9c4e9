use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::chat::{Message, OutputForm, Role, ThinkingLevel, ToolChoice, ToolInput};

mod content;

fn read(body: &Value, purpose: Purpose) -> Result<Asked, Failure> {
    let aliases = BTreeMap::from([("claude-opus-4-8".to_owned(), "gemini-pro".to_owned())]);
    let defaults = Defaults {
        default_model: None,
        aliases: &aliases,
    };
    request(body.to_string().as_bytes(), purpose, &defaults)
}

/// A valid request with some fields set.
fn with(fields: &Value) -> Value {
    let mut body =
        json!({"model": "gemini-flash", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[track_caller]
fn accept(fields: Value) -> Asked {
    read(&with(&fields), Purpose::Answer).unwrap()
}

/// The request is taken, and these fields are named as ignored.
#[track_caller]
fn ignores(fields: Value, names: &[&str]) -> Asked {
    let asked = accept(fields);
    assert_eq!(asked.ignored, names);
    asked
}

/// The request is refused with this code and path.
#[track_caller]
fn refuse(fields: Value, code: &str, param: &str) {
    let failure = read(&with(&fields), Purpose::Answer).expect_err(&fields.to_string());
    assert_eq!(
        (failure.kind().facts().code, failure.param_name()),
        (code, Some(param)),
        "{fields}: {failure}"
    );
    assert!(failure.message().ends_with('.'), "{failure}");
}

fn user(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

const VALUE: &str = "invalid_value";
const TYPE: &str = "invalid_type";
const MISSING: &str = "missing_required_parameter";
const UNSUPPORTED: &str = "unsupported_parameter";

#[test]
fn a_plain_request_is_read() {
    let asked = accept(json!({"model": "claude-opus-4-8", "system": "Be brief.", "stop_sequences": ["", "END"]}));
    let expected = Request {
        model: "gemini-pro".to_owned(),
        messages: vec![
            Message::text(Role::System, "Be brief."),
            Message::text(Role::User, "Hello"),
        ],
        stop: vec!["END".to_owned()],
        max_tokens: Some(9),
        ..Request::default()
    };
    assert_eq!(asked.request, expected);
    assert_eq!(
        (asked.requested_model.as_str(), asked.stream, asked.show_thinking),
        ("claude-opus-4-8", false, false)
    );
    assert!(accept(json!({"stream": true})).stream);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    refuse(json!({"model": null}), MISSING, "model");
    refuse(json!({"max_tokens": null}), MISSING, "max_tokens");
    refuse(json!({"max_tokens": 0}), VALUE, "max_tokens");
    refuse(json!({"max_tokens": "9"}), TYPE, "max_tokens");
    refuse(json!({"messages": null}), MISSING, "messages");
    refuse(json!({"messages": []}), VALUE, "messages");
    refuse(json!({"messages": ["a"]}), TYPE, "messages[0]");
    refuse(json!({"messages": [{"role": "user"}]}), MISSING, "messages[0].content");
    refuse(json!({"messages": [{"content": "a"}]}), MISSING, "messages[0].role");
    refuse(
        json!({"messages": [{"role": "developer", "content": "a"}]}),
        VALUE,
        "messages[0].role",
    );
    refuse(user(json!([])), VALUE, "messages[0].content");
    refuse(user(json!(7)), TYPE, "messages[0].content");
    refuse(user(json!([{"text": "a"}])), MISSING, "messages[0].content[0].type");
    refuse(user(json!([{"type": "smell"}])), VALUE, "messages[0].content[0].type");
    refuse(json!({"system": 7}), TYPE, "system");
    refuse(json!({"stream": "yes"}), TYPE, "stream");
    refuse(json!({"stop_sequences": "END"}), TYPE, "stop_sequences");
    refuse(json!({"temperature": "hot"}), TYPE, "temperature");
}

#[test]
fn counting_needs_no_limit() {
    let body = with(&json!({"max_tokens": null}));
    let asked = read(&body, Purpose::Count).unwrap();
    assert_eq!(asked.request.max_tokens, None);
    assert!(asked.request.prompt_tokens() > 0);
}

#[test]
fn tools_become_a_toolbox() {
    let asked = ignores(
        json!({
            "tools": [
                {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": {}},
                {"type": "bash_20250124", "name": "bash", "input_schema": {}},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        }),
        &["tools.cache_control", "tools.web_search"],
    );
    let toolbox = asked.request.tools.unwrap();
    let names: Vec<&str> = toolbox.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["f", "bash"]);
    assert_eq!(toolbox.tools[0].description.as_deref(), Some("d"));
    let ToolInput::Object(Some(schema)) = &toolbox.tools[0].input else {
        panic!("{toolbox:?}")
    };
    assert_eq!(schema.as_str(), r#"{"type":"object"}"#);
    assert_eq!(
        (toolbox.choice, toolbox.parallel),
        (ToolChoice::Named("f".to_owned()), false)
    );
}

#[test]
fn the_choice_decides_whether_there_is_a_toolbox() {
    let offer = |choice: Value| json!({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": choice});
    let choice = |choice: Value| accept(offer(choice)).request.tools.map(|toolbox| toolbox.choice);
    assert_eq!(choice(json!(null)), Some(ToolChoice::Auto));
    assert_eq!(choice(json!({"type": "auto"})), Some(ToolChoice::Auto));
    assert_eq!(choice(json!({"type": "any"})), Some(ToolChoice::Required));
    assert_eq!(choice(json!({"type": "none"})), None);
    refuse(offer(json!({"type": "tool", "name": "g"})), VALUE, "tool_choice.name");
    refuse(offer(json!({"type": "must"})), VALUE, "tool_choice.type");
    refuse(json!({"tool_choice": {"type": "any"}}), VALUE, "tool_choice.type");
    // An agent's own search asks for the server's tool by name: the web app searches by itself.
    let search = json!({
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "tool", "name": "web_search"},
    });
    assert_eq!(
        ignores(search, &["tools.web_search", "tool_choice"]).request.tools,
        None
    );
}

#[test]
fn a_tool_that_cannot_be_served_is_refused() {
    let tools = |tool: Value| json!({ "tools": [tool] });
    refuse(tools(json!({"name": "f"})), MISSING, "tools[0].input_schema");
    refuse(
        tools(json!({"name": "f", "input_schema": []})),
        TYPE,
        "tools[0].input_schema",
    );
    refuse(
        tools(json!({"name": "f g", "input_schema": {}})),
        VALUE,
        "tools[0].name",
    );
    refuse(
        tools(json!({"type": "bash_20250124", "name": "bash"})),
        UNSUPPORTED,
        "tools[0].type",
    );
    refuse(
        tools(json!({"type": "code_execution_20260521", "name": "c"})),
        UNSUPPORTED,
        "tools[0].type",
    );
    let twice = json!({"tools": [{"name": "f", "input_schema": {}}, {"name": "f", "input_schema": {}}]});
    refuse(twice, VALUE, "tools[1].name");
    let servers = json!({"mcp_servers": [{"type": "url", "url": "https://example.com/", "name": "n"}]});
    refuse(servers, UNSUPPORTED, "mcp_servers");
}

#[test]
fn thinking_is_asked_for_and_shown() {
    let thinking = |thinking: Value, names: &[&str]| {
        let asked = ignores(json!({ "thinking": thinking }), names);
        (asked.request.thinking, asked.show_thinking)
    };
    let longer = Some(ThinkingLevel::Extended);
    assert_eq!(
        thinking(
            json!({"type": "enabled", "budget_tokens": 2048}),
            &["thinking.budget_tokens"]
        ),
        (longer, true)
    );
    assert_eq!(thinking(json!({"type": "adaptive"}), &[]), (None, true));
    assert_eq!(
        thinking(json!({"type": "adaptive", "display": "omitted"}), &[]),
        (None, false)
    );
    assert_eq!(thinking(json!({"type": "disabled"}), &["thinking"]), (None, false));
    refuse(json!({"thinking": {"type": "deep"}}), VALUE, "thinking.type");
    let effort = |effort: &str, names: &[&str]| {
        ignores(json!({"output_config": {"effort": effort}}), names)
            .request
            .thinking
    };
    assert_eq!(effort("max", &[]), longer);
    assert_eq!(effort("high", &[]), Some(ThinkingLevel::Standard));
    assert_eq!(effort("low", &["output_config.effort"]), Some(ThinkingLevel::Standard));
}

#[test]
fn a_schema_is_the_form_of_the_answer() {
    let format = json!({"type": "json_schema", "schema": {"type": "array"}});
    for body in [
        json!({"output_config": {"format": format}}),
        json!({"output_format": format}),
    ] {
        let OutputForm::JsonSchema(wanted) = accept(body).request.form else {
            panic!("{format}")
        };
        assert_eq!(wanted.schema.as_str(), r#"{"type":"array"}"#);
    }
    let both = json!({"output_config": {"format": format}, "output_format": format});
    ignores(both, &["output_format"]);
    refuse(
        json!({"output_config": {"format": {"type": "xml"}}}),
        VALUE,
        "output_config.format.type",
    );
}

#[test]
fn a_schema_of_the_answer_that_cannot_be_used_is_refused_and_one_of_a_tool_is_taken() {
    let unusable = json!({"type": "nonsense"});
    let format = json!({"format": {"type": "json_schema", "schema": unusable}});
    refuse(json!({"output_config": format}), VALUE, "output_config.format.schema");
    accept(json!({"tools": [{"name": "f", "input_schema": unusable}]}));
}

#[test]
fn tools_are_bounded_and_named_when_none_may_be_called() {
    let tool = |number: usize| json!({"name": format!("f{number}"), "input_schema": {}});
    let tools: Vec<Value> = (0..1_025).map(tool).collect();
    accept(json!({"tools": tools[..1_024]}));
    refuse(json!({"tools": tools}), VALUE, "tools[1024].name");
    ignores(json!({"tools": [tool(0)], "tool_choice": {"type": "none"}}), &["tools"]);
}
