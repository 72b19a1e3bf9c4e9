use serde_json::{Value, json};

use super::*;
use crate::chat::{Json, Toolbox};

fn tool(name: &str, schema: Option<Value>) -> Tool {
    Tool {
        name: name.to_owned(),
        description: None,
        input: ToolInput::Object(schema.map(|schema| Json::new(&schema.to_string()).unwrap())),
    }
}

fn checker(tools: Vec<Tool>, choice: ToolChoice) -> Checker {
    let toolbox = Toolbox {
        tools,
        choice,
        parallel: true,
    };
    Checker::new(Arc::new(Request {
        tools: Some(toolbox),
        ..Request::default()
    }))
}

/// The arguments of a call of a tool with this schema, or what is wrong with them.
fn called(schema: Value, arguments: &str) -> Result<String, Fault> {
    let mut checker = checker(vec![tool("f", Some(schema))], ToolChoice::Auto);
    let found = checker.calls(&format!("{{\"name\":\"f\",\"arguments\":{arguments}}}\n"))?;
    assert_eq!(found.len(), 1);
    assert!(!found[0].unchecked);
    Ok(found[0].arguments.clone())
}

#[track_caller]
fn accepts(schema: Value, arguments: &str, expected: &str) {
    assert_eq!(called(schema, arguments).as_deref(), Ok(expected), "{arguments}");
}

/// Refuses with words that hold this.
#[track_caller]
fn refuses(schema: Value, arguments: &str, words: &str) {
    let fault = called(schema, arguments).unwrap_err();
    assert!(fault.contains(words), "{fault}");
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[test]
fn valid_arguments_keep_their_text() {
    let schema = object(json!({"z": {"type": "number"}, "a": {"type": "integer"}}));
    for arguments in [
        "{\"z\":1.50,\"a\":2.0}",
        "{ \"z\" : 12345678901234567890123 , \"a\" : 1 }",
        "{\"other\":\"2\"}",
        "{\"text\":\"```\\n\\u00e9\"}",
    ] {
        accepts(schema.clone(), arguments, arguments);
    }
}

#[test]
fn only_numbers_and_booleans_are_taken_out_of_quotes_and_only_where_they_are_wanted() {
    let schema = object(json!({
        "n": {"type": "number"}, "i": {"type": "integer"}, "b": {"type": "boolean"}, "s": {"type": "string"},
        "either": {"type": ["integer", "string"]},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "free": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^x"}]},
        "list": {"type": "array", "items": {"type": "integer"}},
        "deep": {"$ref": "#/$defs/deep"}, "o": {"type": "object"}, "any": {},
    }));
    let mut schema = schema;
    schema["$defs"] = json!({"deep": {"type": "object", "properties": {"a/b~c": {"type": "integer"}}}});
    for (arguments, expected) in [
        (
            "{\"s\":\"2\",\"either\":\"2\",\"any\":\"2\",\"n\":\"1.50\"}",
            "{\"s\":\"2\",\"either\":\"2\",\"any\":\"2\",\"n\":1.50}",
        ),
        ("{\"i\": \"2\", \"b\": \"true\"}", "{\"i\":2,\"b\":true}"),
        ("{\"maybe\":\"7\"}", "{\"maybe\":7}"),
        ("{\"list\":[1,\"2\", \"-3\"]}", "{\"list\":[1,2,-3]}"),
        (
            "{\"deep\":{\"a/b~c\":\"4\",\"z\": [\"1\"]}}",
            "{\"deep\":{\"a/b~c\":4,\"z\":[\"1\"]}}",
        ),
    ] {
        accepts(schema.clone(), arguments, expected);
    }
    for (arguments, at) in [
        ("{\"i\":\"2.5\"}", "/i"),
        ("{\"i\":\" 2\"}", "/i"),
        ("{\"i\":\"\"}", "/i"),
        ("{\"n\":\"NaN\"}", "/n"),
        ("{\"b\":\"True\"}", "/b"),
        ("{\"b\":\"1\"}", "/b"),
        ("{\"b\":1}", "/b"),
        ("{\"i\":true}", "/i"),
        ("{\"s\":2}", "/s"),
        ("{\"s\":null}", "/s"),
        ("{\"maybe\":\"x\"}", "/maybe"),
        ("{\"free\":\"2\"}", "/free"),
        ("{\"list\":\"[1]\"}", "/list"),
        ("{\"o\":\"{}\"}", "/o"),
    ] {
        refuses(schema.clone(), arguments, at);
    }
}

#[test]
fn a_violation_is_told_with_its_place() {
    let schema = json!({"type": "object", "properties": {"u": {"enum": ["c", "f"]}}, "required": ["city"]});
    refuses(schema.clone(), "{}", "\"city\" is a required property");
    refuses(schema.clone(), "{\"city\":1,\"u\":\"k\"}", "/u");
    refuses(schema.clone(), "[]", "not a JSON object");
    refuses(schema.clone(), "\"Paris\"", "not a JSON object");
    let long = format!("{{\"city\":1,\"u\":\"{}\"}}", "é".repeat(10_000));
    assert!(called(schema, &long).unwrap_err().len() < 1_000);
}

#[test]
fn arguments_may_stand_in_a_string_or_be_left_out() {
    let schema = object(json!({"a": {"type": "string"}}));
    accepts(schema.clone(), "\"{\\\"a\\\":\\\"b\\\",}\"", "{\"a\":\"b\"}");
    accepts(schema.clone(), "null", "{}");
    let mut checker = checker(vec![tool("f", Some(schema))], ToolChoice::Auto);
    let found = checker.calls("{\"name\":\"f\"}").unwrap();
    assert_eq!(found[0].arguments, "{}");
}

#[test]
fn calls_in_other_common_forms_are_read() {
    let mut checker = checker(vec![tool("f", None), tool("g", None)], ToolChoice::Auto);
    for text in [
        "{\"name\":\"f\",\"parameters\":{\"a\":1}}",
        "{\"id\":\"call_1\",\"name\":\"f\",\"arguments\":{\"a\":1}}",
        "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}",
    ] {
        let found = checker.calls(text).unwrap();
        assert_eq!(
            (found[0].name.as_str(), found[0].arguments.as_str()),
            ("f", "{\"a\":1}")
        );
    }
    for text in [
        "[{\"name\":\"f\"},{\"name\":\"g\"}]",
        "{\"name\":\"f\"}\n{\"name\":\"g\"}\n",
    ] {
        let names: Vec<String> = checker.calls(text).unwrap().into_iter().map(|call| call.name).collect();
        assert_eq!(names, ["f", "g"]);
    }
}

#[test]
fn what_is_no_call_is_said_to_be_none() {
    let mut all = checker(vec![tool("f", None), tool("g", None)], ToolChoice::Auto);
    for (text, words) in [
        ("", "valid JSON"),
        ("[]", "no call"),
        ("12", "JSON object"),
        ("{\"arguments\":{}}", "no \"name\""),
        ("{\"name\":1}", "no \"name\""),
        (
            "{\"name\":\"h\",\"arguments\":{}}",
            "no tool \"h\" to call; there is: f, g.",
        ),
        ("{\"name\":\"f\",\"arguments\":5}", "not a JSON object"),
        ("{\"name\":\"f\"}{\"name\":\"h\"}", "no tool \"h\""),
    ] {
        let fault = all.calls(text).unwrap_err();
        assert!(fault.contains(words), "{text}: {fault}");
    }
    let mut one = checker(
        vec![tool("f", None), tool("g", None)],
        ToolChoice::Named("g".to_owned()),
    );
    assert!(one.calls("{\"name\":\"g\"}").is_ok());
    assert!(one.calls("{\"name\":\"f\"}").unwrap_err().contains("there is: g."));
}

#[test]
fn free_text_is_taken_as_it_is() {
    let patch = Tool {
        name: "patch".to_owned(),
        description: None,
        input: ToolInput::Text,
    };
    let mut checker = checker(vec![patch, tool("f", None)], ToolChoice::Auto);
    let mut text = |inside: &str| checker.calls(inside).map(|found| found[0].arguments.clone());
    for (inside, expected) in [
        ("{\"name\":\"patch\"}\n*** Begin\n+\"\\d\"\n\n", "*** Begin\n+\"\\d\"\n"),
        ("{\"name\":\"patch\",\"id\":\"c\"}\r\na\r\nb\r\n", "a\r\nb"),
        ("{\"name\":\"patch\"}\n", ""),
        ("{\"name\":\"patch\"}\n{\"name\":\"f\"}\n", "{\"name\":\"f\"}"),
        ("{\"name\":\"patch\",\"arguments\":\"a\\nb\"}\n", "a\nb"),
        ("{\"name\":\"patch\",\"input\":{\"text\":\"a\"}}\n", "a"),
    ] {
        assert_eq!(text(inside).as_deref(), Ok(expected), "{inside:?}");
    }
    assert!(text("{\"name\":\"patch\",\"arguments\":{\"a\":1}}").is_err());
}

#[test]
fn a_schema_that_is_none_checks_nothing_and_says_so() {
    for schema in [
        json!({"type": "nonsense"}),
        json!({"$ref": "https://example.org/s.json"}),
        json!({"pattern": "("}),
    ] {
        let mut checker = checker(vec![tool("f", Some(schema))], ToolChoice::Auto);
        let found = checker.calls("{\"name\":\"f\",\"arguments\":{\"a\":\"1\"}}").unwrap();
        assert_eq!(
            (found[0].arguments.as_str(), found[0].unchecked),
            ("{\"a\":\"1\"}", true)
        );
    }
}

#[test]
fn a_schema_that_asks_for_too_much_work_checks_nothing_and_says_so() {
    let reference = |part: usize| json!({"$ref": format!("#/$defs/part{part}")});
    let mut defs = json!({"part60": {"type": "string"}});
    for part in 0..60 {
        defs[format!("part{part}")] = json!({"allOf": [reference(part + 1), reference(part + 1)]});
    }
    let schema = json!({"$ref": "#/$defs/part0", "$defs": defs});
    let mut checker = checker(vec![tool("f", Some(schema))], ToolChoice::Auto);
    let found = checker.calls("{\"name\":\"f\",\"arguments\":{\"a\":1}}").unwrap();
    assert_eq!((found[0].arguments.as_str(), found[0].unchecked), ("{\"a\":1}", true));
}

#[test]
fn a_format_is_a_hint() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"at": {"type": "string", "format": "date-time"}},
    });
    let mut checker = checker(vec![tool("f", Some(schema))], ToolChoice::Auto);
    let found = checker.calls("{\"name\":\"f\",\"arguments\":{\"at\":\"2026-11-20 10:00\"}}");
    assert_eq!(found.unwrap()[0].arguments, "{\"at\":\"2026-11-20 10:00\"}");
}
