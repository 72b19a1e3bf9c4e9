//! Texts the stand-in says, and where a growing snapshot of one may be cut.

use std::fmt::Write as _;

/// What generated text is made of. Each alphabet is numbered throughout, so that a lost or repeated piece shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Plain words.
    Ascii,
    /// Three bytes a character in UTF-8.
    Cjk,
    /// Emoji with joiners, modifiers, flags and combining marks.
    Emoji,
    /// Characters outside the basic plane only: two UTF-16 units each.
    Astral,
    /// Words, CJK and emoji by turns.
    Mixed,
    /// Markdown with code, lists and tables.
    Markdown,
    /// HTML entities, which a client has to decode.
    Html,
    /// Quotes, backslashes, control characters, separators and things that look like framing.
    Escapes,
}

const WORDS: [&str; 8] = [
    "amber", "bridge", "candle", "drift", "ember", "fjord", "garnet", "harbour",
];
const CJK: [&str; 6] = ["春江潮水", "海上明月", "千里共光", "山高水长", "风和日丽", "星河灿烂"];
const EMOJI: [&str; 8] = [
    "😀",
    "👩\u{200d}🔬",
    "🇳🇴",
    "👍🏽",
    "🏳\u{fe0f}\u{200d}🌈",
    "e\u{301}",
    "한글",
    "𝔾𝕖𝕞",
];
const ESCAPES: [&str; 12] = [
    "\"quoted\" ",
    "back\\slash ",
    "tab\there ",
    "line\nbreak ",
    "\u{2028}sep\u{2029} ",
    "bell\u{7} ",
    "<i>&</i> ",
    "k=v&w='x' ",
    "[[\"wrb.fr\"]] ",
    "\n189\n[] ",
    ")]}' ",
    "</script> ",
];

impl Alphabet {
    /// The alphabet of a name in a magic word.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ascii" => Self::Ascii,
            "cjk" => Self::Cjk,
            "emoji" => Self::Emoji,
            "astral" => Self::Astral,
            "mixed" => Self::Mixed,
            "md" => Self::Markdown,
            "html" => Self::Html,
            "escapes" => Self::Escapes,
            _ => return None,
        })
    }

    /// Always the same text of exactly `length` characters.
    pub(super) fn text(self, length: usize) -> String {
        let mut out = String::new();
        let mut remaining = length;
        for i in 1.. {
            if remaining == 0 {
                break;
            }
            for c in self.piece(i).chars().take(remaining) {
                out.push(c);
                remaining -= 1;
            }
        }
        out
    }

    fn piece(self, i: usize) -> String {
        let word = WORDS[i % WORDS.len()];
        let cjk = CJK[i % CJK.len()];
        let emoji = EMOJI[i % EMOJI.len()];
        match self {
            Self::Ascii => format!("{i} {word} "),
            Self::Cjk => format!("{i}、{cjk}。"),
            Self::Emoji => format!("{i}{emoji}{}", EMOJI[(i / 3) % EMOJI.len()]),
            Self::Astral => astral(i),
            Self::Mixed => format!("{i} {word} {cjk}{emoji} "),
            Self::Markdown => markdown(i),
            Self::Html => format!("&lt;b id=&quot;n{i}&quot;&gt;{word} &amp;&amp; it&#39;s&lt;/b&gt; "),
            Self::Escapes => format!("{i} {}", ESCAPES[i % ESCAPES.len()]),
        }
    }
}

fn astral(i: usize) -> String {
    (0..8)
        .filter_map(|k| char::from_u32(0x1_F300 + ((i * 8 + k) % 512) as u32))
        .collect()
}

fn markdown(i: usize) -> String {
    let mut out = format!("## Part {i}\n\nSome *stress*, some `code_{i}`.\n\n");
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "```rust\nfn part_{i}(x: u32) -> bool {{ x < {i} && x != 0 }}\n```\n\n"
    );
    let _ = write!(out, "- one\n- two\n\n| a | b |\n|---|---|\n| {i} | x |\n\n");
    out
}

/// Byte offsets at which `frames` growing snapshots of `text` end: evenly spread over its characters, the last at its
/// end. Never more snapshots than characters, never none.
pub(super) fn cuts(text: &str, frames: usize) -> Vec<usize> {
    let length = text.chars().count();
    let frames = frames.clamp(1, length.max(1));
    let mut offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut taken = 0;
    (1..=frames)
        .filter_map(|k| {
            let wanted = length * k / frames;
            let at = offsets.nth(wanted - taken);
            taken = wanted + 1;
            at
        })
        .collect()
}

/// The last `length` characters of a text.
pub(super) fn tail(text: &str, length: usize) -> &str {
    let from = text.char_indices().rev().take(length).last();
    from.map_or("", |(at, _)| &text[at..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_alphabet_gives_exactly_the_length_asked_for() {
        for name in ["ascii", "cjk", "emoji", "astral", "mixed", "md", "html", "escapes"] {
            let alphabet = Alphabet::parse(name).unwrap();
            for length in [0, 1, 7, 1500] {
                assert_eq!(alphabet.text(length).chars().count(), length, "{name}");
            }
        }
        assert_eq!(Alphabet::parse("klingon"), None);
    }

    #[test]
    fn the_tail_is_counted_in_characters() {
        assert_eq!(tail("añ😀b", 2), "😀b");
        assert_eq!(tail("ab", 9), "ab");
        assert_eq!(tail("", 3), "");
    }

    proptest! {
        #[test]
        fn snapshots_grow_to_the_whole_text(text in ".{0,60}", frames in 0usize..80) {
            let cuts = cuts(&text, frames);
            prop_assert_eq!(cuts.len(), frames.clamp(1, text.chars().count().max(1)));
            prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(cuts.iter().all(|at| text.is_char_boundary(*at)));
            prop_assert_eq!(cuts.last().copied(), Some(text.len()));
        }
    }
}
