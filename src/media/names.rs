//! Names for files: the client's own as far as they are harmless, distinct within a request.

use crate::chat::FileKind;

/// The longest name, in characters.
const LONGEST: usize = 100;
/// The longest end of a name that is kept when the rest is cut.
const LONGEST_EXTENSION: usize = 12;

/// A name for a file: the last segment of the client's own without what could break out of a header or mislead an
/// eye. Without one it is called by its kind. It always has an ending.
pub(super) fn safe(given: Option<&str>, kind: FileKind, extension: &str) -> String {
    let given = given.unwrap_or_default();
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let harmless: String = last.chars().filter(|c| !is_harmful(*c)).collect();
    let name = harmless.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() {
        return format!("{}.{extension}", word(kind));
    }
    match name.rsplit_once('.') {
        Some((stem, end)) if end.chars().count() <= LONGEST_EXTENSION => join(stem, end),
        _ => join(name, extension),
    }
}

/// Makes a name differ from those before it: `a.png`, `a-2.png`. Case does not make a difference.
pub(super) fn distinct(name: String, earlier: &[String]) -> String {
    let taken = |name: &str| earlier.iter().any(|other| other.eq_ignore_ascii_case(name));
    if !taken(&name) {
        return name;
    }
    let (stem, end) = name.rsplit_once('.').unwrap_or((&name, ""));
    (2..)
        .map(|n| format!("{stem}-{n}.{end}"))
        .find(|name| !taken(name))
        .unwrap_or_default()
}

fn join(stem: &str, end: &str) -> String {
    let room = LONGEST - 1 - end.chars().count();
    let stem: String = stem.chars().take(room).collect();
    format!("{stem}.{end}")
}

/// Controls, quotes and separators, and the invisible characters that reorder what is read.
fn is_harmful(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || invisible || matches!(c, '"' | '<' | '>' | '|' | ':' | '*' | '?' | '`')
}

fn word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Image => "image",
        FileKind::Audio => "audio",
        FileKind::Video => "video",
        FileKind::Document => "document",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(given: &str) -> String {
        safe(Some(given), FileKind::Image, "png")
    }

    #[test]
    fn a_harmless_name_is_kept() {
        for name in ["photo.png", "Grüße & more (1).tar.gz", "my photo.JPEG", "写真.png"] {
            assert_eq!(image(name), name);
        }
    }

    #[test]
    fn what_could_do_harm_is_taken_out() {
        assert_eq!(image("../../etc/passwd"), "passwd.png");
        assert_eq!(image("C:\\Users\\me\\photo.png"), "photo.png");
        assert_eq!(image("a\"\r\nx-evil: 1.png"), "ax-evil 1.png");
        assert_eq!(image("gpj\u{202e}.exe.png"), "gpj.exe.png");
        assert_eq!(image(".."), "image.png");
        assert_eq!(image(".htaccess"), "htaccess.png");
        assert_eq!(safe(None, FileKind::Audio, "wav"), "audio.wav");
        let long = image(&format!("{}.png", "ü".repeat(300)));
        assert_eq!((long.chars().count(), long.ends_with("ü.png")), (100, true));
    }

    #[test]
    fn names_of_one_request_differ() {
        let earlier = ["a.png".to_owned(), "A-2.png".to_owned()];
        assert_eq!(distinct("b.png".to_owned(), &earlier), "b.png");
        assert_eq!(distinct("A.png".to_owned(), &earlier), "A-3.png");
    }

    proptest! {
        #[test]
        fn a_name_is_safe_and_stays_as_it_is(given in any::<String>()) {
            let name = image(&given);
            prop_assert!(!name.chars().any(is_harmful) && !name.contains(['/', '\\']), "{:?}", name);
            prop_assert!((3..=LONGEST).contains(&name.chars().count()) && name.contains('.'), "{:?}", name);
            prop_assert_eq!(image(&name), name.clone());
        }
    }
}
