//! `tools` and `tool_choice`.

use super::*;
use crate::chat::Json;

fn function(name: &str) -> Value {
    json!({"type": "function", "name": name, "description": "d", "parameters": {"type": "object"}, "strict": true})
}

fn two() -> Value {
    json!([function("f"), {"type": "custom", "name": "g"}, {"type": "web_search"}])
}

#[track_caller]
fn toolbox(choice: Value) -> Option<Toolbox> {
    accept(json!({"tools": two(), "tool_choice": choice})).request.tools
}

fn names(toolbox: &Toolbox) -> Vec<&str> {
    toolbox.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[test]
fn functions_and_custom_tools_are_offered() {
    let asked = accept(json!({"tools": two(), "parallel_tool_calls": false}));
    let schema = Json::new(r#"{"type":"object"}"#).unwrap();
    let tool = |name: &str, description: Option<&str>, input| Tool {
        name: name.to_owned(),
        description: description.map(str::to_owned),
        input,
    };
    assert_eq!(
        asked.request.tools,
        Some(Toolbox {
            tools: vec![
                tool("f", Some("d"), ToolInput::Object(Some(schema))),
                tool("g", None, ToolInput::Text)
            ],
            choice: ToolChoice::Auto,
            parallel: false,
        })
    );
    assert_eq!(asked.ignored, ["tools.web_search"]);
}

#[test]
fn a_namespace_becomes_part_of_the_name() {
    let group = json!({"type": "namespace", "name": "files", "description": "Files.",
        "tools": [function("read"), {"type": "custom", "name": "write"}]});
    let asked = accept(json!({"tools": [function("read"), group],
        "tool_choice": {"type": "function", "name": "read", "namespace": "files"}}));
    let toolbox = asked.request.tools.unwrap();
    assert_eq!(names(&toolbox), ["read", "files.read", "files.write"]);
    assert_eq!(toolbox.choice, ToolChoice::Named("files.read".to_owned()));
    assert_eq!(toolbox.tools[1].description.as_deref(), Some("files: Files.\nd"));
    assert_eq!(toolbox.tools[2].description, None);
    let written: Vec<_> = asked
        .names
        .iter()
        .map(|name| (name.namespace.as_deref(), name.name.as_str(), name.custom))
        .collect();
    assert_eq!(
        written,
        [
            (None, "read", false),
            (Some("files"), "read", false),
            (Some("files"), "write", true)
        ]
    );
}

#[test]
fn a_grammar_is_told_to_the_model() {
    let custom = |format: Value| json!({"tools": [{"type": "custom", "name": "g", "description": "Patches.", "format": format}]});
    let told = |format: Value| {
        accept(custom(format)).request.tools.unwrap().tools[0]
            .description
            .clone()
            .unwrap()
    };
    assert_eq!(told(json!({"type": "text"})), "Patches.");
    assert_eq!(
        told(json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\""})),
        "Patches.\nThe input follows this Lark grammar:\nstart: \"a\""
    );
    refuse(
        custom(json!({"type": "grammar", "syntax": "bnf", "definition": "x"})),
        VALUE,
        "tools[0].format.syntax",
    );
    refuse(
        custom(json!({"type": "grammar", "syntax": "regex"})),
        MISSING,
        "tools[0].format.definition",
    );
}

#[test]
fn the_choice_is_read() {
    let choice = |choice| toolbox(choice).unwrap().choice;
    assert_eq!(choice(json!("auto")), ToolChoice::Auto);
    assert_eq!(choice(json!("required")), ToolChoice::Required);
    assert_eq!(
        choice(json!({"type": "function", "name": "f"})),
        ToolChoice::Named("f".to_owned())
    );
    assert_eq!(
        choice(json!({"type": "custom", "name": "g"})),
        ToolChoice::Named("g".to_owned())
    );
    assert_eq!(toolbox(json!("none")), None);
    ignores(json!({"tools": [function("f")], "tool_choice": "none"}), &["tools"]);
}

#[test]
fn allowed_tools_are_those_that_are_offered() {
    let only = |mode: &str, tools: Value| json!({"type": "allowed_tools", "mode": mode, "tools": tools});
    let kept = toolbox(only(
        "required",
        json!([{"type": "custom", "name": "g"}, {"type": "web_search"}]),
    ))
    .unwrap();
    assert_eq!((names(&kept), &kept.choice), (vec!["g"], &ToolChoice::Required));
    assert_eq!(toolbox(only("auto", json!([{"type": "web_search"}]))), None);
    let with = |choice: Value| json!({"tools": two(), "tool_choice": choice});
    refuse(with(only("required", json!([]))), VALUE, "tool_choice");
    refuse(
        with(only("auto", json!([{"type": "function", "name": "x"}]))),
        VALUE,
        "tool_choice.tools[0].name",
    );
    refuse(with(only("never", json!([]))), VALUE, "tool_choice.mode");
}

#[test]
fn a_choice_that_cannot_be_met_is_refused() {
    refuse(json!({"tool_choice": "required"}), VALUE, "tool_choice");
    refuse(
        json!({"tools": [{"type": "web_search"}], "tool_choice": "required"}),
        VALUE,
        "tool_choice",
    );
    refuse(
        json!({"tool_choice": {"type": "function", "name": "f"}}),
        VALUE,
        "tool_choice.name",
    );
    refuse(
        json!({"tool_choice": {"type": "web_search"}}),
        UNSUPPORTED,
        "tool_choice.type",
    );
    refuse(json!({"tool_choice": "perhaps"}), VALUE, "tool_choice");
    refuse(json!({"tool_choice": 5}), TYPE, "tool_choice");
    ignores(json!({"tools": [], "tool_choice": "auto"}), &[]);
}

#[test]
fn tools_that_nobody_here_could_run_are_refused() {
    for kind in [
        "file_search",
        "code_interpreter",
        "mcp",
        "local_shell",
        "shell",
        "apply_patch",
        "computer",
    ] {
        refuse(json!({"tools": [{"type": kind}]}), UNSUPPORTED, "tools[0].type");
    }
    refuse(json!({"tools": [{"type": "oracle"}]}), VALUE, "tools[0].type");
}

#[test]
fn a_tool_must_be_well_formed() {
    refuse(json!({"tools": {}}), TYPE, "tools");
    refuse(json!({"tools": [{"name": "f"}]}), MISSING, "tools[0].type");
    refuse(json!({"tools": [{"type": "function"}]}), MISSING, "tools[0].name");
    for name in ["", "a b", "é", &"x".repeat(129)] {
        refuse(json!({"tools": [function(name)]}), VALUE, "tools[0].name");
    }
    refuse(json!({"tools": [function("f"), function("f")]}), VALUE, "tools[1].name");
    refuse(
        json!({"tools": [{"type": "function", "name": "f", "parameters": []}]}),
        TYPE,
        "tools[0].parameters",
    );
    let nested = json!({"type": "namespace", "name": "n", "tools": [{"type": "web_search"}]});
    refuse(json!({"tools": [nested]}), VALUE, "tools[0].tools[0].type");
}

#[test]
fn tools_may_come_in_the_input() {
    let asked = accept(json!({
        "tools": [function("f")],
        "input": [{"type": "additional_tools", "role": "developer", "tools": [function("h")]},
                  {"role": "user", "content": "u"}],
    }));
    assert_eq!(names(&asked.request.tools.unwrap()), ["f", "h"]);
}
