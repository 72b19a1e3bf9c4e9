use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::{
    chat::{FinishReason, Json, JsonSchema, Tool, ToolChoice, ToolInput, Toolbox},
    upstream::{Call, emulated},
};

mod properties;

/// What came of an answer.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// This document.
    Done(String),
    /// This is what the model is to be told.
    Again(String),
    /// This went out, and then this failure.
    Failed(String, String),
}

fn request(schema: Option<&Value>) -> Request {
    let form = match schema {
        None => OutputForm::JsonObject,
        Some(schema) => OutputForm::JsonSchema(JsonSchema {
            name: "answer".to_owned(),
            description: None,
            schema: Json::new(&schema.to_string()).unwrap(),
        }),
    };
    Request {
        form,
        ..Request::default()
    }
}

fn read_by(mut reader: impl Reading, pieces: &[&str], ending: Ending) -> Outcome {
    let mut out = Vec::new();
    for piece in pieces {
        reader.push((*piece).to_owned(), &mut out);
    }
    let verdict = reader.finish(ending, &mut out);
    let text = out
        .into_iter()
        .map(|event| match event {
            Event::Text(piece) if !piece.is_empty() => piece,
            other => panic!("{other:?}"),
        })
        .collect();
    match verdict {
        Verdict::Done => Outcome::Done(text),
        Verdict::DoneWith(reason) => panic!("{reason}"),
        Verdict::Repair(repair) => {
            assert_eq!(text, "", "asked again after output");
            Outcome::Again(repair.complaint)
        }
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), Kind::UpstreamInvalidOutput);
            Outcome::Failed(text, failure.message().to_owned())
        }
    }
}

fn read(schema: Option<&Value>, live: bool, pieces: &[&str], ending: Ending) -> Outcome {
    let reader = reader(&request(schema), live).unwrap().unwrap();
    read_by(reader, pieces, ending)
}

/// An object, held or live, in one piece or by characters.
#[track_caller]
fn object(said: &str, document: &str) {
    let characters: Vec<&str> = said.split("").filter(|piece| !piece.is_empty()).collect();
    for live in [false, true] {
        for pieces in [&[said], characters.as_slice()] {
            let read = read(None, live, pieces, Ending::Whole);
            assert_eq!(read, Outcome::Done(document.to_owned()), "live {live}, {pieces:?}");
        }
    }
}

#[test]
fn a_document_is_found_in_what_is_said_around_it() {
    let plain = "{\"a\": [1, -0.5e+3, true, null, \"}\\\"\\u00e9ü🦀\"],\r\n\t\"b\": {}}";
    object(plain, plain);
    object(&format!("  \n{plain}\n"), plain);
    object(&format!("```json\n{plain}\n```"), plain);
    object(&format!("```\n{plain}\n```\n"), plain);
    object(
        &format!("Here it is [1], {{as you [wanted]}}:\n\n```json\n{plain}\n```\nAnything {{else}}?"),
        plain,
    );
    object("Use {} or {\"key\": value}: {\"a\":1}", "{\"a\":1}");
    object("{\"a\":1} and not {\"b\":2}", "{\"a\":1}");
    object("```json\n{}\n```", "{}");
    object("An empty one, {}, it is.", "{}");
}

#[test]
fn what_leaves_no_doubt_is_mended() {
    object(
        r#"{"snake\_case\*": "a\[0\] \' \- \\_ \/"}"#,
        r#"{"snake_case*": "a[0] ' - \\_ \/"}"#,
    );
    object("{\"a\": \\[1, 2\\]}", "{\"a\": [1, 2]}");
    object(
        "```json\n{&quot;a&quot;: &quot;&lt;b&gt; &amp;amp;&quot;}\n```",
        "{\"a\": \"<b> &amp;\"}",
    );
    object("{\"a\": \"one\ntwo\r\n\tthree\"}", r#"{"a": "one\ntwo\r\n\tthree"}"#);
}

#[test]
fn what_is_no_document_is_asked_for_again_and_told_why() {
    for (said, why) in [
        ("I cannot do that.", "there is no JSON document in it"),
        ("", "there is no JSON document in it"),
        ("[{\"a\": 1}]", "it is not one JSON object"),
        (
            "{\"a\": 1",
            "it is not valid JSON: EOF while parsing an object at line 1 column 7",
        ),
        (
            "Here: {\"a\": \"1\"",
            "it is not valid JSON: EOF while parsing an object at line 1 column 9",
        ),
        ("{\"a\": [{\"b\": 1}; {\"c\": 1}]}", "it is not valid JSON: expected"),
        (
            "Here: {\"a\": [{\"b\": 1}; {\"c\": 1}]}",
            "broken after its character 15",
        ),
        ("{\"path\": \"C:\\Users\"}", "it is not valid JSON: invalid escape"),
        (
            "Here: {\"a\": \"b\"; \"c\": 1}",
            "the JSON in it is broken after its character 9",
        ),
        ("{\"a\": 1,}", "it is not valid JSON: trailing comma"),
    ] {
        let Outcome::Again(complaint) = read(None, false, &[said], Ending::Whole) else {
            panic!("{said}")
        };
        assert!(complaint.contains(why), "{said}: {complaint}");
        let Outcome::Failed(text, message) = read(None, false, &[said], Ending::Last) else {
            panic!("{said}")
        };
        assert!(text.is_empty() && message.contains(why), "{said}: {message}");
    }
}

#[test]
fn a_stream_that_breaks_off_after_output_fails_and_before_it_is_asked_for_again() {
    let cut = read(None, true, &["{\"a\": \"b", "c"], Ending::Whole);
    assert!(
        matches!(&cut, Outcome::Failed(text, why) if text == "{\"a\": \"bc" && why.contains("before the JSON object does")),
        "{cut:?}"
    );
    let broken = read(None, true, &["{\"a\": \"b\"", " and so on"], Ending::Last);
    assert!(
        matches!(&broken, Outcome::Failed(text, why) if text == "{\"a\": \"b\" " && why.contains("as no JSON object can")),
        "{broken:?}"
    );
    let early = read(None, true, &["{\"a\"", " oh no"], Ending::Whole);
    assert!(matches!(early, Outcome::Again(_)), "{early:?}");
}

#[test]
fn a_cut_answer_is_what_there_is_of_it() {
    for live in [false, true] {
        let read = |said: &str| read(None, live, &[said], Ending::Cut);
        assert_eq!(
            read("```json\n{\"a\": [1, 2"),
            Outcome::Done("{\"a\": [1, 2".to_owned())
        );
        assert_eq!(read("```json\n{\"a\": 1}\n``"), Outcome::Done("{\"a\": 1}".to_owned()));
        assert_eq!(read("That is not allo"), Outcome::Done("That is not allo".to_owned()));
    }
    let schema = json!({"type": "object", "required": ["b"]});
    let read = read(Some(&schema), true, &["Well: {\"a\": 1, \"b"], Ending::Cut);
    assert_eq!(read, Outcome::Done("{\"a\": 1, \"b".to_owned()));
}

#[test]
fn a_schema_decides_which_document_it_is() {
    let schema = json!({"type": "array", "items": {"type": "integer"}, "minItems": 2});
    let read = |said: &str| read(Some(&schema), true, &[said], Ending::Whole);
    let done = |document: &str| Outcome::Done(document.to_owned());
    assert_eq!(
        read("See [1] and {\"a\": 1}:\n```json\n[ 1, 2 ]\n```"),
        done("[ 1, 2 ]")
    );
    assert_eq!(read("[1,2]"), done("[1,2]"));
    for said in [
        "```json\n[1, \"two\"]\n```",
        "[1, \"two\"] it is",
        "It is [1, \"two\"]",
        "[1, \"tw\\_o\"]",
    ] {
        let Outcome::Again(complaint) = read(said) else {
            panic!("{said}")
        };
        let why = "it does not follow the JSON schema: at /1: the value is not of type \"integer\"";
        assert!(complaint.contains(why), "{said}: {complaint}");
    }
    let Outcome::Again(complaint) = read("42") else {
        panic!()
    };
    assert!(
        complaint.contains("at the root: the value is not of type \"array\""),
        "{complaint}"
    );
}

#[test]
fn a_root_without_brackets_counts_when_it_is_all_that_was_said() {
    for (schema, said, document) in [
        (
            json!({"type": "string"}),
            "```json\n\"a {\\\"b\\\": 1} [2]\"\n```",
            "\"a {\\\"b\\\": 1} [2]\"",
        ),
        (json!({}), " \"[1]\" ", "\"[1]\""),
        (json!({"type": "integer"}), "42", "42"),
        (json!({"enum": [null, true]}), "```\ntrue\n```", "true"),
    ] {
        let read = read(Some(&schema), false, &[said], Ending::Whole);
        assert_eq!(read, Outcome::Done(document.to_owned()), "{schema}");
    }
    let prose = read(Some(&json!({"type": "integer"})), false, &["It is 42"], Ending::Whole);
    assert!(matches!(prose, Outcome::Again(_)), "{prose:?}");
}

#[test]
fn with_a_schema_nothing_goes_out_before_it_is_sure() {
    let mut reader = reader(&request(Some(&json!({"type": "object"}))), true)
        .unwrap()
        .unwrap();
    let mut out = Vec::new();
    reader.push("{\"a\": 1}".to_owned(), &mut out);
    assert_eq!(out, []);
    let Verdict::Done = reader.finish(Ending::Whole, &mut out) else {
        panic!()
    };
    assert_eq!(out, [Event::Text("{\"a\": 1}".to_owned())]);
}

#[test]
fn an_object_streams_from_its_first_value_on() {
    let mut reader = reader(&request(None), true).unwrap().unwrap();
    let mut texts = Vec::new();
    for piece in ["```js", "on\n{", "\"a\"", ": \"", "b", "\"", "}", "\n``", "`"] {
        let mut out = Vec::new();
        reader.push(piece.to_owned(), &mut out);
        let text = out.into_iter().map(|event| match event {
            Event::Text(text) => text,
            other => panic!("{other:?}"),
        });
        texts.push(text.collect::<String>());
    }
    assert_eq!(texts, ["", "", "", "{\"a\": \"", "b", "\"", "}", "", ""]);
}

#[test]
fn the_second_turn_is_read_like_the_first_and_sees_a_bounded_answer() {
    let mut reader = reader(&request(None), false).unwrap().unwrap();
    reader.push("ü".repeat(100_000), &mut Vec::new());
    let Verdict::Repair(mut repair) = reader.finish(Ending::Whole, &mut Vec::new()) else {
        panic!()
    };
    assert!(repair.said.len() < 9_000 && repair.said.ends_with("[...]"));
    let mut out = Vec::new();
    repair.next.push("{\"a\":1}".to_owned(), &mut out);
    assert!(matches!(repair.next.finish(Ending::Last, &mut out), Verdict::Done));
    assert_eq!(out, [Event::Text("{\"a\":1}".to_owned())]);
}

#[test]
fn when_there_is_no_room_to_ask_again_the_answer_is_what_is_wrong() {
    let lost = |kind: Kind| {
        let mut reader = reader(&request(None), false).unwrap().unwrap();
        reader.push("No.".to_owned(), &mut Vec::new());
        let Verdict::Repair(mut repair) = reader.finish(Ending::Whole, &mut Vec::new()) else {
            panic!()
        };
        match repair.next.lost(Failure::new(kind, "Lost."), &mut Vec::new()) {
            Verdict::Fail(failure) => failure,
            _ => panic!(),
        }
    };
    let failure = lost(Kind::ContextLength);
    assert_eq!(failure.kind(), Kind::UpstreamInvalidOutput);
    assert!(
        failure.message().contains("there is no JSON document in it"),
        "{failure}"
    );
    assert_eq!(lost(Kind::UpstreamTimeout).kind(), Kind::UpstreamTimeout);
}

#[test]
fn beside_tools_an_answer_without_a_call_has_to_be_the_document() {
    let tool = Tool {
        name: "look_up".to_owned(),
        description: None,
        input: ToolInput::Object(None),
    };
    let toolbox = Toolbox {
        tools: vec![tool],
        choice: ToolChoice::Auto,
        parallel: true,
    };
    let call = Call {
        request: Arc::new(Request {
            tools: Some(toolbox),
            ..request(None)
        }),
        model: "m".into(),
        incremental: true,
        deadline: Instant::now(),
    };
    let read = |said: &str| {
        let mut reader = emulated::reader(&call).unwrap();
        let mut out = Vec::new();
        reader.push(said.to_owned(), &mut out);
        (reader.finish(Ending::Whole, &mut out), out)
    };
    let (verdict, out) = read("```json\n{\"a\":1}\n```");
    assert!(matches!(verdict, Verdict::Done));
    assert_eq!(out, [Event::Text("{\"a\":1}".to_owned())]);
    let (verdict, out) = read("I look it up:\n```tool_call\n{\"name\":\"look_up\",\"arguments\":{\"a\":1}}\n```\n");
    assert!(matches!(verdict, Verdict::DoneWith(FinishReason::ToolCalls)));
    assert!(
        matches!(out.as_slice(), [Event::ToolCall(call)] if call.arguments == "{\"a\":1}"),
        "{out:?}"
    );
    let (verdict, _) = read("I do not know.");
    assert!(matches!(verdict, Verdict::Repair(_)));
    let closing = emulated::prepared(&call.request).closing.unwrap();
    assert!(closing.find("tool_call") < closing.find("```json"), "{closing}");
}

#[test]
fn the_model_is_told_last() {
    let mut plain = Request::default();
    prepare(&mut plain);
    assert_eq!(plain.closing, None);
    let mut object = request(None);
    object.closing = Some("First this.".to_owned());
    prepare(&mut object);
    let closing = object.closing.unwrap();
    assert!(
        closing.starts_with("First this.\n") && closing.contains("one JSON object"),
        "{closing}"
    );
    let mut followed = request(Some(&json!({"type": "object"})));
    if let OutputForm::JsonSchema(wanted) = &mut followed.form {
        wanted.description = Some("A person.".to_owned());
    }
    prepare(&mut followed);
    let closing = followed.closing.unwrap();
    assert!(
        closing.contains("called answer.\nA person.\n") && closing.ends_with("{\"type\":\"object\"}"),
        "{closing}"
    );
}

#[test]
fn documents_may_be_nested_as_deep_as_they_can_be_read() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (depth, deep) in [(127, true), (128, false), (100_000, false)] {
        let read = read(Some(&json!({})), false, &[&nested(depth)], Ending::Whole);
        assert_eq!(matches!(read, Outcome::Done(_)), deep, "{depth}");
    }
    let object = format!("{{\"a\":{}}}", nested(200));
    assert!(matches!(
        read(None, false, &[&object], Ending::Last),
        Outcome::Failed(..)
    ));
}
