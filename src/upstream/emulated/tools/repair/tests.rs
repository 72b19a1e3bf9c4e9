use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[track_caller]
fn mended(text: &str, expected: &str) {
    assert_eq!(values(text).as_deref(), Some(expected), "{text:?}");
}

#[test]
fn json_is_left_as_it_is() {
    for text in [
        "{}",
        "{\"a\" : [1.50, 2]}",
        "{\"a\":1}\n{\"b\":2}",
        "{\"a\":\"\\\\_ ``` \\n,}\"}",
        "[{}]",
    ] {
        mended(text, text);
    }
    mended(" {} \r\n", "{}");
}

#[test]
fn faults_that_models_make_are_mended() {
    for (text, expected) in [
        ("Here it is:\n{\"a\":1}\nThat is all.", "{\"a\":1}"),
        ("```json\n{\"a\":1}\n```", "{\"a\":1}"),
        ("{\"a\":1}\n``` [cite: 1]", "{\"a\":1}"),
        ("{\"a\":\"x\n```\ny\"}\n``` [cite: 1]", "{\"a\":\"x\\n```\\ny\"}"),
        (
            "{&quot;a&quot;:&quot;&lt;b&gt; &amp;amp;&quot;}",
            "{\"a\":\"<b> &amp;\"}",
        ),
        ("{\"file\\_path\":\"a\\_b\"}", "{\"file_path\":\"a_b\"}"),
        (
            "{\"a\": \\[1, 2\\], \"b\":\"\\*x\\*\"}",
            "{\"a\": [1, 2], \"b\":\"*x*\"}",
        ),
        ("{\"a\":\"x\ny\tz\r\n\"}", "{\"a\":\"x\\ny\\tz\\r\\n\"}"),
        ("{\"a\":[1,2,],}", "{\"a\":[1,2]}"),
        ("{\"a\":\",}\",}", "{\"a\":\",}\"}"),
        ("{\"a\":{\"b\":[1", "{\"a\":{\"b\":[1]}}"),
        ("{\"a\":{\"b\":1}", "{\"a\":{\"b\":1}}"),
        ("{\"a\":{\"b\":{\"c\":1},\"d\":2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}"),
    ] {
        mended(text, expected);
    }
}

#[test]
fn what_would_have_to_be_made_up_is_not() {
    for text in [
        "",
        "no JSON",
        "{\"a\":",
        "{\"a\":1,",
        "{\"a\":\"b",
        "{'a':1}",
        "{\"a\":True}",
        "{\"a\":1}}",
        // A regular expression or a path, not Markdown: nobody knows how many backslashes were meant.
        "{\"a\":\"\\d+\\.\"}",
        "{\"a\":\"C:\\Users\"}",
        "{\"a\":1]",
    ] {
        assert_eq!(values(text), None, "{text:?}");
    }
}

#[test]
fn several_values_are_split() {
    let parts: Vec<&str> = split("{\"a\":1}\n {\"b\":2}").into_iter().map(RawValue::get).collect();
    assert_eq!(parts, ["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn compact_json_is_one_line_and_says_the_same() {
    assert_eq!(compact("{ \"a b\" : [ 1 ,\n\t2 ] }\n"), "{\"a b\":[1,2]}");
    assert_eq!(compact("{\"\\\" \": \" \\\\\"}"), "{\"\\\" \":\" \\\\\"}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_survived(text in "[{}\\[\\]\",:\\\\ \n_a-c0-9]{0,60}") {
        if let Some(values) = values(&text) {
            prop_assert!(!split(&values).is_empty());
            for value in split(&values) {
                prop_assert!(serde_json::from_str::<Value>(&compact(value.get())).is_ok());
            }
        }
    }
}
