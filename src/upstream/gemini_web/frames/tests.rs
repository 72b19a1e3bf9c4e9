use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const MAX: usize = 4 << 20;

/// A frame as the upstream writes it.
fn framed(json: &str) -> String {
    format!("{}\n{json}\n", json.encode_utf16().count() + 2)
}

fn body(frames: &[&str]) -> String {
    let frames: String = frames.iter().map(|json| framed(json)).collect();
    format!(")]}}'\n\n{frames}")
}

fn drain(frames: &mut Frames) -> Vec<Frame> {
    std::iter::from_fn(|| frames.next_frame()).collect()
}

fn decode(body: &[u8], cuts: &[usize]) -> (Vec<Frame>, End, Counts) {
    let (found, end, counts) = attempt(MAX, body, cuts);
    (found, end.unwrap(), counts)
}

fn attempt(max: usize, body: &[u8], cuts: &[usize]) -> (Vec<Frame>, Result<End, FrameError>, Counts) {
    let mut frames = Frames::new(max);
    let mut found = Vec::new();
    let mut rest = body;
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, after) = rest.split_at((*cut).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    for piece in pieces {
        let outcome = frames.push(piece);
        found.extend(drain(&mut frames));
        if let Err(error) = outcome {
            return (found, Err(error), frames.counts());
        }
    }
    let end = frames.finish();
    found.extend(drain(&mut frames));
    (found, Ok(end), frames.counts())
}

fn whole(body: &str) -> (Vec<Frame>, End, Counts) {
    let in_one = decode(body.as_bytes(), &[]);
    let bytewise = decode(body.as_bytes(), &vec![1; body.len()]);
    assert_eq!(in_one, bytewise, "cutting changed the result of {body:?}");
    in_one
}

fn frame(value: Value) -> Frame {
    serde_json::from_value(value).map(Frame).unwrap()
}

#[test]
fn the_lengths_of_a_captured_answer_are_right() {
    let body = ")]}'\n\n\
        189\n[[\"wrb.fr\",\"jSf9Qc\",\"[1,[[600,0,1,[[1780373288,362509000]]],[12096,0,2,[[1780960088,362513000]]]],false]\",null,null,null,\"generic\"],[\"di\",193],[\"af.httprm\",192,\"-7132290681884234964\",20]]\n\
        25\n[[\"e\",4,null,null,225]]\n";
    let (frames, end, counts) = whole(body);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1], frame(json!([["e", 4, null, null, 225]])));
    assert_eq!(end, End::Clean);
    assert_eq!(
        counts,
        Counts {
            frames: 2,
            ..Counts::default()
        }
    );
}

#[test]
fn astral_characters_count_twice() {
    let json = "[[\"\u{1F600}天é\"]]";
    assert!(framed(json).starts_with("12\n"));
    let (frames, _, counts) = whole(&body(&[json]));
    assert_eq!(frames, [frame(json!([["\u{1F600}天é"]]))]);
    assert_eq!(counts.wrong_lengths, 0);
}

#[test]
fn the_guard_may_be_absent_or_wrapped_in_space() {
    let frames = framed("[1]");
    for prefix in ["", ")]}'", ")]}'\n", ")]}'\n\n", "\n ", "\r\n)]}'\r\n\r\n"] {
        let (found, end, counts) = whole(&format!("{prefix}{frames}"));
        assert_eq!((found.len(), end, counts.skipped), (1, End::Clean, 0), "{prefix:?}");
    }
}

#[test]
fn a_wrong_length_costs_nothing() {
    for delta in [-100_i64, -7, -1, 1, 7, 100, 100_000] {
        let json = "[\"wrong length, right line\"]";
        let length = (json.len() as i64 + 2 + delta).max(0);
        let text = format!(")]}}'\n\n{}{length}\n{json}\n{}", framed("[1]"), framed("[2]"));
        let (found, end, counts) = whole(&text);
        let expected = [
            frame(json!([1])),
            frame(json!(["wrong length, right line"])),
            frame(json!([2])),
        ];
        assert_eq!(found, expected, "{delta}");
        assert_eq!(
            (end, counts.wrong_lengths, counts.skipped),
            (End::Clean, 1, 0),
            "{delta}"
        );
    }
}

#[test]
fn a_broken_frame_costs_only_itself() {
    let broken = "[[\"wrb.fr\",null,\"[null,[\\\"c_broken";
    let right = framed(broken);
    let too_long = format!("{}\n{broken}\n", broken.len() + 30);
    let too_short = format!("3\n{broken}\n");
    let object = framed("{\"a\":1}");
    for frame_text in [right, too_long, too_short, object] {
        let text = format!(")]}}'\n\n{}{frame_text}{}", framed("[1]"), framed("[2]"));
        let (found, end, counts) = whole(&text);
        assert_eq!(found, [frame(json!([1])), frame(json!([2]))], "{frame_text}");
        assert_eq!((end, counts.skipped), (End::Clean, 1), "{frame_text}");
    }
}

#[test]
fn json_over_several_lines_is_read_by_its_length() {
    let (found, end, counts) = whole(&body(&["[\n 1,\n \"\u{1F600}\"\n]", "[2]"]));
    assert_eq!(found, [frame(json!([1, "\u{1F600}"])), frame(json!([2]))]);
    assert_eq!((end, counts.skipped, counts.wrong_lengths), (End::Clean, 0, 0));
}

#[test]
fn lines_between_frames_are_skipped() {
    let text = format!(")]}}'\n\n{}garbage\n12ab\n\n{}", framed("[1]"), framed("[2]"));
    let (found, _, counts) = whole(&text);
    assert_eq!(found.len(), 2);
    assert_eq!(counts.skipped, 2);
}

#[test]
fn a_body_without_lengths_is_read_at_its_end() {
    for text in ["[[1],[2]]", ")]}'\n\n[[1],[2]]\n", "[\n[1],\n[2]]"] {
        let (found, end, _) = whole(text);
        assert_eq!((found, end), (vec![frame(json!([[1], [2]]))], End::Clean), "{text}");
    }
    let (found, end, _) = whole("[1]\n[2]\n");
    assert_eq!((found, end), (vec![frame(json!([1])), frame(json!([2]))], End::Clean));
}

#[test]
fn where_the_body_stops_is_reported() {
    let text = body(&["[1]", "[\"x\"]"]);
    for cut in 0..text.len() {
        let (found, end, _) = decode(&text.as_bytes()[..cut], &[]);
        let expected = match cut {
            0 | 4..=6 => End::Empty,
            12 => End::Clean,
            // Only the frame's last newline is missing.
            11 => End::Clean,
            _ if cut + 1 == text.len() => End::Clean,
            _ => End::Truncated,
        };
        assert_eq!(end, expected, "cut at {cut} of {text:?}, found {found:?}");
    }
    assert_eq!(decode(text.as_bytes(), &[]).1, End::Clean);
}

#[test]
fn a_page_is_reported_as_such() {
    for text in ["<!doctype html>", "  \n<html>", ")]}'\n\n<html>"] {
        let mut frames = Frames::new(MAX);
        assert_eq!(frames.push(text.as_bytes()), Err(FrameError::Html), "{text}");
        assert_eq!(frames.push(b"5\n[1]\n"), Err(FrameError::Html));
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_before_it_is_kept() {
    let mut frames = Frames::new(100);
    frames.push(body(&["[1]"]).as_bytes()).unwrap();
    assert_eq!(frames.push(b"101\n["), Err(FrameError::TooLarge));
    assert_eq!(drain(&mut frames).len(), 1);

    let mut frames = Frames::new(100);
    frames.push(b"90\n[").unwrap();
    assert_eq!(frames.push(&[b'1'; 120]), Err(FrameError::TooLarge));

    let mut frames = Frames::new(100);
    assert_eq!(frames.push(&[b'7'; 120]), Err(FrameError::TooLarge));

    let mut frames = Frames::new(100);
    let many = body(&["[1]"; 50]);
    assert!(many.len() > 200);
    frames.push(many.as_bytes()).unwrap();
    assert_eq!(drain(&mut frames).len(), 50);
}

#[test]
fn a_megabyte_byte_by_byte_is_read_in_linear_time() {
    let text = body(&[&format!("[\"{}\"]", "x".repeat(1 << 20))]);
    let begin = Instant::now();
    let (found, end, _) = decode(text.as_bytes(), &vec![1; text.len()]);
    assert_eq!((found.len(), end), (1, End::Clean));
    // Reading from the start at every push would take hours.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    let alphabets = "[ -~]{0,40}|[天地玄黄宇宙]{0,20}|[\u{1F600}-\u{1F64F}]{0,20}|[a天\u{1F600}\\\\\"\u{e9}]{0,30}";
    prop::collection::vec(alphabets, 1..12)
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(texts in texts(), cuts in prop::collection::vec(0_usize..40, 0..200)) {
        let values: Vec<Value> = texts.iter().map(|text| json!([["wrb.fr", null, text]])).collect();
        let lines: Vec<String> = values.iter().map(Value::to_string).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let text = body(&lines);
        let expected: Vec<Frame> = values.into_iter().map(frame).collect();
        let (found, end, counts) = decode(text.as_bytes(), &cuts);
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(end, End::Clean);
        prop_assert_eq!((counts.skipped, counts.wrong_lengths), (0, 0));
        prop_assert_eq!(decode(text.as_bytes(), &vec![1; text.len()]).0, expected);
    }

}

proptest! {
    // As many malformed answers as the project promises to survive.
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_are_survived_alike_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            "[0-9]{1,3}".prop_map(String::into_bytes),
            Just(b"\n".to_vec()),
            Just(b"5\n[1]\n".to_vec()),
            Just(b"[1]\n".to_vec()),
            Just(b"[\"".to_vec()),
            Just(b")]}'".to_vec()),
            Just("\u{1F600}".as_bytes().to_vec()),
        ], 0..60),
        cuts in prop::collection::vec(0_usize..5, 0..80),
    ) {
        let bytes = bytes.concat();
        for max in [10, 100, MAX] {
            let in_one = attempt(max, &bytes, &[]);
            prop_assert_eq!(attempt(max, &bytes, &cuts), in_one.clone());
            prop_assert_eq!(attempt(max, &bytes, &vec![1; bytes.len()]), in_one);
        }
    }
}
