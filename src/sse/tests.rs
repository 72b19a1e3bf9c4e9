use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use super::*;

const ROOMY: usize = 1 << 20;

/// All events of these chunks, and how the stream ended if not by itself.
fn read(chunks: &[&[u8]], limit: usize) -> (Vec<Event>, Option<String>) {
    let chunks = chunks
        .iter()
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)));
    let items = events(stream::iter(chunks.collect::<Vec<_>>()), limit).collect::<Vec<_>>();
    let mut found = Vec::new();
    let mut end = None;
    for item in items.now_or_never().expect("nothing to wait for") {
        assert!(end.is_none(), "something follows a failure: {item:?}");
        match item {
            Ok(event) => found.push(event),
            Err(error) => end = Some(error.to_string()),
        }
    }
    (found, end)
}

fn event(data: &str) -> Event {
    Event {
        name: None,
        data: data.to_owned(),
    }
}

#[test]
fn names_data_and_comments_are_told_apart() {
    let text = ": hello\n\nevent: error\ndata: {\"a\":1}\n\nid: 7\n\ndata:x\ndata\ndata:  y\n\ndata: [DONE]\n\n";
    let named = Event {
        name: Some("error".to_owned()),
        data: "{\"a\":1}".to_owned(),
    };
    assert_eq!(
        read(&[text.as_bytes()], ROOMY),
        (vec![named, event("x\n\n y"), event("[DONE]")], None)
    );
}

#[test]
fn a_letter_cut_in_two_comes_out_whole() {
    let text = "data: für ☂\n\n".as_bytes();
    for cut in 0..=text.len() {
        let (head, tail) = text.split_at(cut);
        assert_eq!(read(&[head, tail], ROOMY), (vec![event("für ☂")], None), "cut at {cut}");
    }
}

#[test]
fn every_line_end_ends_a_line() {
    for text in [
        "data: a\n\ndata: b\n\n",
        "data: a\r\rdata: b\r\r",
        "data: a\r\n\r\ndata: b\r\n\r\n",
    ] {
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes, ROOMY), (vec![event("a"), event("b")], None), "{text:?}");
    }
}

#[test]
fn an_event_without_its_end_is_none() {
    assert_eq!(read(&[b"data: a\n\ndata: b\n"], ROOMY), (vec![event("a")], None));
    assert_eq!(read(&[b"data: a\n\ndata: b"], ROOMY), (vec![event("a")], None));
}

#[test]
fn what_is_not_utf8_fails_after_what_came_before() {
    let (found, end) = read(&[b"data: a\n\ndata: \xff\n\ndata: b\n\n"], ROOMY);
    assert_eq!(found, [event("a")]);
    assert_eq!(end.as_deref(), Some("an event is not valid UTF-8"));
}

#[test]
fn a_failure_of_the_bytes_comes_through_as_it_is() {
    let chunks: [Result<_, std::io::Error>; 2] = [
        Ok(Bytes::from_static(b"data: a\n\n")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    let items: Vec<_> = events(stream::iter(chunks), ROOMY).collect().now_or_never().unwrap();
    assert_eq!(items.len(), 2);
    assert!(matches!(&items[1], Err(ReadError::Bytes(error)) if error.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn an_event_may_be_as_large_as_the_limit_and_no_larger() {
    // `data: ` and the end of the line are seven bytes.
    let fits = format!("data: {}\n\n", "x".repeat(93));
    let over = format!("data: {}\n\n", "x".repeat(94));
    assert_eq!(read(&[fits.as_bytes()], 100).0.len(), 1);
    let whole = [fits.as_bytes(), over.as_bytes()].concat();
    let (found, end) = read(&[&whole], 100);
    assert_eq!(
        (found.len(), end.as_deref()),
        (1, Some("one event is larger than 100 bytes"))
    );
}

#[test]
fn many_lines_without_end_are_one_event_too_large() {
    let line = b"data: x\n".repeat(200);
    let returns = b"data: x\r".repeat(200);
    let both = b"data: x\r\n".repeat(200);
    let fields = b"retry: 1\nunknown: field\n".repeat(100);
    let endless = b"x".repeat(2000);
    for bytes in [line, returns, both, fields, endless] {
        let pieces: Vec<&[u8]> = bytes.chunks(3).collect();
        assert_eq!(
            read(&pieces, 1000),
            (Vec::new(), Some("one event is larger than 1000 bytes".to_owned()))
        );
    }
}

#[test]
fn comments_hold_nothing() {
    let long = format!(": {}\n", "x".repeat(5000));
    let text = format!("{}data: a\n{}\n", ": ping\n".repeat(1000), long.repeat(3));
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
    assert_eq!(read(&pieces, 100), (vec![event("a")], None));
}

/// A line end, and whether the line before was ended by a lone carriage return: a line feed would complete that one.
fn line_end(choice: u8, line: &str, before: &str) -> &'static str {
    match choice % 3 {
        0 if line.is_empty() && before.ends_with('\r') => "\r",
        0 => "\n",
        1 => "\r",
        _ if line.is_empty() && before.ends_with('\r') => "\r",
        _ => "\r\n",
    }
}

/// One event as it may be written: comments among its lines, and what has to be read from it.
fn block() -> impl Strategy<Value = (Vec<String>, Event)> {
    let name = proptest::option::of("[a-z.]{1,8}");
    let lines = proptest::collection::vec("[^\r\n]{0,12}", 1..4);
    let comments = proptest::collection::vec("[^\r\n]{0,12}", 0..3);
    (name, lines, comments).prop_map(|(name, lines, comments)| {
        let mut text: Vec<String> = comments.iter().map(|comment| format!(":{comment}")).collect();
        text.extend(name.iter().map(|name| format!("event: {name}")));
        text.extend(lines.iter().map(|line| format!("data: {line}")));
        text.push(String::new());
        (
            text,
            Event {
                name,
                data: lines.join("\n"),
            },
        )
    })
}

proptest! {
    #[test]
    fn any_chunking_of_any_writing_gives_the_events(
        blocks in proptest::collection::vec(block(), 0..6),
        ends in proptest::collection::vec(any::<u8>(), 1..8),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut text = String::new();
        let lines = blocks.iter().flat_map(|(lines, _)| lines);
        for (line, end) in lines.zip(ends.iter().cycle()) {
            let end = line_end(*end, line, &text);
            text.push_str(line);
            text.push_str(end);
        }
        let wanted: Vec<Event> = blocks.into_iter().map(|(_, event)| event).collect();
        prop_assert_eq!(read(&pieces(text.as_bytes(), &cuts), ROOMY), (wanted, None));
    }

    #[test]
    fn any_chunking_of_any_bytes_ends_the_same(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b' '), Just(b'd'), Just(0xc3), Just(0xbc), any::<u8>()],
            0..200,
        ),
        fields in proptest::collection::vec(prop_oneof![Just("data: "), Just("data:"), Just("event: e"), Just(":")], 0..40),
        limit in 1_usize..40,
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        // Field names among the noise, or hardly anything would be an event.
        let mut text = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            if *byte == b'\n' && let Some(field) = fields.get(at % 41) {
                text.push(b'\n');
                text.extend_from_slice(field.as_bytes());
            } else {
                text.push(*byte);
            }
        }
        prop_assert_eq!(read(&pieces(&text, &cuts), limit), read(&[&text], limit));
    }
}

/// The bytes, cut at these places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in at {
        pieces.push(&bytes[from..cut]);
        from = cut;
    }
    pieces.push(&bytes[from..]);
    pieces
}
