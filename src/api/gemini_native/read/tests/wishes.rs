use super::*;

fn config(config: Value) -> Asked {
    accept(json!({ "generationConfig": config }))
}

#[track_caller]
fn refuse_config(config: Value, kind: Kind, param: &str) {
    refuse(
        json!({ "generationConfig": config }),
        kind,
        &format!("generationConfig.{param}"),
    );
}

#[test]
fn limits_of_the_answer() {
    let asked = config(json!({"stopSequences": ["a", ""], "maxOutputTokens": 7, "candidateCount": 1})).request;
    assert_eq!((asked.stop, asked.max_tokens), (vec!["a".to_owned()], Some(7)));
    refuse_config(json!({"maxOutputTokens": 0}), VALUE, "maxOutputTokens");
    refuse_config(json!({"stopSequences": "a"}), TYPE, "stopSequences");
    refuse_config(json!({"stopSequences": [1]}), TYPE, "stopSequences[0]");
    refuse_config(json!({"stopSequences": vec!["a"; 65]}), VALUE, "stopSequences");
    refuse_config(json!({"stopSequences": ["é".repeat(513)]}), VALUE, "stopSequences");
    refuse_config(json!({"candidateCount": 2}), UNSUPPORTED, "candidateCount");
    refuse_config(json!({"candidateCount": 0}), VALUE, "candidateCount");
    refuse_config(json!({"temperature": "hot"}), TYPE, "temperature");
    refuse(json!({"generationConfig": []}), TYPE, "generationConfig");
}

#[test]
fn answers_are_text() {
    assert!(
        config(json!({"responseModalities": ["TEXT"], "responseLogprobs": false, "logprobs": 0}))
            .ignored
            .is_empty()
    );
    refuse_config(
        json!({"responseModalities": ["TEXT", "IMAGE"]}),
        UNSUPPORTED,
        "responseModalities",
    );
    refuse_config(json!({"speechConfig": {}}), UNSUPPORTED, "speechConfig");
    refuse_config(json!({"responseLogprobs": true}), UNSUPPORTED, "responseLogprobs");
}

#[test]
fn thinking_maps_to_the_two_levels() {
    use ThinkingLevel::{Extended, Standard};
    const LEVEL: &str = "generationConfig.thinkingConfig.thinkingLevel";
    const BUDGET: &str = "generationConfig.thinkingConfig.thinkingBudget";
    for (thinking, level, ignored) in [
        (json!({}), None, None),
        (json!({"thinkingBudget": -1}), None, None),
        (json!({"thinkingBudget": 0}), Some(Standard), Some(BUDGET)),
        (json!({"thinkingBudget": 8192}), Some(Standard), None),
        (json!({"thinkingBudget": 16384}), Some(Standard), None),
        (json!({"thinkingBudget": 16385}), Some(Extended), None),
        (json!({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}), None, None),
        (json!({"thinkingLevel": "MINIMAL"}), Some(Standard), Some(LEVEL)),
        (json!({"thinkingLevel": "low"}), Some(Standard), Some(LEVEL)),
        (json!({"thinkingLevel": "MEDIUM"}), Some(Standard), None),
        (json!({"thinkingLevel": "HIGH"}), Some(Extended), None),
        (
            json!({"thinkingLevel": "HIGH", "thinkingBudget": 0}),
            Some(Extended),
            Some(BUDGET),
        ),
    ] {
        let asked = config(json!({ "thinkingConfig": thinking }));
        assert_eq!(asked.request.thinking, level, "{thinking}");
        assert_eq!(asked.ignored.first().map(AsRef::as_ref), ignored, "{thinking}");
        assert!(!asked.include_thoughts);
    }
    assert!(config(json!({"thinkingConfig": {"includeThoughts": true}})).include_thoughts);
    refuse_config(
        json!({"thinkingConfig": {"thinkingBudget": -2}}),
        VALUE,
        "thinkingConfig.thinkingBudget",
    );
    refuse_config(
        json!({"thinkingConfig": {"thinkingLevel": "MAX"}}),
        VALUE,
        "thinkingConfig.thinkingLevel",
    );
}

#[test]
fn forms_of_the_answer() {
    let schema = |asked: Asked| match asked.request.form {
        OutputForm::JsonSchema(wanted) => wanted.schema.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        config(json!({"responseMimeType": "text/plain"})).request.form,
        OutputForm::Text
    );
    assert_eq!(
        schema(config(json!({"responseMimeType": "application/json"}))),
        r#"{"type":["object","array"]}"#
    );
    assert_eq!(
        schema(config(
            json!({"responseSchema": {"type": "ARRAY", "items": {"type": "STRING"}}})
        )),
        r#"{"type":"array","items":{"type":"string"}}"#
    );
    assert_eq!(
        schema(config(json!({"responseJsonSchema": {"type": "null"}}))),
        r#"{"type":"null"}"#
    );
    refuse_config(
        json!({"responseMimeType": "text/x.enum"}),
        UNSUPPORTED,
        "responseMimeType",
    );
    refuse_config(json!({"responseMimeType": "image/png"}), VALUE, "responseMimeType");
    refuse_config(
        json!({"responseSchema": {}, "responseJsonSchema": {}}),
        VALUE,
        "responseJsonSchema",
    );
    refuse_config(json!({"responseSchema": "x"}), TYPE, "responseSchema");
}

/// A request with two functions and this configuration of calls.
fn calling(config: Value) -> Value {
    json!({
        "tools": [{"functionDeclarations": [{"name": "f"}]}, {"functionDeclarations": [{"name": "g"}]}],
        "toolConfig": {"functionCallingConfig": config},
    })
}

#[test]
fn functions_are_read_from_all_tools() {
    let asked = accept(json!({"tools": [
        {"functionDeclarations": [
            {"name": "f", "description": "d", "parameters": {"type": "OBJECT"}, "behavior": "BLOCKING"},
            {"name": "g", "parametersJsonSchema": {"type": "object", "x": 1}, "response": {}},
        ]},
        {"functionDeclarations": [{"name": "h"}], "googleSearch": {}},
        {"codeExecution": {}},
    ]}));
    let toolbox = asked.request.tools.unwrap();
    let tools: Vec<_> = toolbox
        .tools
        .iter()
        .map(|tool| match &tool.input {
            ToolInput::Object(schema) => (tool.name.as_str(), schema.as_ref().map(|schema| schema.as_str())),
            ToolInput::Text => panic!("{tool:?}"),
        })
        .collect();
    assert_eq!(
        tools,
        [
            ("f", Some(r#"{"type":"object"}"#)),
            ("g", Some(r#"{"type":"object","x":1}"#)),
            ("h", None)
        ]
    );
    assert_eq!((toolbox.choice, toolbox.parallel), (ToolChoice::Auto, true));
    assert_eq!(toolbox.tools[0].description.as_deref(), Some("d"));
    assert_eq!(
        asked.ignored,
        [
            "tools.functionDeclarations.behavior",
            "tools.functionDeclarations.response",
            "tools.googleSearch",
            "tools.codeExecution",
        ]
    );
}

#[test]
fn tools_that_cannot_be_are_refused() {
    let function = |function: Value| json!({"tools": [{"functionDeclarations": [function]}]});
    let at = "tools[0].functionDeclarations[0]";
    refuse(function(json!({})), MISSING, &format!("{at}.name"));
    refuse(function(json!({"name": "a b"})), VALUE, &format!("{at}.name"));
    refuse(
        function(json!({"name": "f", "parameters": []})),
        TYPE,
        &format!("{at}.parameters"),
    );
    let both = json!({"name": "f", "parameters": {}, "parametersJsonSchema": {}});
    refuse(function(both), VALUE, &format!("{at}.parametersJsonSchema"));
    let twice = json!({"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "f"}]}]});
    refuse(twice, VALUE, "tools[0].functionDeclarations[1].name");
    refuse(
        json!({"tools": [{"mcpServers": []}]}),
        UNSUPPORTED,
        "tools[0].mcpServers",
    );
    refuse(json!({"tools": [{"timeTravel": {}}]}), VALUE, "tools[0]");
    refuse(json!({"tools": {}}), TYPE, "tools");
}

#[test]
fn the_choice_of_functions() {
    let names = |asked: &Asked| {
        let tools = asked.request.tools.iter().flat_map(|toolbox| &toolbox.tools);
        tools.map(|tool| tool.name.clone()).collect::<Vec<_>>()
    };
    for (config, choice, expected) in [
        (json!({}), Some(ToolChoice::Auto), vec!["f", "g"]),
        (json!({"mode": "auto"}), Some(ToolChoice::Auto), vec!["f", "g"]),
        (json!({"mode": "ANY"}), Some(ToolChoice::Required), vec!["f", "g"]),
        (
            json!({"mode": "ANY", "allowedFunctionNames": []}),
            Some(ToolChoice::Required),
            vec!["f", "g"],
        ),
        (
            json!({"mode": "ANY", "allowedFunctionNames": ["g", "f"]}),
            Some(ToolChoice::Required),
            vec!["f", "g"],
        ),
        (
            json!({"mode": "ANY", "allowedFunctionNames": ["g"]}),
            Some(ToolChoice::Named("g".to_owned())),
            vec!["g"],
        ),
        (
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}),
            Some(ToolChoice::Auto),
            vec!["g"],
        ),
        (json!({"mode": "NONE"}), None, vec![]),
    ] {
        let asked = accept(calling(config.clone()));
        assert_eq!(
            asked.request.tools.as_ref().map(|toolbox| toolbox.choice.clone()),
            choice,
            "{config}"
        );
        assert_eq!(names(&asked), expected, "{config}");
        assert_eq!(
            asked.ignored.iter().any(|name| name == "tools"),
            choice.is_none(),
            "{config}"
        );
    }
    let at = "toolConfig.functionCallingConfig";
    refuse(calling(json!({"mode": "SOME"})), VALUE, &format!("{at}.mode"));
    let unknown = json!({"mode": "ANY", "allowedFunctionNames": ["x"]});
    refuse(calling(unknown), VALUE, &format!("{at}.allowedFunctionNames[0]"));
    let useless = json!({"mode": "AUTO", "allowedFunctionNames": ["f"]});
    refuse(calling(useless), VALUE, &format!("{at}.allowedFunctionNames"));
    let nothing = json!({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}});
    refuse(nothing, VALUE, &format!("{at}.mode"));
}
