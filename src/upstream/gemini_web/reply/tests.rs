use proptest::prelude::*;
use serde_json::json;

use super::*;

fn protocol() -> Arc<Protocol> {
    Arc::new(Protocol::built_in().unwrap())
}

/// A candidate with a text so far, as the upstream sends it.
fn candidate(rcid: &str, text: &str, status: u64, thoughts: Option<&str>) -> Vec<Value> {
    let mut candidate = vec![Value::Null; 38];
    (candidate[0], candidate[1], candidate[8]) = (json!(rcid), json!([text]), json!([status]));
    if let Some(thoughts) = thoughts {
        candidate[37] = json!([[thoughts]]);
    }
    candidate
}

fn frame(document: &Value) -> Frame {
    Frame(vec![json!(["wrb.fr", null, document.to_string()])])
}

fn snapshot(candidates: &[Vec<Value>]) -> Frame {
    frame(&json!([null, ["c_1", "r_1"], null, null, candidates]))
}

fn text(text: &str, status: u64) -> Frame {
    snapshot(&[candidate("rc_1", text, status, None)])
}

fn error(code: u32) -> Frame {
    let info = json!([
        "type.googleapis.com/assistant.boq.bard.application.BardErrorInfo",
        [code]
    ]);
    Frame(vec![json!(["wrb.fr", null, null, null, null, [13, null, [info]]])])
}

fn read(frames: &[Frame], incremental: bool) -> (Vec<Step>, Reply) {
    let mut reply = Reply::new(protocol(), incremental);
    let mut steps = Vec::new();
    for frame in frames {
        reply.feed(frame, &mut steps);
    }
    (steps, reply)
}

/// The visible text of an answer, streamed.
fn streamed(frames: &[Frame]) -> String {
    let (steps, _) = read(frames, true);
    steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Text(piece) => Some(piece),
            _ => None,
        })
        .collect()
}

#[test]
fn a_typical_stream_gives_its_steps_and_ids() {
    let frames = [
        frame(&json!([null, ["c_1", "r_1"], {"18": "r_1"}])),
        text("Hi", 1),
        snapshot(&[candidate("rc_1", "Hi there", 2, None)]),
        frame(&json!([null, ["c_1", "r_1"], {"11": ["A title"], "44": true}])),
        frame(&json!([null, ["c_1", "r_1"], {"26": "AwAAtoken"}])),
        Frame(vec![json!(["di", 5]), json!(["af.httprm", 5, "650", 35])]),
        Frame(vec![json!(["e", 4, null, null, 1464])]),
    ];
    let (steps, reply) = read(&frames, true);
    assert_eq!(
        steps,
        [Step::Text("Hi".into()), Step::Text(" there".into()), Step::Complete]
    );
    assert!(reply.complete() && reply.saw_end() && reply.done() && reply.has_text());
    assert_eq!(reply.context(), Some("AwAAtoken"));
    assert_eq!(reply.cid(), Some("c_1"));
    assert_eq!(reply.rewrites(), 0);
}

#[test]
fn a_whole_answer_comes_in_one_piece_with_its_final_text() {
    let frames = [text("Draft", 1), text("Dra&lt;ft ended", 2)];
    let (steps, _) = read(&frames, false);
    assert_eq!(steps, [Step::Text("Dra<ft ended".into()), Step::Complete]);
}

#[test]
fn thoughts_come_before_the_text_and_apart_from_it() {
    let with = |text: &str, status, thoughts: &str| snapshot(&[candidate("rc_1", text, status, Some(thoughts))]);
    let frames = [
        with("", 1, "Hm"),
        with("", 1, "Hmm, &amp;"),
        with("An", 1, "Hmm, &amp; so"),
        with("Answer", 2, "Hmm, &amp; so"),
    ];
    let (steps, _) = read(&frames, true);
    let reasoning: String = steps
        .iter()
        .filter_map(|step| match step {
            Step::Reasoning(piece) => Some(piece.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasoning, "Hmm, & so");
    assert_eq!(streamed(&frames), "Answer");
    assert!(steps.contains(&Step::Busy), "thinking is a sign of life: {steps:?}");
    let (steps, _) = read(&frames, false);
    let last = &steps[steps.len() - 3..];
    assert_eq!(
        last,
        [
            Step::Reasoning("Hmm, & so".into()),
            Step::Text("Answer".into()),
            Step::Complete
        ]
    );
}

#[test]
fn only_the_first_candidate_with_an_id_counts() {
    let no_id = vec![Value::Null, json!(["nobody"]), Value::Null];
    let frames = [
        snapshot(&[
            no_id,
            candidate("rc_1", "one", 1, None),
            candidate("rc_2", "two", 1, None),
        ]),
        snapshot(&[
            candidate("rc_2", "two more", 2, None),
            candidate("rc_1", "one more", 2, None),
        ]),
    ];
    assert_eq!(streamed(&frames), "one more");
}

#[test]
fn labels_and_context_are_found_by_place_and_by_key() {
    let mut document = vec![Value::Null; 43];
    (document[25], document[42]) = (json!("AwAA"), json!("3.6 Flash"));
    let (steps, reply) = read(&[frame(&Value::Array(document))], true);
    assert_eq!(steps, [Step::Served("3.6 Flash".into())]);
    assert_eq!(reply.context(), Some("AwAA"));
    let sparse = frame(&json!([null, ["c_1", "r_1"], {"26": "AwAB", "43": "3.1 Pro"}]));
    let (steps, reply) = read(&[sparse.clone(), sparse], true);
    assert_eq!(steps, [Step::Served("3.1 Pro".into())]);
    assert_eq!(reply.context(), Some("AwAB"));
}

#[test]
fn an_error_before_the_end_is_a_failure_and_after_it_is_noted() {
    let expected = StreamError::Code {
        code: 1096,
        status: Some(13),
    };
    let (steps, reply) = read(&[text("part", 1), error(1096)], true);
    assert_eq!(steps[1..], [Step::Failed(expected)]);
    assert_eq!(reply.late_error(), None);
    let (steps, reply) = read(&[text("all", 2), error(1096)], true);
    assert_eq!(steps, [Step::Text("all".into()), Step::Complete]);
    assert_eq!(reply.late_error(), Some(expected));
}

#[test]
fn a_bare_status_is_an_error_or_a_queue() {
    let bare = |status: u32| Frame(vec![json!(["wrb.fr", null, null, null, null, [status]])]);
    assert_eq!(read(&[bare(7)], true).0, [Step::Failed(StreamError::Status(7))]);
    assert_eq!(read(&[bare(1)], true).0, [Step::Busy]);
    let refused = Frame(vec![
        json!(["er", null, null, null, null, 400, null]),
        json!(["di", 19]),
    ]);
    assert_eq!(read(&[refused], true).0, [Step::Failed(StreamError::Http(400))]);
}

#[test]
fn a_running_tool_is_a_sign_of_life() {
    let mut document = vec![Value::Null; 7];
    document[6] = json!([null, ["data_analysis_tool"]]);
    assert_eq!(read(&[frame(&Value::Array(document))], true).0, [Step::Busy]);
}

#[test]
fn a_card_replaces_the_address_that_stands_for_it() {
    let url = "http://googleusercontent.com/card_content/0";
    let mut card = candidate("rc_1", url, 2, None);
    card[22] = json!(["the &lt;text&gt;"]);
    let frames = [text(&url[..10], 1), text(url, 1), snapshot(&[card])];
    assert_eq!(streamed(&frames), "the <text>");
}

#[test]
fn media_are_listed_from_either_spelling() {
    let image = json!([
        [
            null,
            null,
            null,
            [null, 1, "picture 0.png", "https://lh3.googleusercontent.com/gg/x"]
        ],
        ["id", null, 0]
    ]);
    let web = json!([[
        ["https://encrypted-tbn0.gstatic.com/i"],
        null,
        null,
        null,
        "a web picture"
    ]]);
    use crate::upstream::gemini_web::protocol::MediaKind;
    let video = json!([[[[[null, null, null, null, null, null, null, ["thumb", "https://v/1.mp4"]]]]]]);
    let mut positional = vec![Value::Null; 60];
    (positional[1], positional[7], positional[59]) = (json!([web]), json!([[image]]), video.clone());
    let sparse = json!([{"2": [web], "8": [[image]], "60": video}]);
    for rich in [Value::Array(positional), sparse] {
        let mut with = candidate("rc_1", "x", 2, None);
        with[12] = rich;
        let (_, reply) = read(&[snapshot(&[with])], true);
        let found: Vec<_> = reply
            .media()
            .iter()
            .map(|media| (media.kind, media.url.as_str(), media.alt.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                (
                    MediaKind::Image,
                    "https://lh3.googleusercontent.com/gg/x",
                    Some("picture 0.png")
                ),
                (
                    MediaKind::WebImage,
                    "https://encrypted-tbn0.gstatic.com/i",
                    Some("a web picture")
                ),
                (MediaKind::Video, "https://v/1.mp4", None),
            ]
        );
    }
}

#[test]
fn an_answer_without_its_mark_is_flushed_as_it_stands() {
    let frames = [text("one", 1), text("one two &lt\n```", 1)];
    for incremental in [true, false] {
        let (mut steps, mut reply) = read(&frames, incremental);
        assert!(!reply.complete() && reply.has_started());
        reply.final_flush(&mut steps);
        let pieces: String = steps
            .iter()
            .map(|step| match step {
                Step::Text(piece) => piece.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pieces, "one two <\n```");
        assert!(reply.has_text());
    }
}

#[test]
fn frames_of_any_shape_are_survived() {
    for entry in [
        json!(null),
        json!(5),
        json!([]),
        json!({}),
        json!(["wrb.fr"]),
        json!(["wrb.fr", null, "[null,{not json"]),
        json!(["wrb.fr", null, "null"]),
        json!(["wrb.fr", null, "[[],[],[],[],[[]]]"]),
        json!(["wrb.fr", null, "[0,1,2,3,[[1,1,1]]]"]),
        json!(["er"]),
    ] {
        let (steps, _) = read(&[Frame(vec![entry.clone()])], true);
        let refused = matches!(steps[..], [Step::Failed(StreamError::Http(0))]);
        assert!(steps.is_empty() || refused, "{entry}: {steps:?}");
    }
}

/// The ways snapshots are known to be unlike the beginning of the final text.
#[derive(Clone, Copy, Debug)]
enum Trick {
    None,
    Fence,
    Escape,
    Repeat,
    Shrink,
}

fn tricks() -> impl Strategy<Value = Trick> {
    prop::sample::select(vec![
        Trick::None,
        Trick::Fence,
        Trick::Escape,
        Trick::Repeat,
        Trick::Shrink,
    ])
}

/// Frames of a text that grows by the given cuts, with a trick at each.
fn growing(whole: &str, cuts: &[(f64, Trick)]) -> Vec<Frame> {
    let mut cuts: Vec<(usize, Trick)> = cuts
        .iter()
        .map(|(cut, trick)| ((cut * whole.len() as f64) as usize, *trick))
        .collect();
    cuts.sort_by_key(|(end, _)| *end);
    cuts.retain(|(end, _)| whole.is_char_boundary(*end));
    let mut frames = Vec::new();
    for (end, trick) in cuts {
        let beginning = &whole[..end];
        match trick {
            Trick::None => frames.push(text(beginning, 1)),
            Trick::Fence => frames.push(text(&format!("{beginning}\n```"), 1)),
            Trick::Escape => frames.push(text(&format!("{beginning}\\*"), 1)),
            Trick::Repeat => frames.extend([text(beginning, 1), text(beginning, 1)]),
            Trick::Shrink => {
                let shorter: String = beginning
                    .chars()
                    .take(beginning.chars().count().saturating_sub(10))
                    .collect();
                frames.extend([text(beginning, 1), text(&shorter, 1)]);
            }
        }
    }
    frames.push(text(whole, 2));
    frames
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "word ",
        "天地玄黄",
        "\u{1F600}\u{1F680}",
        "\n",
        "\n\n",
        "```python\nx &lt; 1\n```\n",
        "&lt;div&gt;",
        "&amp;",
        "`code &lt;`",
        "`",
        "\\* ",
        "- item\n",
        "# Title\n",
        "| a | b |\n",
        "http://googleusercontent.com/image_generation_content/0\n",
        "<FollowUp label=\"a\" query=\"b\"/>",
        "a=b&c='d' ",
        ")]}' ",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_add_up_to_the_final_text(whole in texts(), cuts in prop::collection::vec((0.0..1.0_f64, tricks()), 0..12)) {
        let frames = growing(&whole, &cuts);
        let (steps, reply) = read(&frames, false);
        let final_text: String = steps.iter().filter_map(|step| match step {
            Step::Text(piece) => Some(piece.as_str()),
            _ => None,
        }).collect();
        prop_assert_eq!(streamed(&frames), final_text);
        prop_assert_eq!(reply.rewrites(), 0);
    }
}
