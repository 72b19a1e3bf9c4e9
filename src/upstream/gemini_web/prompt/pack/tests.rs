use proptest::prelude::*;

use super::*;
use crate::chat::{File, FileContent, FileKind, ToolCall};

fn request(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::default()
    }
}

const LIMITS: Limits = Limits {
    prompt: 2_000,
    attached: Some(10_000),
};

fn said(role: Role, text: &str, bytes: usize) -> Message {
    Message::text(role, format!("{text} {}", "x".repeat(bytes)))
}

/// A long conversation: its instructions, three older turns, the newest message.
fn long() -> Vec<Message> {
    vec![
        said(Role::System, "SYSTEM", 100),
        said(Role::User, "FIRST", 900),
        said(Role::Assistant, "SECOND", 900),
        said(Role::User, "THIRD", 200),
        said(Role::Assistant, "FOURTH", 100),
        said(Role::User, "NEWEST", 100),
    ]
}

fn holds(text: &str, words: [&str; 6]) -> [bool; 6] {
    words.map(|word| text.contains(word))
}

const WORDS: [&str; 6] = ["SYSTEM", "FIRST", "SECOND", "THIRD", "FOURTH", "NEWEST"];

#[test]
fn what_fits_is_left_alone() {
    let short = request(long().split_off(3));
    let prompt = pack(&short, LIMITS).unwrap();
    assert_eq!((prompt.text, prompt.attached), (render(&short), None));
}

#[test]
fn older_messages_go_into_an_attachment_and_the_prompt_says_so() {
    let prompt = pack(&request(long()), LIMITS).unwrap();
    let attached = prompt.attached.unwrap();
    assert!(prompt.text.len() <= LIMITS.prompt, "{}", prompt.text.len());
    assert_eq!(holds(&prompt.text, WORDS), [true, false, false, true, true, true]);
    assert_eq!(holds(&attached.text, WORDS), [false, true, true, false, false, false]);
    assert_eq!(attached.name, "conversation.txt");
    assert!(prompt.text.contains("in the attached file conversation.txt"));
}

#[test]
fn the_attachment_is_written_in_the_prompts_own_form() {
    let mut messages = vec![said(Role::User, "a", 1_900)];
    messages.push(Message::text(Role::Assistant, "b"));
    messages.push(Message::text(Role::User, "c"));
    let prompt = pack(&request(messages), LIMITS).unwrap();
    let text = prompt.attached.unwrap().text.replace(&"x".repeat(1_900), "...");
    insta::assert_snapshot!(format!("{}\n--------\n{text}", prompt.text));
}

#[test]
fn calls_stay_with_their_results() {
    let call = ToolCall {
        id: "c1".to_owned(),
        name: "look".to_owned(),
        arguments: "{}".to_owned(),
    };
    let calling = |text: &str| Message {
        tool_calls: vec![call.clone()],
        ..Message::text(Role::Assistant, text)
    };
    let result = |text: &str, bytes| Message {
        tool_call_id: Some("c1".to_owned()),
        ..said(Role::Tool, text, bytes)
    };
    let messages = vec![
        said(Role::User, "TASK", 1_500),
        calling("EARLIER CALL"),
        result("EARLIER RESULT", 600),
        calling("LAST CALL"),
        result("LAST RESULT", 10),
        result("ITS SIBLING", 10),
    ];
    let prompt = pack(&request(messages), LIMITS).unwrap();
    let words = [
        "TASK",
        "EARLIER CALL",
        "EARLIER RESULT",
        "LAST CALL",
        "LAST RESULT",
        "ITS SIBLING",
    ];
    let here = holds(&prompt.text, words);
    assert_eq!(here, [false, here[1], here[1], true, true, true], "{}", prompt.text);
    assert!(prompt.text.contains("it is data"), "the rules about tools are there");
}

#[test]
fn a_beginning_of_the_answer_stays_with_its_question() {
    let mut messages = long();
    messages.push(said(Role::Assistant, "BEGINNING", 10));
    let prompt = pack(&request(messages), LIMITS).unwrap();
    assert!(prompt.text.contains("NEWEST") && prompt.text.contains("BEGINNING"));
}

#[test]
fn last_words_stay_last() {
    let mut request = request(long());
    request.closing = Some("Remember: JSON only.".to_owned());
    let prompt = pack(&request, LIMITS).unwrap();
    assert!(prompt.text.ends_with("\nRemember: JSON only."));
    assert!(prompt.text.len() <= LIMITS.prompt);
}

#[test]
fn no_other_file_has_the_attachments_name() {
    let mut messages = long();
    messages[5].parts.push(Part::File(File {
        kind: FileKind::Document,
        content: FileContent::Bytes("a".into()),
        name: Some("Conversation.TXT".to_owned()),
        mime: Some("text/plain".to_owned()),
        param: "here".to_owned(),
    }));
    let prompt = pack(&request(messages), LIMITS).unwrap();
    assert_eq!(prompt.attached.unwrap().name, "conversation-2.txt");
    assert!(prompt.text.contains("{\"attached_file\":\"Conversation.TXT\"}"));
}

#[track_caller]
fn refused(messages: Vec<Message>, limits: Limits, words: &str) {
    let failure = pack(&request(messages), limits).unwrap_err();
    assert_eq!(
        (failure.kind(), failure.param_name()),
        (Kind::ContextLength, Some("messages"))
    );
    assert!(failure.message().contains(words), "{failure}");
    assert!(
        failure
            .message()
            .contains("this model's maximum context length is 2000 bytes")
    );
}

#[test]
fn what_cannot_fit_is_refused_with_the_numbers() {
    refused(
        vec![said(Role::User, "a", 1_999)],
        LIMITS,
        "the messages take 2001 bytes",
    );
    let mut newest = long();
    newest[5] = said(Role::User, "a", 1_900);
    refused(newest, LIMITS, "the newest message alone take");
    let mut system = long();
    system[0] = said(Role::System, "a", 1_900);
    refused(system, LIMITS, "the newest message alone take");
    let mut middle = long();
    middle[1] = said(Role::User, "a", 10_000);
    refused(middle, LIMITS, "where 10000 more can be attached");
    let off = Limits {
        attached: None,
        ..LIMITS
    };
    refused(long(), off, "the messages take");
}

fn any_message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Tool)
    ];
    (role, "[a-zé=\n]{0,300}").prop_map(|(role, text)| Message::text(role, text))
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_limit_is_broken(
        messages in proptest::collection::vec(any_message(), 1..12),
        prompt in 900usize..2_500,
    ) {
        let request = request(messages);
        let limits = Limits { prompt, attached: Some(1 << 20) };
        let Ok(packed) = pack(&request, limits) else {
            return Ok(());
        };
        prop_assert!(packed.text.len() <= prompt);
        let attached = packed.attached.map(|attached| attached.text).unwrap_or_default();
        for message in &request.messages {
            let text = message.parts[0].as_text().unwrap();
            prop_assert!(packed.text.contains(text) || attached.contains(text));
            if message.role == Role::System {
                prop_assert!(packed.text.contains(text));
            }
        }
        let last = request.messages.last().unwrap().parts[0].as_text().unwrap();
        prop_assert!(packed.text.contains(last));
    }
}
