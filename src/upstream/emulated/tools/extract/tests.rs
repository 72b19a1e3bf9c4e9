use proptest::prelude::*;

use super::*;

/// The text cut at every `n`th character boundary, read.
fn cut(text: &str, n: usize) -> Vec<Piece> {
    let mut extractor = Extractor::new();
    let mut out = Vec::new();
    let mut piece = String::new();
    for (index, c) in text.chars().enumerate() {
        piece.push(c);
        if (index + 1) % n == 0 {
            extractor.push(std::mem::take(&mut piece), &mut out);
        }
    }
    if !piece.is_empty() {
        extractor.push(piece, &mut out);
    }
    extractor.finish(true, &mut out);
    joined(out)
}

/// Neighbouring texts as one.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => put(&mut out, text),
            block => out.push(block),
        }
    }
    out
}

/// Texts as they are, blocks as their insides in angle brackets, in any chunking.
#[track_caller]
fn check(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        for n in [usize::MAX, 1, 2, 3, 7] {
            let found: Vec<String> = cut(text, n)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Block(block) => format!("<{}>", block.inside()),
                })
                .collect();
            assert_eq!(found, *expected, "{text:?} in pieces of {n}");
        }
    }
}

#[test]
fn blocks_are_found_between_text() {
    check(&[
        ("```tool_call\n{}\n```", &["<{}\n>"]),
        ("a\n\n```tool_call\n{}\n```\nb", &["a\n\n", "<{}\n>", "b"]),
        ("```tool_call\n1\n```\n```tool_calls\n2\n```\n", &["<1\n>", "<2\n>"]),
        ("  ```` tool_call \r\n{}\r\n ````\r\nb", &["<{}\r\n>", "b"]),
        ("````tool_call\n```\n````\n", &["<```\n>"]),
        // An end that is missing is the end of the text.
        ("```tool_call\n{}", &["<{}>"]),
        ("```tool_call\n", &["<>"]),
    ]);
}

#[test]
fn what_is_no_opening_line_is_text() {
    check(&[
        ("", &[]),
        ("```tool_call", &["```tool_call"]),
        ("``tool_call\n{}\n``", &["``tool_call\n{}\n``"]),
        ("    ```tool_call\n{}\n```\n", &["    ```tool_call\n{}\n```\n"]),
        ("a ```tool_call\n{}\n```\n", &["a ```tool_call\n{}\n```\n"]),
        ("> ```tool_call\n> {}\n> ```\n", &["> ```tool_call\n> {}\n> ```\n"]),
        ("```tool_calling\n{}\n```\n", &["```tool_calling\n{}\n```\n"]),
        ("```tool_code\n{}\n```\n", &["```tool_code\n{}\n```\n"]),
        (
            "```json\n{\"name\":\"f\"}\n```\n",
            &["```json\n{\"name\":\"f\"}\n```\n"],
        ),
        (
            "{\"name\":\"f\",\"arguments\":{}}",
            &["{\"name\":\"f\",\"arguments\":{}}"],
        ),
        ("~~~tool_call\n{}\n~~~\n", &["~~~tool_call\n{}\n~~~\n"]),
    ]);
}

#[test]
fn what_another_block_holds_is_text() {
    for (open, close) in [
        ("````markdown\n", "````\n"),
        ("~~~\n", "~~~\n"),
        ("```\n", "```\n"),
        ("- ```md\n", "  ```\n"),
        ("1. ````md\n", "   ````\n"),
        ("> ~~~~\n", "> ~~~~\n"),
        ("  ~~~ a `span` in the info string\n", "~~~\n"),
    ] {
        let text = format!("{open}an example:\n```tool_call\n{{}}\n{close}");
        check(&[(&text, &[&text])]);
        let followed = format!("{text}```tool_call\n{{}}\n```\n");
        check(&[(&followed, &[&text, "<{}\n>"])]);
    }
    // A span on a line of its own opens nothing.
    check(&[("``` a `b\n```tool_call\n1\n```\n", &["``` a `b\n", "<1\n>"])]);
    // In a patch of Markdown, what is added is not what is there.
    check(&[(
        "```diff\n- ```\n+ ```tool_call\n```\n```tool_call\n1\n```",
        &["```diff\n- ```\n+ ```tool_call\n```\n", "<1\n>"],
    )]);
}

#[test]
fn a_fence_within_a_string_belongs_to_it() {
    let raw_breaks = "```tool_call\n{\"name\":\"write\",\"arguments\":{\"text\":\"# T\n```sh\nls\n```\n\"}}\n```\nb";
    check(&[(
        raw_breaks,
        &[
            "<{\"name\":\"write\",\"arguments\":{\"text\":\"# T\n```sh\nls\n```\n\"}}\n>",
            "b",
        ],
    )]);
    // If the string never ends, it was the end after all, and what follows is read for itself.
    check(&[(
        "```tool_call\n{\"a\":\"b\n```\ntext\n```tool_call\n{}\n```\nc",
        &["<{\"a\":\"b\n>", "text\n", "<{}\n>", "c"],
    )]);
}

#[test]
fn free_text_may_hold_shorter_and_indented_fences() {
    check(&[(
        "````tool_call\n{\"name\":\"patch\"}\nx\n ````\n```\n\"\n````\nb",
        &["<{\"name\":\"patch\"}\nx\n ````\n```\n\"\n>", "b"],
    )]);
}

#[test]
fn of_a_cut_text_an_open_block_is_text() {
    for (text, is_call) in [
        ("```tool_call\n{}\n```", true),
        ("```tool_call\n{}\n", false),
        ("```tool_call\n{\"a\":{", false),
        ("```tool_call\n{\"a\":\"\n```\nb", false),
    ] {
        let mut extractor = Extractor::new();
        let mut out = Vec::new();
        extractor.push(text.to_owned(), &mut out);
        extractor.finish(false, &mut out);
        assert_eq!(
            (whole(&out).as_str(), matches!(out[0], Piece::Block(_))),
            (text, is_call)
        );
    }
}

#[test]
fn a_quoted_fence_closes_no_call() {
    check(&[("```tool_call\n{}\n> ```\n- ```\n```\n", &["<{}\n> ```\n- ```\n>"])]);
}

#[test]
fn no_more_is_held_back_than_may_open_a_call() {
    for (text, certain) in [
        ("Hello", "Hello"),
        ("Hello\n", "Hello\n"),
        ("Hello\n`", "Hello\n"),
        ("Hello\n  ``", "Hello\n"),
        ("Hello\n`code`", "Hello\n`code`"),
        ("Hello\n```", "Hello\n"),
        ("Hello\n```py", "Hello\n```py"),
        ("Hello\n```t", "Hello\n"),
        ("Hello\n```tool_call", "Hello\n"),
        ("Hello\n```tool_call x", "Hello\n```tool_call x"),
        ("```py\n```t", "```py\n```t"),
        ("    ```t", "    ```t"),
        ("{\"name\":", "{\"name\":"),
    ] {
        let mut extractor = Extractor::new();
        let mut out = Vec::new();
        for c in text.chars() {
            extractor.push(c.to_string(), &mut out);
        }
        let out = joined(out);
        assert_eq!(out, [Piece::Text(certain.to_owned())], "{text:?}");
    }
}

#[test]
fn a_block_that_is_too_long_is_text() {
    let text = format!(
        "```tool_call\n{}```\n```tool_call\n{{}}\n```\n",
        "x\n".repeat(MAX_BLOCK / 2)
    );
    let found = cut(&text, usize::MAX);
    let [Piece::Text(long), Piece::Block(block)] = found.as_slice() else {
        panic!("{} pieces", found.len())
    };
    assert_eq!(
        (long.len(), block.inside()),
        (text.len() - "```tool_call\n{}\n```\n".len(), "{}\n")
    );
}

#[test]
fn texts_made_to_be_slow_are_read_in_linear_time() {
    for text in [
        "```tool_call\n{\"\n```\n".repeat(50_000),
        "```tool_call\n{\"a\n".repeat(50_000),
        "```tool_call\n".repeat(80_000),
        "`".repeat(1_000_000),
        " ".repeat(1_000_000),
        "> ".repeat(500_000),
        "```tool_call\n```\n".repeat(50_000),
        "\n".repeat(1_000_000),
    ] {
        let begin = std::time::Instant::now();
        let mut extractor = Extractor::new();
        let mut out = Vec::new();
        extractor.push(text.clone(), &mut out);
        extractor.finish(true, &mut out);
        assert_eq!(whole(&out), text);
        let took = begin.elapsed();
        assert!(took.as_secs() < 20, "{:?} took {took:?}", &text[..20]);
    }
}

/// All of it as it came.
fn whole(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Block(block) => block.raw.clone(),
    };
    pieces.iter().map(text).collect()
}

/// Texts of everything that makes it hard.
pub(in crate::upstream::emulated::tools) fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        " ",
        "\n",
        "\r\n",
        "`",
        "``",
        "```",
        "````",
        "~~~",
        "tool_call",
        "tool_calls",
        "```tool_call\n",
        "````tool_call\n",
        "\n```\n",
        "\n````\n",
        "{",
        "}",
        "\"",
        "\\",
        "[",
        "]",
        ",",
        ":",
        "- ",
        "> ",
        "1. ",
        "é",
        "{\"name\":\"f\",\"arguments\":{}}",
        "\"name\":",
        "null",
        "\t",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_cuts_make_no_difference_and_nothing_is_lost(text in nasty(), n in 1_usize..9) {
        let at_once = cut(&text, usize::MAX);
        prop_assert_eq!(&cut(&text, n), &at_once);
        prop_assert_eq!(whole(&at_once), text);
    }

    #[test]
    fn text_without_the_info_string_is_only_text(text in "[`~> \n\r\"{}a-z_.0-9-]{0,300}") {
        prop_assume!(!text.contains("tool_call"));
        let expected: Vec<Piece> = if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.clone())] };
        prop_assert_eq!(cut(&text, 1), expected);
    }
}
