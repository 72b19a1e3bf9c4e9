//! What holds whatever is said, and however it is cut.

use proptest::prelude::*;

use super::*;

/// Any JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Value::from),
        "[a-z`{}\\[\\]\"\\\\\n\u{0}ü🦀]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z`{}\"\\\\\n ]{0,5}", inner), 0..4)
                .prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

/// An object that is not empty, as a model may write it.
fn written() -> impl Strategy<Value = String> {
    (value(), any::<bool>()).prop_map(|(value, pretty)| {
        let object = json!({"the value": value});
        let text = if pretty {
            serde_json::to_string_pretty(&object)
        } else {
            serde_json::to_string(&object)
        };
        text.unwrap()
    })
}

/// A text in pieces, cut at some of its characters.
fn cut<'a>(text: &'a str, at: &[prop::sample::Index]) -> Vec<&'a str> {
    let mut places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
    places.push(text.len());
    let mut at: Vec<usize> = at
        .iter()
        .map(|index| *index.get(&places))
        .chain([0, text.len()])
        .collect();
    at.sort_unstable();
    at.dedup();
    at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_document_comes_out_byte_exact_from_any_prose_and_any_cut(
        document in written(),
        before in "([a-z ,.:`\n]{0,12}(\\[1\\]|\\{\\}|\\{a\\}|\\[b)?){0,3}",
        after in "[a-z {}\\[\\]\"`\n]{0,20}",
        fenced in any::<bool>(),
        live in any::<bool>(),
        at in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let inner = if fenced { format!("\n```json\n{document}\n```\n") } else { document.clone() };
        let said = format!("{before}{inner}{after}");
        let pieces = cut(&said, &at);
        prop_assert_eq!(read(None, live, &pieces, Ending::Whole), Outcome::Done(document.clone()));
        let schema = json!({"required": ["the value"], "type": "object"});
        prop_assert_eq!(read(Some(&schema), live, &pieces, Ending::Whole), Outcome::Done(document));
    }

    #[test]
    fn whatever_is_said_what_counts_as_done_is_an_object(
        said in "([a-z0-9{}\\[\\]\",:.\\\\ \n\u{0}üe+-]|true|null|```|\"a\":|\\{\"){0,40}",
        live in any::<bool>(),
        at in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        match read(None, live, &cut(&said, &at), Ending::Whole) {
            Outcome::Done(text) => {
                let value: Value = serde_json::from_str(&text).unwrap();
                prop_assert!(value.is_object());
            }
            Outcome::Again(_) => {}
            Outcome::Failed(text, _) => {
                let begun = text.starts_with('{');
                prop_assert!(live && begun && serde_json::from_str::<Value>(&text).is_err(), "{}", text);
            }
        }
    }

    #[test]
    fn a_cut_answer_goes_out_as_it_is_read(document in written(), at in any::<prop::sample::Index>()) {
        let pieces = cut(&document, &[at]);
        for live in [false, true] {
            let Outcome::Done(text) = read(None, live, &pieces[..1], Ending::Cut) else { panic!() };
            prop_assert!(document.starts_with(&text) && text.len() + 1 >= pieces[0].len(), "{}", text);
        }
    }
}
