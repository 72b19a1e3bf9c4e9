use serde_json::json;

use super::*;
use crate::chat::Json;

fn toolbox(choice: ToolChoice) -> Toolbox {
    let schema = json!({
        "type": "object", "required": ["city", "days", "unit"],
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["c", "f"]}},
    });
    Toolbox {
        tools: vec![
            Tool {
                name: "weather".to_owned(),
                description: Some("Tells the weather.\nOf any city.".to_owned()),
                input: ToolInput::Object(Some(Json::new(&format!("{schema:#}")).unwrap())),
            },
            Tool {
                name: "patch".to_owned(),
                description: None,
                input: ToolInput::Text,
            },
        ],
        choice,
        parallel: true,
    }
}

#[test]
fn instructions_hold_the_rules_the_tools_and_an_example() {
    insta::assert_snapshot!(instructions(&toolbox(ToolChoice::Auto)));
    insta::assert_snapshot!(reminder(&toolbox(ToolChoice::Auto)));
}

#[test]
fn a_tool_that_must_be_called_is_the_only_one_that_is_told() {
    let toolbox = toolbox(ToolChoice::Named("patch".to_owned()));
    let text = instructions(&toolbox);
    assert!(!text.contains("\"weather\"") && text.contains("This reply must call the tool patch."));
    assert!(text.ends_with("````tool_call\n{\"name\":\"patch\"}\nan example text\n````"));
    assert!(reminder(&toolbox).ends_with("This reply must call the tool patch."));
}

#[test]
fn several_calls_are_spoken_of_only_where_they_are_wanted() {
    let mut toolbox = toolbox(ToolChoice::Required);
    assert!(instructions(&toolbox).contains("several blocks") && reminder(&toolbox).contains("must call a tool"));
    toolbox.parallel = false;
    assert!(!instructions(&toolbox).contains("several blocks"));
}

#[test]
fn free_text_stands_in_a_fence_of_its_own_length() {
    let call = |arguments: &str| ToolCall {
        id: "c\"1".to_owned(),
        name: "patch".to_owned(),
        arguments: arguments.to_owned(),
    };
    let head = "tool_call\n{\"id\":\"c\\\"1\",\"name\":\"patch\"}";
    assert_eq!(past_call(&call("a\nb")), format!("````{head}\na\nb\n````"));
    assert_eq!(
        past_call(&call("  `````\n")),
        format!("``````{head}\n  `````\n\n``````")
    );
    assert_eq!(
        past_call(&call(" {\"a\":\n1}")),
        "```tool_call\n{\"id\":\"c\\\"1\",\"name\":\"patch\",\"arguments\":{\"a\":1}}\n```"
    );
}
