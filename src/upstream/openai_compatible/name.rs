//! Names of models that may go to an upstream.

/// Longest name, in bytes. The Hub allows 96 for owner and model each.
const LONGEST: usize = 256;

/// Whether a client's text may be a model's id: printable ASCII of the kind that ids have, and no path that leads
/// anywhere. It may stand in a JSON body as it is, and in a path as one encoded segment.
#[must_use]
pub fn is_safe(id: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'@' | b'+' | b',')
    };
    let leads_away = |segment: &str| matches!(segment, "" | "." | "..");
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain) && !id.split('/').any(leads_away)
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn ids_are_safe_and_paths_are_not() {
        for id in [
            "gpt-5",
            "openai/gpt-oss-120b:cerebras",
            "qwen2.5:7b-instruct-q4_K_M",
            "/models/m.gguf".trim_start_matches('/'),
            "a@b+c,d",
        ] {
            assert!(is_safe(id), "{id}");
        }
        for id in [
            "",
            ".",
            "..",
            "/",
            "a/",
            "/a",
            "a//b",
            "a/../b",
            "../a",
            "a/./b",
            "a b",
            "a\nb",
            "a?b",
            "a#b",
            "a%2e",
            "ä",
            "a\\b",
            "a;b",
            "\"",
            &"a".repeat(257),
        ] {
            assert!(!is_safe(id), "{id:?}");
        }
    }
}
