use proptest::prelude::*;

use super::*;

/// What a client has after these unfinished texts and the final one.
fn received(snapshots: &[&str], text: &str) -> (String, u64) {
    let mut delta = Delta::default();
    let mut all = String::new();
    for snapshot in snapshots {
        all.extend(delta.advance(snapshot));
    }
    all.extend(delta.finish(text));
    assert_eq!(delta.has_sent(), !all.is_empty());
    (all, delta.rewrites())
}

#[test]
fn growing_texts_arrive_exactly() {
    assert_eq!(received(&["", "a", "ab", "ab", "abc"], "abcd"), ("abcd".to_owned(), 0));
    assert_eq!(received(&[], "abcd"), ("abcd".to_owned(), 0));
    assert_eq!(received(&["abcd"], "abcd"), ("abcd".to_owned(), 0));
}

#[test]
fn a_shorter_snapshot_between_changes_nothing() {
    assert_eq!(
        received(&["abcdef", "abc", "abcdefg"], "abcdefgh"),
        ("abcdefgh".to_owned(), 0)
    );
}

#[test]
fn a_rewritten_end_is_followed_by_the_right_one() {
    let (all, rewrites) = received(&["one two DRAFT~", "one two three DRAFT~"], "one two three four");
    assert_eq!(all, "one two DRAFT~three four");
    assert_eq!(rewrites, 2);
}

#[test]
fn a_snapshot_that_comes_back_is_gone_on_with() {
    assert_eq!(received(&["abc", "abX", "abcd"], "abcde"), ("abcde".to_owned(), 1));
}

#[test]
fn a_change_far_back_repeats_rather_than_loses() {
    let tail = "a long passage that stayed as it was, word for word, to its very end";
    let (all, rewrites) = received(&[&format!("Intro {tail}")], &format!("Introduction: {tail} and more"));
    assert_eq!(all, format!("Intro {tail}duction: {tail} and more"));
    assert_eq!(rewrites, 1);
}

#[test]
fn a_wholly_new_text_is_sent_from_where_it_differs() {
    let (old, new) = (format!("same {}", "x".repeat(100)), format!("same {}", "y".repeat(100)));
    assert_eq!(received(&[&old], &new).0, format!("{old}{}", "y".repeat(100)));
}

#[test]
fn a_final_text_shorter_than_what_was_sent_adds_nothing() {
    assert_eq!(received(&["abcdef"], "abc"), ("abcdef".to_owned(), 1));
}

#[test]
fn a_final_text_that_comes_again_adds_nothing() {
    let mut delta = Delta::default();
    delta.advance("one two DRAFT");
    assert_eq!(delta.finish("one two three").as_deref(), Some("three"));
    assert_eq!(delta.finish("one two three"), None);
    assert_eq!(delta.finish("one two three four").as_deref(), Some(" four"));
    assert_eq!(delta.rewrites(), 1);
}

#[test]
fn characters_are_never_cut() {
    // 天 and 夫 share their first byte.
    let (all, _) = received(&["a天"], "a夫b");
    assert_eq!(all, "a天夫b");
}

proptest! {
    #[test]
    fn nothing_is_lost_whatever_the_snapshots(
        snapshots in prop::collection::vec("[ab天\u{1F600}]{0,80}", 0..6),
        text in "[ab天\u{1F600}]{0,80}",
    ) {
        let snapshots: Vec<&str> = snapshots.iter().map(String::as_str).collect();
        let (all, _) = received(&snapshots, &text);
        // The final text is there from some point on, or what was sent began with it.
        let ends_well = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| all.ends_with(&text[at..]) && all.starts_with(&text[..at]));
        prop_assert!(ends_well || all.contains(&text) || all.len() > text.len(), "{all:?} for {text:?}");
    }

    #[test]
    fn growing_texts_arrive_exactly_at_any_cuts(text in any::<String>(), cuts in prop::collection::vec(0.0..1.0_f64, 0..20)) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| (cut * text.len() as f64) as usize).collect();
        ends.sort_unstable();
        ends.retain(|end| text.is_char_boundary(*end));
        let snapshots: Vec<&str> = ends.iter().map(|end| &text[..*end]).collect();
        prop_assert_eq!(received(&snapshots, &text), (text, 0));
    }
}
