use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::{super::extract::tests::nasty, *};
use crate::{
    chat::{Json, Tool, ToolInput, Toolbox},
    error::Kind,
    upstream::emulated::tools::{syntax, whole::read_in_pieces},
};

fn request(change: impl FnOnce(&mut Toolbox)) -> Arc<Request> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}});
    let tool = |name: &str, input| Tool {
        name: name.to_owned(),
        description: None,
        input,
    };
    let mut toolbox = Toolbox {
        tools: vec![
            tool(
                "weather",
                ToolInput::Object(Some(Json::new(&schema.to_string()).unwrap())),
            ),
            tool("any", ToolInput::Object(None)),
            tool("patch", ToolInput::Text),
        ],
        choice: ToolChoice::Auto,
        parallel: true,
    };
    change(&mut toolbox);
    Arc::new(Request {
        tools: Some(toolbox),
        ..Request::default()
    })
}

fn auto() -> Arc<Request> {
    request(|_| {})
}

const PARIS: &str = "```tool_call\n{\"name\":\"weather\",\"arguments\":{\"city\":\"Paris\"}}\n```";
const ROME: &str = "```tool_call\n{\"name\":\"weather\",\"arguments\":{\"city\":\"Rome\",\"days\":\"2\"}}\n```";
const FAULTY: &str = "```tool_call\n{\"name\":\"whether\",\"arguments\":{}}\n```";

/// What an answer comes to: texts as they are, calls as name and arguments.
fn shown(events: &[Event]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut in_text = false;
    for event in events {
        match event {
            Event::Text(text) if in_text => out.last_mut().unwrap().push_str(text),
            Event::Text(text) => out.push(text.clone()),
            Event::ToolCall(call) => out.push(format!("<{} {}>", call.name, call.arguments)),
            other => panic!("{other:?}"),
        }
        in_text = matches!(event, Event::Text(_));
    }
    out
}

fn ended(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::DoneWith(FinishReason::ToolCalls) => "tool calls",
        Verdict::DoneWith(_) => "another reason",
        Verdict::Repair(_) => "repair",
        Verdict::Fail(_) => "failure",
    }
}

/// Reads one turn character by character.
fn turn(reader: &mut dyn Reading, text: &str, ending: Ending) -> (Vec<String>, Verdict) {
    let mut out = Vec::new();
    for c in text.chars() {
        reader.push(c.to_string(), &mut out);
    }
    let verdict = reader.finish(ending, &mut out);
    (shown(&out), verdict)
}

fn first(request: &Arc<Request>, text: &str, ending: Ending) -> (Vec<String>, Verdict) {
    turn(&mut First::new(Arc::clone(request)), text, ending)
}

/// Reads a turn that has to be repaired, and the one that repairs it.
fn both(request: &Arc<Request>, one: &str, two: &str) -> (Vec<String>, String, Vec<String>, Verdict) {
    let (before, verdict) = first(request, one, Ending::Whole);
    let Verdict::Repair(mut repair) = verdict else {
        panic!("{}", ended(&verdict))
    };
    assert_eq!(repair.said, one);
    let (after, verdict) = turn(&mut *repair.next, two, Ending::Last);
    (before, repair.complaint, after, verdict)
}

#[test]
fn calls_come_with_the_text_around_them() {
    let paris = "<weather {\"city\":\"Paris\"}>";
    let rome = "<weather {\"city\":\"Rome\",\"days\":2}>";
    for (text, expected) in [
        (PARIS.to_owned(), vec![paris]),
        (format!("\n{PARIS}\n"), vec![paris]),
        (format!("{PARIS}\n\n{ROME}\n\n"), vec![paris, rome]),
        (format!("Let me look. \n\n{PARIS}"), vec!["Let me look. \n\n", paris]),
        (format!("{PARIS}\n\nNow wait."), vec![paris, "\nNow wait."]),
        (format!("{PARIS}\na\n{ROME}"), vec![paris, "a\n", rome]),
    ] {
        let (found, verdict) = first(&auto(), &text, Ending::Whole);
        assert_eq!(
            (found, ended(&verdict)),
            (expected.iter().map(ToString::to_string).collect(), "tool calls"),
            "{text:?}"
        );
    }
}

#[test]
fn text_without_a_call_is_what_it_was() {
    for text in [
        "",
        " \n",
        "\n Hi",
        "a\r\n```json\n{\"name\":\"weather\",\"arguments\":{}}\n```\n",
        "```tool_call",
    ] {
        let (found, verdict) = first(&auto(), text, Ending::Whole);
        let expected: Vec<&str> = [text].into_iter().filter(|text| !text.is_empty()).collect();
        assert_eq!(
            (found, ended(&verdict)),
            (expected.iter().map(ToString::to_string).collect(), "done"),
            "{text:?}"
        );
    }
}

#[test]
fn a_faulty_call_is_asked_for_again() {
    let (before, complaint, after, verdict) = both(&auto(), &format!("Look: \n{FAULTY}\nDone."), PARIS);
    assert_eq!(
        (before, after),
        (
            vec!["Look: \n".to_owned()],
            vec!["<weather {\"city\":\"Paris\"}>".to_owned()]
        )
    );
    assert_eq!(ended(&verdict), "tool calls");
    assert!(
        complaint.contains("There is no tool \"whether\" to call"),
        "{complaint}"
    );
    assert!(!complaint.contains("do not repeat"), "{complaint}");
}

#[test]
fn what_cannot_be_repaired_comes_as_text() {
    let text = format!("Look:\n{FAULTY}\n{PARIS}\n");
    for two in ["Sorry.", FAULTY, ""] {
        let (before, _, after, verdict) = both(&auto(), &text, two);
        assert_eq!([before, after].concat().concat(), text);
        assert_eq!(ended(&verdict), "done");
    }
    // Nor is another turn spent where it could not help.
    for ending in [Ending::Cut, Ending::Last] {
        let (found, verdict) = first(&auto(), &text, ending);
        assert_eq!((found.concat(), ended(&verdict)), (text.clone(), "done"));
    }
}

#[test]
fn calls_that_went_out_are_not_made_twice() {
    let (before, complaint, after, verdict) = both(&auto(), &format!("{PARIS}\n{FAULTY}"), &format!("{PARIS}\n{ROME}"));
    assert_eq!(before, ["<weather {\"city\":\"Paris\"}>"]);
    assert_eq!(after, ["<weather {\"city\":\"Rome\",\"days\":2}>"]);
    assert!(complaint.contains("The first 1 of your calls"), "{complaint}");
    assert_eq!(ended(&verdict), "tool calls");
    let (_, _, after, verdict) = both(&auto(), &format!("{PARIS}\n{FAULTY}"), PARIS);
    assert_eq!((after, ended(&verdict)), (vec![FAULTY.to_owned()], "tool calls"));
}

#[test]
fn a_call_that_must_come_is_asked_for_once_more() {
    let required = request(|toolbox| toolbox.choice = ToolChoice::Required);
    let (before, complaint, after, verdict) = both(&required, "It is sunny.", &format!("Well:\n{PARIS}"));
    assert_eq!(
        (before.is_empty(), after),
        (true, vec!["<weather {\"city\":\"Paris\"}>".to_owned()])
    );
    assert!(complaint.contains("a call must come"), "{complaint}");
    assert_eq!(ended(&verdict), "tool calls");
    let (_, _, after, verdict) = both(&required, "It is sunny.", "I will not.");
    assert_eq!((after, ended(&verdict)), (vec!["It is sunny.".to_owned()], "done"));
    let (found, verdict) = first(&required, &format!("So:\n{PARIS}\nb"), Ending::Whole);
    assert_eq!(found, ["So:\n", "<weather {\"city\":\"Paris\"}>", "b"]);
    assert_eq!(ended(&verdict), "tool calls");
    let (found, verdict) = first(&required, "It is", Ending::Cut);
    assert_eq!((found, ended(&verdict)), (vec!["It is".to_owned()], "done"));
}

#[test]
fn text_waits_for_a_call_that_must_come() {
    let named = request(|toolbox| toolbox.choice = ToolChoice::Named("any".to_owned()));
    let mut reader = First::new(named);
    let mut out = Vec::new();
    reader.push("So:\n".to_owned(), &mut out);
    assert_eq!(out, []);
    reader.push("```tool_call\n{\"name\":\"any\"}\n```\nb c".to_owned(), &mut out);
    assert_eq!(shown(&out), ["So:\n", "<any {}>", "b c"]);
}

#[test]
fn of_several_calls_only_the_first_is_kept_where_one_is_wanted() {
    let one = request(|toolbox| toolbox.parallel = false);
    for text in [format!("{PARIS}\n{ROME}"), format!("{PARIS}\n{FAULTY}")] {
        let (found, verdict) = first(&one, &text, Ending::Whole);
        assert_eq!(
            (found, ended(&verdict)),
            (vec!["<weather {\"city\":\"Paris\"}>".to_owned()], "tool calls")
        );
    }
    let (_, _, after, _) = both(&one, FAULTY, &format!("{ROME}\n{PARIS}"));
    assert_eq!(after, ["<weather {\"city\":\"Rome\",\"days\":2}>"]);
}

#[test]
fn a_second_turn_that_fails_leaves_the_first_one() {
    let failure = || Failure::new(Kind::UpstreamRateLimited, "Slow down.");
    let repair = || match first(&auto(), FAULTY, Ending::Whole).1 {
        Verdict::Repair(repair) => repair.next,
        other => panic!("{}", ended(&other)),
    };
    let mut out = Vec::new();
    let verdict = repair().lost(failure(), &mut out);
    assert_eq!((shown(&out), ended(&verdict)), (vec![FAULTY.to_owned()], "done"));
    // A call that came before the failure cannot be taken back, and may not be all.
    let (mut out, mut next) = (Vec::new(), repair());
    next.push(format!("{PARIS}\n"), &mut out);
    assert_eq!(ended(&next.lost(failure(), &mut out)), "failure");
}

#[test]
fn ids_are_fresh() {
    let ids: BTreeSet<String> = (0..1_000).map(|_| new_id()).collect();
    assert_eq!(ids.len(), 1_000);
    let plain = |id: &String| {
        id.strip_prefix("call_")
            .is_some_and(|id| id.len() == 24 && id.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    assert!(ids.iter().all(plain));
}

#[test]
fn an_unchecked_call_is_disclosed() {
    let odd = request(|toolbox| {
        toolbox.tools[1].input = ToolInput::Object(Some(Json::new("{\"type\":\"nonsense\"}").unwrap()));
    });
    let mut out = Vec::new();
    let mut reader = First::new(odd);
    reader.push("```tool_call\n{\"name\":\"any\"}\n```\n".to_owned(), &mut out);
    let [Event::Note(note), Event::ToolCall(_)] = out.as_slice() else {
        panic!("{out:?}")
    };
    assert_eq!((note.name, note.value.as_str()), ("unchecked-tool-schema", "any"));
}

/// Any JSON value, with texts that are made of what the syntax is made of.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![nasty(), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9_f64..1e9).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..5).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

#[test]
fn free_text_may_quote_a_fence() {
    for text in ["> ````\na", "- `````", "1. ```tool_call", "a ``````````` b"] {
        let call = ToolCall {
            id: "call_1".to_owned(),
            name: "patch".to_owned(),
            arguments: text.to_owned(),
        };
        let events = read_in_pieces(&auto(), &syntax::past_call(&call), &[3]);
        let [Event::ToolCall(found)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(found.arguments, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_cuts_make_no_difference(text in nasty(), lengths in prop::collection::vec(1_u8..9, 1..5)) {
        let at_once = shown(&read_in_pieces(&auto(), &text, &[]));
        prop_assert_eq!(shown(&read_in_pieces(&auto(), &text, &lengths)), at_once);
    }

    #[test]
    fn a_call_is_read_as_it_is_written(
        fields in prop::collection::btree_map(any::<String>(), any_json(), 0..5),
        pretty: bool,
        lengths in prop::collection::vec(1_u8..40, 1..5),
    ) {
        let value: Value = fields.into_iter().collect();
        let arguments = if pretty { format!("{value:#}") } else { value.to_string() };
        let call = ToolCall { id: "call_1".to_owned(), name: "any".to_owned(), arguments };
        let events = read_in_pieces(&auto(), &format!("a\n{}\n", syntax::past_call(&call)), &lengths);
        let [.., Event::ToolCall(found)] = events.as_slice() else { panic!("{events:?}") };
        prop_assert_eq!(&found.name, "any");
        prop_assert_eq!(serde_json::from_str::<Value>(&found.arguments).unwrap(), value);
    }

    #[test]
    fn free_text_is_read_as_it_is_written(text in nasty(), lengths in prop::collection::vec(1_u8..40, 1..5)) {
        prop_assume!(serde_json::from_str::<Value>(&text).is_err());
        let call = ToolCall { id: "call_1".to_owned(), name: "patch".to_owned(), arguments: text.clone() };
        let events = read_in_pieces(&auto(), &syntax::past_call(&call), &lengths);
        let [Event::ToolCall(found)] = events.as_slice() else { panic!("{events:?}") };
        prop_assert_eq!((&found.name, &found.arguments), (&"patch".to_owned(), &text));
    }
}
