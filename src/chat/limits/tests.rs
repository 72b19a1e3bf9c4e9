use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::chat::estimate_tokens;

/// Runs the pieces through a limiter; all text that came out, and why it ended, whichever stop text it was.
fn run(stop: &[&str], max_tokens: Option<u64>, pieces: &[&str]) -> (String, Option<FinishReason>) {
    let (text, finished) = run_to_the_end(stop, max_tokens, pieces);
    let plain = |reason| match reason {
        FinishReason::StopText(_) => FinishReason::Stop,
        other => other,
    };
    (text, finished.map(plain))
}

fn run_to_the_end(stop: &[&str], max_tokens: Option<u64>, pieces: &[&str]) -> (String, Option<FinishReason>) {
    let stop: Vec<String> = stop.iter().map(|&text| text.to_owned()).collect();
    let mut limiter = Limiter::new(&stop, max_tokens);
    let mut out = String::new();
    for piece in pieces {
        let limited = limiter.push((*piece).to_owned());
        out.push_str(&limited.text);
        if limited.finished.is_some() {
            assert!(limiter.push("more".to_owned()).text.is_empty());
            return (out, limited.finished);
        }
    }
    let limited = limiter.finish();
    out.push_str(&limited.text);
    (out, limited.finished)
}

#[track_caller]
fn check(stop: &[&str], max_tokens: Option<u64>, pieces: &[&str], text: &str, finished: Option<FinishReason>) {
    assert_eq!(run(stop, max_tokens, pieces), (text.to_owned(), finished));
}

const STOP: Option<FinishReason> = Some(FinishReason::Stop);
const LENGTH: Option<FinishReason> = Some(FinishReason::Length);

#[test]
fn text_ends_before_the_stop_text() {
    check(&["END"], None, &["one END two"], "one ", STOP);
    check(&["END"], None, &["one E", "N", "D two"], "one ", STOP);
    check(&["END"], None, &["END"], "", STOP);
    check(&["終わり"], None, &["これで終", "わ", "りです"], "これで", STOP);
}

#[test]
fn an_unfinished_stop_text_is_given_back() {
    check(&["END"], None, &["one EN"], "one EN", None);
    check(&["END"], None, &["one E", "NE", "NX"], "one ENENX", None);
    check(&[""], None, &["one"], "one", None);
}

#[test]
fn a_pause_gives_back_what_is_held_and_joins_nothing() {
    let mut limiter = Limiter::new(&["END".to_owned(), "E".repeat(3)], None);
    assert_eq!(limiter.push("one EE".to_owned()).text, "one ");
    assert_eq!(limiter.pause().text, "EE");
    assert_eq!(limiter.push("ND".to_owned()).text, "ND");
    assert_eq!(
        limiter.push("two END".to_owned()).finished,
        Some(FinishReason::StopText(0))
    );
    assert_eq!(limiter.pause().text, "");
}

#[test]
fn the_earliest_beginning_wins() {
    check(&["c", "abcd"], None, &["xab", "c", "d"], "x", STOP);
    check(&["c", "abcd"], None, &["xab", "c", "e"], "xab", STOP);
    check(&["c", "abcd"], None, &["xabc"], "xab", STOP);
    check(&["two", "one"], None, &["one two"], "", STOP);
}

#[test]
fn the_stop_text_that_was_met_is_told() {
    let met = |stop: &[&str], pieces: &[&str]| run_to_the_end(stop, None, pieces).1;
    let nth = |index| Some(FinishReason::StopText(index));
    assert_eq!(met(&["", "two", "one"], &["a one two"]), nth(2));
    assert_eq!(met(&["c", "abcd"], &["xab", "c", "d"]), nth(1));
    assert_eq!(met(&["c", "abcd"], &["xab", "c", "e"]), nth(0));
    // Both begin in the same place: the shorter one, whatever the cut and the order.
    for pieces in [&["xabc"][..], &["xab", "c"]] {
        assert_eq!(met(&["abc", "ab"], pieces), nth(1));
        assert_eq!(met(&["ab", "abc"], pieces), nth(0));
    }
}

#[test]
fn only_what_may_begin_a_stop_text_is_held_back() {
    let mut limiter = Limiter::new(&["\n\nUser:".to_owned()], None);
    assert_eq!(limiter.push("Hello\n".to_owned()).text, "Hello");
    assert_eq!(limiter.push("\n\n".to_owned()).text, "\n");
    assert_eq!(limiter.push("U".to_owned()).text, "");
    assert_eq!(limiter.push("nder".to_owned()).text, "\n\nUnder");
}

#[test]
fn length_is_said_only_when_something_was_cut() {
    check(&[], Some(3), &["one two three"], "one two three", None);
    check(&[], Some(2), &["one two three"], "one two ", LENGTH);
    check(&[], Some(2), &["one", " two", " thr", "ee"], "one two ", LENGTH);
    check(&["!"], Some(1), &["Hello!"], "Hello", STOP);
    check(&["!"], Some(1), &["Hello you!"], "Hello ", LENGTH);
}

#[test]
fn long_stop_texts_and_single_bytes_cost_linear_time() {
    let stop = ["a".repeat(100_000) + "b", "a".repeat(99_000) + "c"];
    let mut limiter = Limiter::new(&stop, None);
    let mut out = 0;
    let start = Instant::now();
    for _ in 0..300_000 {
        out += limiter.push("a".to_owned()).text.len();
    }
    out += limiter.finish().text.len();
    assert_eq!(out, 300_000);
    // Scanning what is held again for every byte would be 3e10 steps.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

fn pieces_of<'a>(text: &'a str, cuts: &[prop::sample::Index]) -> Vec<&'a str> {
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| text.floor_char_boundary(cut.index(text.len() + 1)))
        .collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The whole text, searched in the plainest way, says what any cut into pieces has to give.
    #[test]
    fn any_cut_gives_what_the_whole_text_gives(
        text in "[ab€ ]{0,40}",
        stop in prop::collection::vec("[ab€]{0,4}", 0..4),
        max_tokens in prop::option::of(1_u64..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stop: Vec<&str> = stop.iter().map(String::as_str).collect();
        let end = stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop)).min();
        let mut expected = (text[..end.unwrap_or(text.len())].to_owned(), end.and(STOP));
        if let Some(max) = max_tokens {
            let fits = expected.0.char_indices().map(|(at, c)| at + c.len_utf8())
                .take_while(|&end| estimate_tokens(&text[..end]) <= max).last().unwrap_or(0);
            if fits < expected.0.len() {
                expected = (text[..fits].to_owned(), LENGTH);
            }
        }
        prop_assert_eq!(run(&stop, max_tokens, &pieces_of(&text, &cuts)), expected);
    }

    #[test]
    fn without_a_match_the_output_is_the_input(text in ".*", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let stop = text.clone() + "x";
        prop_assert_eq!(run(&[&stop], None, &pieces_of(&text, &cuts)), (text, None));
    }
}
