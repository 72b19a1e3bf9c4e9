//! JSON whose quotes were escaped as HTML.
//!
//! Google escapes texts for HTML. Code between fences comes as it is, as far as is known; should it not, its quotes
//! tell: JSON has no other delimiter of strings, so where there are only escaped ones, all of it is escaped.

/// This text with its entities read, if it holds JSON without a quote but with escaped ones.
pub(super) fn read(text: &str) -> Option<String> {
    let json = &text[text.find(['{', '['])?..];
    let json = &json[..=json.rfind(['}', ']'])?];
    if json.contains('"') || !json.contains('&') {
        return None;
    }
    let read = htmlize::unescape(json);
    read.contains('"').then(|| read.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_without_a_quote_is_escaped_as_a_whole() {
        let escaped = "So: {&quot;a&#34;:&quot;&amp;lt; &lt;b&gt;&quot;} \"";
        assert_eq!(read(escaped).as_deref(), Some("{\"a\":\"&lt; <b>\"}"));
        for text in [
            "",
            "&quot;a&quot;",
            "{}",
            "[1, 2] &quot;",
            "{\"a\":\"&quot;\"}",
            "{\"a\":&quot;b&quot;}",
            "{&lt;&gt;}",
            "} &quot; {",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
