use proptest::prelude::*;

use super::{super::protocol::Protocol, *};

fn rules() -> Cleanup {
    Protocol::built_in().unwrap().cleanup
}

fn finished(raw: &str) -> String {
    let mut cleaner = Cleaner::default();
    let cleaned = cleaner.clean(&rules(), raw, true);
    assert_eq!(cleaned.stable, cleaned.text.len());
    cleaned.text.to_owned()
}

/// What may go out of an unfinished text.
fn stable(raw: &str) -> String {
    let mut cleaner = Cleaner::default();
    let cleaned = cleaner.clean(&rules(), raw, false);
    cleaned.text[..cleaned.stable].to_owned()
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (raw, expected) in cases {
        assert_eq!(finished(raw), *expected, "{raw:?}");
    }
}

#[test]
fn entities_are_read_as_html_text_is() {
    check(&[
        (
            "&lt;div class=&quot;c&quot;&gt;5 &gt; 3 &amp;&amp; 2",
            "<div class=\"c\">5 > 3 && 2",
        ),
        ("&#39;q&#39; &#x1F600; &#X41;", "'q' \u{1F600} A"),
        ("AT&T &copy 2026 &copycat", "AT&T © 2026 ©cat"),
        ("&notit; &notin; &not;", "¬it; ∉ ¬"),
        ("&amp;lt; &ampamp;", "&lt; &amp;"),
        ("&nosuch; &; & &#; &#x;", "&nosuch; &; & &#; &#x;"),
        ("&hearts; &NotEqualTilde; &CounterClockwiseContourIntegral;", "♥ ≂̸ ∳"),
        (
            "&#0; &#128; &#xD800; &#x110000; &#99999999999999999999;",
            "\u{FFFD} € \u{FFFD} \u{FFFD} \u{FFFD}",
        ),
        ("tail &lt", "tail <"),
        ("a\n&eacute\n&Eacute;", "a\né\nÉ"),
    ]);
}

#[test]
fn code_is_never_touched() {
    check(&[
        ("a `&lt;` b &lt; c", "a `&lt;` b < c"),
        ("``a ` &lt; b`` &lt;", "``a ` &lt; b`` <"),
        ("```html\n&lt;b&gt;\n```\n&lt;b&gt;\n", "```html\n&lt;b&gt;\n```\n<b>\n"),
        ("~~~\n&lt;\n```\n&lt;\n~~~\n&lt;", "~~~\n&lt;\n```\n&lt;\n~~~\n<"),
        ("````\n```\n&lt;\n````\n&lt;", "````\n```\n&lt;\n````\n<"),
        (
            "- one:\n\n      ```sh\n      a &amp;&amp; b\n      ```\n- &amp;",
            "- one:\n\n      ```sh\n      a &amp;&amp; b\n      ```\n- &",
        ),
        ("> ```\n> &lt;\n> ```\n> &lt;", "> ```\n> &lt;\n> ```\n> <"),
        ("1. ```\n   &lt;\n   ```\n", "1. ```\n   &lt;\n   ```\n"),
        ("never closed:\n```\n&lt;", "never closed:\n```\n&lt;"),
        (
            "```\nhttp://googleusercontent.com/image_generation_content/0\n<!-- end list -->\n```",
            "```\nhttp://googleusercontent.com/image_generation_content/0\n<!-- end list -->\n```",
        ),
        ("`[Imagen of x]` and [Imagen of x]!", "`[Imagen of x]` and !"),
        (
            "in code\n```\n<FollowUp label=\"a\"/>\n```\n",
            "in code\n```\n<FollowUp label=\"a\"/>\n```\n",
        ),
    ]);
}

#[test]
fn backticks_that_enclose_nothing_are_text() {
    check(&[
        ("5` &lt; 6", "5` < 6"),
        ("a ` &lt;\n\nb ` &lt;", "a ` <\n\nb ` <"),
        ("a ` &lt;\n- b ` &lt;", "a ` <\n- b ` <"),
        ("a \\` &lt; ` &lt; `", "a \\` < ` &lt; `"),
        ("a `b\n&lt;` &lt;", "a `b\n&lt;` <"),
        ("`` a ` &lt;", "`` a ` <"),
        ("``` not `a` fence &lt;", "``` not `a` fence <"),
    ]);
}

#[test]
fn placeholders_go_with_their_newlines() {
    check(&[
        (
            "http://googleusercontent.com/image_generation_content/0\nHere.",
            "Here.",
        ),
        ("https://googleusercontent.com/a/b_c/12\n\n\nHere.", "Here."),
        ("Here.\nhttp://googleusercontent.com/immersive_entry_chip/0", "Here.\n"),
        ("x http://googleusercontent.com/a/1/b y", "x /b y"),
        ("x http://googleusercontent.com/a/1/2 y", "x  y"),
        (
            "http://googleusercontent.com/ http://googleusercontent.com/5",
            "http://googleusercontent.com/ http://googleusercontent.com/5",
        ),
        ("http://googleusercontent.com/a/b", "http://googleusercontent.com/a/b"),
        (
            "http://lh3.googleusercontent.com/a/1",
            "http://lh3.googleusercontent.com/a/1",
        ),
        ("http://googleusercontent.com/日本/1天", "天"),
    ]);
}

#[test]
fn markers_go() {
    check(&[
        ("- a\n<!-- end list -->\nb", "- a\n\nb"),
        ("<!-- other -->", "<!-- other -->"),
        ("[Imagen of a cat] Cat", " Cat"),
        ("[Imagen of a\ncat]", "[Imagen of a\ncat]"),
        ("a<ctrl94>thought\n\nmore\n<ctrl95>b", "ab"),
        ("a<ctrl94>thought", "a<ctrl94>thought"),
        (
            "before\n```python?code_reference&code_event_index=2\nprint(1)\n```\nafter",
            "before\nafter",
        ),
        (
            "```text?code_stdout&code_event_index=2\n1\n\n```\nafter\n```python\nx\n```",
            "after\n```python\nx\n```",
        ),
    ]);
}

#[test]
fn follow_ups_go_only_at_the_end() {
    let tag = "<FollowUp label=\"More > this\" query=\"Tell me &quot;more&quot;\"/>";
    check(&[
        (&format!("Answer.\n{tag}"), "Answer."),
        (&format!("Answer.\n\n{tag}\n{tag}\n"), "Answer."),
        (
            &format!("Answer.\n{tag}\nhttp://googleusercontent.com/immersive_entry_chip/0"),
            "Answer.",
        ),
        ("A <FollowUp x=\"1\"/> B", "A <FollowUp x=\"1\"/> B"),
        ("A <FollowUp x=\"1", "A <FollowUp x=\"1"),
        ("A <FollowUps/>", "A <FollowUps/>"),
    ]);
}

#[test]
fn what_may_still_change_is_held_back() {
    for (raw, expected) in [
        ("a &l", "a"),
        ("a &lt", "a"),
        ("a &lt;b", "a <b"),
        ("a & b", "a & b"),
        ("a htt", "a"),
        ("a http://googleusercontent.com/x/1", "a"),
        ("a http://example.org", "a http://example.org"),
        ("a <Fol", "a"),
        ("a\n<FollowUp label=\"x\"/>", "a"),
        ("a\n<FollowUp label=\"x\"/> b", "a\n<FollowUp label=\"x\"/> b"),
        ("a [Imagen of c", "a"),
        ("a [b", "a [b"),
        ("a ` b &lt; c", "a ` b"),
        ("a ` b &lt; c\n\nd", "a ` b < c\n\nd"),
        ("a\n``", "a"),
        ("a\n```py", "a"),
        ("a\n```python?code_ref", "a"),
        ("a\n```py\n", "a\n```py"),
        ("a<ctrl94>b\n\nc", "a"),
        ("a\n<FollowUp/>htt", "a"),
        ("a\n- -", "a"),
        ("text \n", "text"),
        // A list number is held, numbers are not: digits must stream like everything else.
        ("12.", ""),
        ("3.14159", "3.14159"),
        ("00001-00002.00003", "00001-00002.00003"),
        ("1234567890", "1234567890"),
    ] {
        assert_eq!(stable(raw), expected, "{raw:?}");
    }
}

#[test]
fn provisional_ends_are_cut_off() {
    for (raw, expected) in [
        ("a\n```", "a"),
        ("a\n`", "a"),
        ("a\\*", "a"),
        ("a\\\\", "a"),
        ("a\\\\`", "a"),
        ("a\\*\n```", "a"),
        ("a*", "a*"),
        ("a```", "a```"),
        ("a\n```\n", "a\n```\n"),
        ("", ""),
    ] {
        assert_eq!(without_provisional_end(raw), expected, "{raw:?}");
    }
}

#[test]
fn texts_made_to_be_slow_are_read_in_linear_time() {
    let ticks: String = (1..1400).map(|n| format!("{}a", "`".repeat(n))).collect();
    let slow = [
        "<FollowUp \"".repeat(30_000),
        "[Imagen of ".repeat(30_000),
        "<ctrl94>".repeat(40_000),
        "http://googleusercontent.com/a/".repeat(10_000),
        "http://googleusercontent.com/a/1".repeat(10_000),
        "&".repeat(300_000),
        "`".repeat(300_000),
        "a\n`".repeat(100_000),
        format!("&#{}", "1".repeat(300_000)),
        ticks,
    ];
    for raw in slow {
        let begin = std::time::Instant::now();
        finished(&raw);
        stable(&raw);
        let (size, took) = (raw.len(), begin.elapsed());
        assert!(took.as_secs() < 20, "{} bytes of {:?} took {took:?}", size, &raw[..20]);
    }
}

/// Texts of everything that makes clean-up hard.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b ",
        " ",
        "\n",
        "\n\n",
        "`",
        "``",
        "```",
        "\n```\n",
        "```py\n",
        "~~~\n",
        "&",
        "&lt",
        "&lt;",
        "&amp;",
        "&#x41",
        ";",
        "#",
        "天",
        "\u{1F600}",
        "http",
        "://googleusercontent.com/",
        "x/1",
        "/2",
        "\\",
        "*",
        "<",
        "FollowUp",
        " l=\"x\"/>",
        "<FollowUp a=\"1\"/>",
        "[Imagen of ",
        "]",
        "<!-- end list -->",
        "<!--",
        "<ctrl94>",
        "<ctrl95>",
        "- ",
        "1. ",
        "> ",
        "# ",
        "| ",
        "```python?code_reference&code_event_index=1\n",
        "http://googleusercontent.com/y/7\n",
        "-",
        "1",
        ".",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_goes_out_early_is_the_beginning_of_the_whole(raw in nasty()) {
        let rules = rules();
        let whole = finished(&raw);
        let mut cleaner = Cleaner::default();
        for (end, _) in raw.char_indices() {
            let cut = without_provisional_end(&raw[..end]);
            let fresh = stable(cut);
            prop_assert!(whole.starts_with(&fresh), "{:?} of {:?} is not in {:?}", fresh, cut, whole);
            let cleaned = cleaner.clean(&rules, cut, false);
            prop_assert_eq!(&cleaned.text[..cleaned.stable], fresh, "going on from a mark");
        }
        prop_assert_eq!(cleaner.clean(&rules, &raw, true).text, whole);
    }

    #[test]
    fn plain_text_is_left_alone(raw in "[a-zA-Z0-9 .,*_#>|\n天\u{1F600}-]{0,200}") {
        prop_assert_eq!(finished(&raw), raw);
    }

    #[test]
    fn any_text_is_survived(raw in any::<String>()) {
        let whole = finished(&raw);
        prop_assert!(whole.starts_with(&stable(without_provisional_end(&raw))));
    }
}
