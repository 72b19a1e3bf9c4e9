//! JSON strings, escaped straight into the buffer that goes out.

use bytes::{BufMut, BytesMut};

/// Appends `text` as a JSON string.
///
/// Beside what JSON asks for, U+0085, U+2028 and U+2029 are escaped: some readers of event streams take them for line
/// ends and would cut an event in two.
pub(in crate::api) fn json_string(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.put_u8(b'"');
    let mut clean_from = 0;
    let mut at = 0;
    while at < bytes.len() {
        if !SUSPECT[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        let (len, escape) = escape(&bytes[at..]);
        if let Some(escape) = escape {
            out.put_slice(&bytes[clean_from..at]);
            put_escape(out, escape);
            clean_from = at + len;
        }
        at += len;
    }
    out.put_slice(&bytes[clean_from..]);
    out.put_u8(b'"');
}

/// Bytes that are, or may begin, something to escape.
static SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0xc2] = true;
    table[0xe2] = true;
    table
};

enum Escape {
    Short(u8),
    Unicode(u16),
}

/// How many of the bytes belong to the first character, as far as that matters here, and how it is escaped, if it is.
fn escape(bytes: &[u8]) -> (usize, Option<Escape>) {
    match bytes {
        [0xc2, 0x85, ..] => (2, Some(Escape::Unicode(0x85))),
        [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => (3, Some(Escape::Unicode(0x2000 | u16::from(last & 0x7f)))),
        [0xc2 | 0xe2, ..] => (1, None),
        [b'\n', ..] => (1, Some(Escape::Short(b'n'))),
        [b'\r', ..] => (1, Some(Escape::Short(b'r'))),
        [b'\t', ..] => (1, Some(Escape::Short(b't'))),
        [quote @ (b'"' | b'\\'), ..] => (1, Some(Escape::Short(*quote))),
        [control, ..] => (1, Some(Escape::Unicode(u16::from(*control)))),
        [] => (0, None),
    }
}

fn put_escape(out: &mut BytesMut, escape: Escape) {
    match escape {
        Escape::Short(letter) => out.put_slice(&[b'\\', letter]),
        Escape::Unicode(code) => out.put_slice(format!("\\u{code:04x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = BytesMut::new();
        json_string(&mut out, text);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn what_readers_take_for_line_ends_is_escaped() {
        assert_eq!(
            escaped("a\"\\\n\r\t\0\u{1f}\u{85}\u{2028}\u{2029}”é€😀"),
            r#""a\"\\\n\r\t\u0000\u001f\u0085\u2028\u2029”é€😀""#
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in prop_oneof![".*", "[\\x00-\\x22\\\\\u{80}-\u{90}\u{2020}-\u{2030}]*"]) {
            let json = escaped(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            let line_end = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
            prop_assert!(!json.contains(line_end));
        }
    }
}
