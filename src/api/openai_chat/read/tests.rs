use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::chat::{Message, OutputForm, Role};

mod files;
mod messages;
mod tools;

fn read(body: &Value) -> Result<Asked, Failure> {
    read_bytes(body.to_string().as_bytes())
}

fn read_bytes(body: &[u8]) -> Result<Asked, Failure> {
    let aliases = BTreeMap::from([("gpt-4o".to_owned(), "gemini-flash".to_owned())]);
    let defaults = Defaults {
        default_model: None,
        aliases: &aliases,
    };
    request(body, &defaults)
}

/// A valid request with some fields set.
fn with(fields: Value) -> Value {
    let mut body = json!({"model": "gemini-flash", "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[track_caller]
fn accept(fields: Value) -> Asked {
    read(&with(fields)).unwrap()
}

/// The request is refused with this code and path.
#[track_caller]
fn refuse(fields: Value, code: &str, param: &str) {
    let failure = read(&with(fields.clone())).expect_err(&fields.to_string());
    assert_eq!(
        (failure.kind().facts().code, failure.param_name()),
        (code, Some(param)),
        "{fields}: {failure}"
    );
    assert!(failure.message().ends_with('.'), "{failure}");
}

const VALUE: &str = "invalid_value";
const TYPE: &str = "invalid_type";
const MISSING: &str = "missing_required_parameter";
const UNSUPPORTED: &str = "unsupported_parameter";

#[test]
fn a_plain_request_is_read() {
    assert_eq!(
        accept(json!({})),
        Asked {
            request: Request {
                model: "gemini-flash".to_owned(),
                messages: vec![Message::text(Role::User, "Hello")],
                ..Request::default()
            },
            requested_model: "gemini-flash".to_owned(),
            stream: false,
            include_usage: false,
            functions: false,
            ignored: Vec::new(),
        }
    );
}

#[test]
fn the_body_as_a_whole_has_to_be_an_object() {
    let table: [(&[u8], &str); 9] = [
        (b"", "The body is empty. Send a JSON object."),
        (b" \n", "The body is empty. Send a JSON object."),
        (b"[]", "The body must be a JSON object, not an array."),
        (b" \"text\"", "The body must be a JSON object, not a string."),
        (b"null", "The body must be a JSON object, not null."),
        (b"{\"model\":", "The body is not valid JSON: see line 1, column 9."),
        (b"{\"model\":1,}", "The body is not valid JSON: see line 1, column 12."),
        (b"{} x", "The body is not valid JSON: see line 1, column 4."),
        (
            b"{\"a\":\"\xff\"}",
            "The body is not valid UTF-8 from byte 6 on. Send JSON in UTF-8.",
        ),
    ];
    for (body, message) in table {
        let failure = read_bytes(body).unwrap_err();
        assert_eq!(failure.message(), message);
        assert_eq!((failure.kind(), failure.param_name()), (Kind::InvalidRequest, None));
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let body = format!("\u{feff}{}", with(json!({})));
    assert!(read_bytes(body.as_bytes()).is_ok());
}

#[test]
fn depth_costs_nothing_in_fields_that_are_not_read() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let body = with(json!({}))
        .to_string()
        .replacen('{', &format!("{{\"deep\":{deep},"), 1);
    assert_eq!(read_bytes(body.as_bytes()).unwrap().ignored, ["deep"]);
    let body = format!("{{\"model\":\"m\",\"messages\":{deep}}}");
    assert_eq!(
        read_bytes(body.as_bytes()).unwrap_err().param_name(),
        Some("messages[0]")
    );
}

#[test]
fn lists_of_fields_and_elements_are_bounded() {
    let fields = "\"\":0,".repeat(2_000);
    let body = with(json!({})).to_string().replacen('{', &format!("{{{fields}"), 1);
    let failure = read_bytes(body.as_bytes()).unwrap_err();
    assert_eq!(failure.message(), "The body must have at most 1024 fields.");
    let message = format!("{{{fields}\"role\":\"user\"}}");
    let failure = read_bytes(format!("{{\"model\":\"m\",\"messages\":[{message}]}}").as_bytes()).unwrap_err();
    assert_eq!(failure.param_name(), Some("messages[0]"));
    refuse(json!({"messages": vec![0; 70_000]}), VALUE, "messages");
}

#[test]
fn the_model_is_named_aliased_or_the_default() {
    let incoming = accept(json!({"model": "gpt-4o"}));
    assert_eq!(incoming.requested_model, "gpt-4o");
    assert_eq!(incoming.request.model, "gemini-flash");
    for absent in [json!({"model": null}), json!({"model": ""})] {
        refuse(absent.clone(), MISSING, "model");
        let defaults = Defaults {
            default_model: Some("gemini-pro"),
            aliases: &BTreeMap::new(),
        };
        let incoming = request(with(absent).to_string().as_bytes(), &defaults).unwrap();
        assert_eq!(incoming.requested_model, "gemini-pro");
        assert_eq!(incoming.request.model, "gemini-pro");
    }
    refuse(json!({"model": 4}), TYPE, "model");
}

#[test]
fn null_counts_as_absent_everywhere() {
    let nulls = [
        "stream",
        "stream_options",
        "n",
        "stop",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "logprobs",
        "top_logprobs",
        "modalities",
        "audio",
        "reasoning_effort",
        "response_format",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "seed",
        "top_k",
    ];
    let fields: Value = nulls.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    assert_eq!(accept(fields), accept(json!({})));
}

#[test]
fn streaming_and_its_usage_chunk() {
    let incoming =
        accept(json!({"stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}}));
    assert!(incoming.stream && incoming.include_usage && incoming.ignored.is_empty());
    assert!(!accept(json!({"stream": true, "stream_options": {"include_usage": null}})).include_usage);
    refuse(json!({"stream": "true"}), TYPE, "stream");
    refuse(json!({"stream_options": true}), TYPE, "stream_options");
    refuse(
        json!({"stream_options": {"include_usage": 1}}),
        TYPE,
        "stream_options.include_usage",
    );
}

#[test]
fn stop_texts() {
    assert_eq!(accept(json!({"stop": "END"})).request.stop, ["END"]);
    assert_eq!(
        accept(json!({"stop": ["a", "", "b", "c", "d", "e"]})).request.stop,
        ["a", "b", "c", "d", "e"]
    );
    refuse(json!({"stop": 3}), TYPE, "stop");
    refuse(json!({"stop": ["a", 3]}), TYPE, "stop[1]");
    refuse(json!({"stop": ["a", null]}), TYPE, "stop[1]");
    refuse(json!({"stop": vec!["a"; 65]}), VALUE, "stop");
    refuse(json!({"stop": "a".repeat(1_025)}), VALUE, "stop");
    refuse(json!({"stop": ["a", "é".repeat(513)]}), VALUE, "stop");
    assert_eq!(accept(json!({"stop": "a".repeat(1_024)})).request.stop[0].len(), 1_024);
}

#[test]
fn token_limits() {
    assert_eq!(accept(json!({"max_tokens": 4})).request.max_tokens, Some(4));
    assert_eq!(accept(json!({"max_tokens": 4.0})).request.max_tokens, Some(4));
    assert_eq!(
        accept(json!({"max_tokens": 1e300})).request.max_tokens,
        Some(u64::try_from(i64::MAX).unwrap())
    );
    assert_eq!(
        accept(json!({"max_tokens": 4, "max_completion_tokens": 5}))
            .request
            .max_tokens,
        Some(5)
    );
    refuse(json!({"max_tokens": 0}), VALUE, "max_tokens");
    refuse(json!({"max_tokens": -1}), VALUE, "max_tokens");
    refuse(json!({"max_tokens": 0.5}), VALUE, "max_tokens");
    refuse(json!({"max_completion_tokens": "5"}), TYPE, "max_completion_tokens");
}

#[test]
fn reasoning_effort_maps_to_the_two_levels() {
    for (effort, level, ignored) in [
        ("none", ThinkingLevel::Standard, true),
        ("minimal", ThinkingLevel::Standard, true),
        ("low", ThinkingLevel::Standard, true),
        ("medium", ThinkingLevel::Standard, false),
        ("high", ThinkingLevel::Extended, false),
        ("xhigh", ThinkingLevel::Extended, false),
        ("max", ThinkingLevel::Extended, false),
    ] {
        let incoming = accept(json!({"reasoning_effort": effort}));
        assert_eq!(incoming.request.thinking, Some(level), "{effort}");
        assert_eq!(
            incoming.ignored.contains(&Cow::Borrowed("reasoning_effort")),
            ignored,
            "{effort}"
        );
    }
    refuse(json!({"reasoning_effort": "a lot"}), VALUE, "reasoning_effort");
    refuse(json!({"reasoning_effort": 3}), TYPE, "reasoning_effort");
}

#[test]
fn what_would_change_the_answers_shape_is_refused() {
    accept(
        json!({"n": 1, "logprobs": false, "top_logprobs": 0, "modalities": ["text"], "response_format": {"type": "text"}}),
    );
    refuse(json!({"n": 2}), UNSUPPORTED, "n");
    refuse(json!({"n": 0}), VALUE, "n");
    refuse(json!({"n": "1"}), TYPE, "n");
    refuse(json!({"logprobs": true}), UNSUPPORTED, "logprobs");
    refuse(json!({"logprobs": 5}), TYPE, "logprobs");
    refuse(json!({"top_logprobs": 5}), UNSUPPORTED, "top_logprobs");
    refuse(
        json!({"audio": {"voice": "alloy", "format": "wav"}}),
        UNSUPPORTED,
        "audio",
    );
    refuse(json!({"modalities": ["text", "audio"]}), UNSUPPORTED, "modalities");
    refuse(json!({"modalities": "text"}), TYPE, "modalities");
}

#[test]
fn the_form_of_the_answer() {
    let form = |format: Value| accept(json!({"response_format": format})).request.form;
    assert_eq!(form(json!({"type": "text"})), OutputForm::Text);
    assert_eq!(form(json!({"type": "json_object"})), OutputForm::JsonObject);
    let wanted = |more: Value| {
        let mut inner = json!({"name": "answer"});
        inner.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "json_schema", "json_schema": inner})
    };
    // Without a schema any object will do.
    assert_eq!(
        form(wanted(json!({"schema": null, "strict": true}))),
        OutputForm::JsonObject
    );
    for strict in [json!(true), json!(false), Value::Null] {
        let schema = json!({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "number"}}});
        let OutputForm::JsonSchema(read) =
            form(wanted(json!({"strict": strict, "description": "d", "schema": schema})))
        else {
            panic!("no schema")
        };
        assert_eq!((read.name.as_str(), read.description.as_deref()), ("answer", Some("d")));
        assert_eq!(read.schema.value(), &schema);
    }
    let refuse = |format: Value, code, param| refuse(json!({"response_format": format}), code, param);
    refuse(json!({"type": "xml"}), VALUE, "response_format.type");
    refuse(json!({}), MISSING, "response_format.type");
    refuse(json!("json"), TYPE, "response_format");
    refuse(json!({"type": "json_schema"}), MISSING, "response_format.json_schema");
    refuse(
        json!({"type": "json_schema", "json_schema": "a"}),
        TYPE,
        "response_format.json_schema",
    );
    refuse(
        json!({"type": "json_schema", "json_schema": {}}),
        MISSING,
        "response_format.json_schema.name",
    );
    for (more, code, param) in [
        (json!({"name": "a b"}), VALUE, "response_format.json_schema.name"),
        (json!({"name": ""}), VALUE, "response_format.json_schema.name"),
        (
            json!({"name": "a".repeat(65)}),
            VALUE,
            "response_format.json_schema.name",
        ),
        (json!({"strict": "yes"}), TYPE, "response_format.json_schema.strict"),
        (
            json!({"description": 1}),
            TYPE,
            "response_format.json_schema.description",
        ),
        (json!({"schema": "{}"}), TYPE, "response_format.json_schema.schema"),
        (
            json!({"schema": {"type": "strin"}}),
            VALUE,
            "response_format.json_schema.schema",
        ),
        (
            json!({"schema": {"$ref": "https://example.com/s.json"}}),
            VALUE,
            "response_format.json_schema.schema",
        ),
    ] {
        refuse(wanted(more), code, param);
    }
}

#[test]
fn fields_without_effect_are_named() {
    let incoming = accept(json!({
        "temperature": 0, "top_p": 0.5, "seed": 7, "user": "u", "store": false, "metadata": {"any": ["thing"]},
        "logit_bias": {"50256": -100}, "top_k": 40, "chat_template_kwargs": {"enable_thinking": false},
        "bad name\r\n": 1, "": 1,
    }));
    let mut names = incoming.ignored;
    names.sort();
    assert_eq!(
        names,
        [
            "chat_template_kwargs",
            "logit_bias",
            "metadata",
            "seed",
            "store",
            "temperature",
            "top_k",
            "top_p",
            "user"
        ]
    );
    refuse(json!({"temperature": "hot"}), TYPE, "temperature");
    refuse(json!({"logit_bias": []}), TYPE, "logit_bias");
}

#[test]
fn the_list_of_unknown_names_is_bounded() {
    let unknown: Value = (0..40).map(|n| (format!("x{n:02}"), json!(n))).collect();
    let ignored = accept(unknown).ignored;
    assert_eq!((ignored.len(), ignored[16].as_ref()), (17, "and-more"));
    let unknown: Value = (0..16).map(|n| (format!("x{n:02}"), json!(n))).collect();
    assert_eq!(accept(unknown).ignored.len(), 16);
    let twice = with(json!({})).to_string().replacen('{', "{\"x\":1,\"x\":2,", 1);
    assert_eq!(read_bytes(twice.as_bytes()).unwrap().ignored, ["x"]);
}

#[test]
fn what_another_field_overrides_is_named() {
    assert_eq!(
        accept(json!({"stream_options": {"include_usage": true}})).ignored,
        ["stream_options"]
    );
    let both = accept(json!({"max_tokens": 3, "max_completion_tokens": 4}));
    assert_eq!(
        (both.ignored.as_slice(), both.request.max_tokens),
        (&["max_tokens".into()][..], Some(4))
    );
    assert!(accept(json!({"max_tokens": 3})).ignored.is_empty());
}
