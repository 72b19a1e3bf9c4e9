use serde_json::{Value, json};

use super::{MISSING, TYPE, UNSUPPORTED, VALUE, accept, refuse};
use crate::chat::{Tool, ToolChoice, ToolInput};

fn weather() -> Value {
    json!({"type": "function", "function": {"name": "weather"}})
}

fn named(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

/// The names of the tools that may be called, and the choice.
fn choice(fields: Value) -> Option<(Vec<String>, ToolChoice, bool)> {
    let toolbox = accept(fields).request.tools?;
    let names = toolbox.tools.into_iter().map(|tool| tool.name).collect();
    Some((names, toolbox.choice, toolbox.parallel))
}

#[test]
fn a_tool_is_read_with_its_schema_as_it_was_written() {
    let raw = "{ \"type\":\"object\", \"properties\": {\"b\":{}, \"a\":{}} }";
    let body = super::with(json!({"tools": [{"type": "function", "function":
        {"name": "ns.a-b:c_1", "description": "Does it.", "parameters": "HERE", "strict": true}}]}));
    let body = body.to_string().replace("\"HERE\"", raw);
    let asked = super::read_bytes(body.as_bytes()).unwrap();
    let [tool] = asked.request.tools.unwrap().tools.try_into().unwrap();
    let Tool {
        name,
        description,
        input: ToolInput::Object(Some(schema)),
    } = tool
    else {
        panic!("{tool:?}")
    };
    assert_eq!(
        (name.as_str(), description.as_deref()),
        ("ns.a-b:c_1", Some("Does it."))
    );
    assert_eq!(schema.as_str(), raw);
    assert!(asked.ignored.is_empty() && !asked.functions);
}

#[test]
fn every_choice_is_read() {
    let tools = json!([weather(), named("time")]);
    let both = || vec!["weather".to_owned(), "time".to_owned()];
    let table = [
        (json!({}), both(), ToolChoice::Auto),
        (json!({"tool_choice": "auto"}), both(), ToolChoice::Auto),
        (json!({"tool_choice": "required"}), both(), ToolChoice::Required),
        (
            json!({"tool_choice": named("time")}),
            both(),
            ToolChoice::Named("time".to_owned()),
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("time")]}}}),
            vec!["time".to_owned()],
            ToolChoice::Auto,
        ),
        (
            json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [weather()]}}}),
            vec!["weather".to_owned()],
            ToolChoice::Required,
        ),
    ];
    for (mut fields, names, expected) in table {
        fields["tools"] = tools.clone();
        assert_eq!(choice(fields.clone()), Some((names, expected, true)), "{fields}");
    }
    let one = choice(json!({"tools": tools, "parallel_tool_calls": false})).unwrap();
    assert!(!one.2);
}

#[test]
fn tools_that_may_not_be_called_are_named_as_ignored() {
    let asked = accept(json!({"tools": [weather()], "tool_choice": "none"}));
    assert_eq!(
        (asked.ignored.as_slice(), asked.request.tools),
        (&["tools".into()][..], None)
    );
    let asked = accept(json!({"functions": [{"name": "weather"}], "function_call": "none"}));
    assert_eq!(
        (asked.ignored.as_slice(), asked.request.tools),
        (&["functions".into()][..], None)
    );
    assert_eq!(
        accept(json!({"parallel_tool_calls": true})).ignored,
        ["parallel_tool_calls"]
    );
    for nothing in [
        json!({"tools": []}),
        json!({"tools": [], "tool_choice": "auto"}),
        json!({"functions": [], "function_call": "none"}),
        json!({"tool_choice": "none"}),
    ] {
        let asked = accept(nothing);
        assert!(asked.ignored.is_empty() && asked.request.tools.is_none());
    }
}

#[test]
fn functions_are_tools_of_which_one_is_called() {
    let functions = json!([{"name": "weather", "parameters": {}}, {"name": "time"}]);
    let asked = accept(json!({"functions": functions, "function_call": {"name": "time"}}));
    let toolbox = asked.request.tools.unwrap();
    assert_eq!(toolbox.choice, ToolChoice::Named("time".to_owned()));
    assert!(asked.functions && !toolbox.parallel && toolbox.tools.len() == 2);
    refuse(
        json!({"functions": functions, "tools": [weather()]}),
        VALUE,
        "functions",
    );
    refuse(
        json!({"functions": functions, "function_call": {"name": "other"}}),
        VALUE,
        "function_call.name",
    );
    refuse(
        json!({"functions": functions, "function_call": "required"}),
        VALUE,
        "function_call",
    );
    refuse(json!({"functions": [{}]}), MISSING, "functions[0].name");
}

#[test]
fn what_makes_no_sense_is_refused_by_its_path() {
    let tools = |tool: Value| json!({"tools": [weather(), tool]});
    let table = [
        (json!({"tools": {}}), TYPE, "tools"),
        (tools(json!(1)), TYPE, "tools[1]"),
        (tools(json!({})), MISSING, "tools[1].type"),
        (tools(json!({"type": "function"})), MISSING, "tools[1].function"),
        (
            tools(json!({"type": "function", "function": {}})),
            MISSING,
            "tools[1].function.name",
        ),
        (tools(named("")), VALUE, "tools[1].function.name"),
        (tools(named("with space")), VALUE, "tools[1].function.name"),
        (tools(named(&"x".repeat(129))), VALUE, "tools[1].function.name"),
        (tools(weather()), VALUE, "tools[1].function.name"),
        (
            tools(json!({"type": "function", "function": {"name": "f", "parameters": "{}"}})),
            TYPE,
            "tools[1].function.parameters",
        ),
        (
            tools(json!({"type": "function", "function": {"name": "f", "description": 1}})),
            TYPE,
            "tools[1].function.description",
        ),
        (
            tools(json!({"type": "custom", "custom": {"name": "f"}})),
            UNSUPPORTED,
            "tools[1].type",
        ),
        (tools(json!({"type": "web_search"})), UNSUPPORTED, "tools[1].type"),
        (json!({"tool_choice": "required"}), VALUE, "tool_choice"),
        (json!({"tools": [], "tool_choice": "required"}), VALUE, "tool_choice"),
        (json!({"tool_choice": "sometimes"}), VALUE, "tool_choice"),
        (json!({"tool_choice": 1}), TYPE, "tool_choice"),
        (
            json!({"tool_choice": named("weather")}),
            VALUE,
            "tool_choice.function.name",
        ),
        (
            json!({"tools": [weather()], "tool_choice": named("other")}),
            VALUE,
            "tool_choice.function.name",
        ),
        (
            json!({"tools": [weather()], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}}),
            VALUE,
            "tool_choice.allowed_tools.tools",
        ),
        (
            json!({"tools": [weather()], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": [weather()]}}}),
            VALUE,
            "tool_choice.allowed_tools.mode",
        ),
        (
            json!({"tools": [weather()], "parallel_tool_calls": "no"}),
            TYPE,
            "parallel_tool_calls",
        ),
    ];
    for (fields, code, param) in table {
        refuse(fields, code, param);
    }
}

#[test]
fn a_schema_may_be_nested_only_so_deep() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": "HERE"}});
    let body = super::with(json!({"tools": [tool]}))
        .to_string()
        .replace("\"HERE\"", &deep);
    let failure = super::read_bytes(body.as_bytes()).unwrap_err();
    assert_eq!(failure.param_name(), Some("tools[0].function.parameters"));
}

#[test]
fn what_is_set_within_other_fields_and_cannot_act_is_named() {
    let tool = json!({"type": "function", "function": {"name": "f", "strict": true, "cache": 1}, "cache_control": {}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "fallback": 1}});
    let asked = accept(json!({
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": true},
        "tools": [tool], "response_format": format,
    }));
    assert_eq!(
        asked.ignored,
        [
            "stream_options",
            "tools.cache_control",
            "tools.cache",
            "response_format.fallback"
        ]
    );
    let strict = json!({"type": "function", "function": {"name": "f", "strict": "yes"}});
    refuse(json!({"tools": [strict]}), "invalid_type", "tools[0].function.strict");
}
