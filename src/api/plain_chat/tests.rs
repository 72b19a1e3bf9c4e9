use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::{
    Format,
    hostile::{self, damage, damages, mutate, mutation},
};

fn ask(body: &Value) -> Result<Incoming, Failure> {
    let defaults = Defaults {
        default_model: Some("m"),
        aliases: &BTreeMap::new(),
    };
    read(body.to_string().as_bytes(), &Target::default(), &defaults)
}

fn full_request() -> Value {
    json!({"message": "Hi", "max_tokens": 9, "temperature": 1.5, "model": "m", "stream": true, "top_k": 3})
}

#[test]
fn a_message_alone_gets_the_defaults_and_nothing_is_named_as_ignored() {
    let incoming = ask(&json!({"message": " Hi\n"})).unwrap();
    let request = &incoming.request;
    assert_eq!(request.messages, [Message::text(Role::User, " Hi\n")]);
    assert_eq!((request.model.as_str(), request.max_tokens), ("m", Some(512)));
    assert_eq!(request.sampling.get(Knob::Temperature).unwrap().as_f64(), Some(0.7));
    assert!(
        incoming.ignored.is_empty() && !incoming.stream,
        "{:?}",
        incoming.ignored
    );
}

#[test]
fn what_is_set_acts_and_what_cannot_act_is_named() {
    let incoming = ask(&full_request()).unwrap();
    assert_eq!(incoming.request.max_tokens, Some(9));
    let temperature = incoming.request.sampling.get(Knob::Temperature);
    assert_eq!(temperature.unwrap().as_f64(), Some(1.5));
    assert_eq!(incoming.ignored, ["temperature", "stream", "top_k"]);
    for (field, value) in [
        ("temperature", json!(0)),
        ("temperature", json!(2)),
        ("max_tokens", json!(1)),
    ] {
        assert!(ask(&json!({"message": "Hi", field: value})).is_ok(), "{field} {value}");
    }
}

#[test]
fn a_wrong_field_is_named_in_the_one_text_there_is() {
    let rows = [
        (json!({}), "message"),
        (json!({"message": null}), "message"),
        (json!({"message": "  "}), "message"),
        (json!({"message": ["Hi"]}), "message"),
        (json!({"message": "Hi", "max_tokens": 0}), "max_tokens"),
        (json!({"message": "Hi", "max_tokens": 1.5}), "max_tokens"),
        (json!({"message": "Hi", "max_tokens": "9"}), "max_tokens"),
        (json!({"message": "Hi", "temperature": -0.1}), "temperature"),
        (json!({"message": "Hi", "temperature": 2.1}), "temperature"),
        (json!({"message": "Hi", "temperature": "warm"}), "temperature"),
        (json!({"message": "Hi", "model": 5}), "model"),
    ];
    for (body, field) in rows {
        let failure = ask(&body).err().unwrap();
        assert_eq!(failure.param_name(), Some(field), "{body}");
        let told: Value = serde_json::from_slice(&error_body(&failure)).unwrap();
        assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
        assert!(
            told["error"].as_str().unwrap().contains(&format!("'{field}'")),
            "{told}"
        );
    }
}

#[test]
fn where_no_model_is_known_the_error_says_who_can_name_one() {
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let failure = read(br#"{"message":"Hi"}"#, &Target::default(), &defaults)
        .err()
        .unwrap();
    assert_eq!(
        (failure.kind(), failure.param_name()),
        (Kind::MissingParameter, Some("model"))
    );
    assert!(failure.message().contains("DEFAULT_MODEL"), "{failure}");
}

#[test]
fn every_failure_has_one_of_the_statuses_that_scripts_know() {
    for kind in Kind::ALL {
        let usual = kind.facts().status;
        let told = Format::PlainChat.status(usual).as_u16();
        assert!(matches!(told, 400 | 401 | 405 | 500..), "{kind:?}: {told}");
        assert_eq!(told == 401, usual == 401, "{kind:?}");
        assert_eq!(Format::OpenAiChat.status(usual), usual);
    }
}

fn whole(finish: Option<FinishReason>) -> String {
    let meta = Meta {
        id: "1".to_owned(),
        created: 1_700_000_000,
        model: "m".to_owned(),
        prompt_tokens: 9,
    };
    let answer = Answer {
        text: "Hello \"you\"\n".to_owned(),
        finish,
        ..Answer::default()
    };
    let reply = ask(&json!({"message": "Hi\u{2028}"})).unwrap().reply;
    String::from_utf8(reply.whole(&meta, &answer, &Usage::new(9, 5, 2)).to_vec()).unwrap()
}

#[test]
fn a_whole_answer_has_three_fields_and_a_fourth_when_its_end_is_missing() {
    insta::assert_snapshot!(
        whole(Some(FinishReason::Stop)),
        @r#"{"message":"Hi\u2028","response":"Hello \"you\"\n","status":"success"}"#
    );
    insta::assert_snapshot!(
        whole(Some(FinishReason::Length)),
        @r#"{"message":"Hi\u2028","response":"Hello \"you\"\n","status":"success","finish_reason":"length"}"#
    );
    assert_eq!(whole(None), whole(Some(FinishReason::Length)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_a_client_sends_is_read_or_refused_as_its_own_fault(
        mutations in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..3), mutation()), 1..4),
        all_damage in prop::option::of(damages()),
    ) {
        let mut body = full_request();
        for (way, mutation) in mutations {
            mutate(&mut body, &way, mutation);
        }
        let mut body = body.to_string().into_bytes();
        for (at, byte, how) in all_damage.into_iter().flatten() {
            damage(&mut body, at, byte, how);
        }
        hostile::survives(Format::PlainChat, &Target::default(), &body)?;
    }
}
