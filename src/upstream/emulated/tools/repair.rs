//! From what a model writes as JSON to JSON.
//!
//! The steps stand in a fixed order, each is taken only if the text is still no JSON after those before it, and none
//! of them makes up a value.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::upstream::emulated::entities;

/// A way to mend a text.
type Step = fn(&str) -> Cow<'_, str>;

const STEPS: [Step; 7] = [
    without_prose,
    up_to_a_fence,
    with_entities_read,
    without_markdown_escapes,
    with_escaped_controls,
    without_trailing_commas,
    with_closed_brackets,
];

/// The text as one or several JSON values, mended if need be; none if that cannot be done.
pub(super) fn values(text: &str) -> Option<String> {
    let mut text = Cow::Borrowed(text.trim());
    for step in [None].into_iter().chain(STEPS.map(Some)) {
        if let Some(step) = step {
            text = match step(&text) {
                Cow::Borrowed(kept) if kept.len() == text.len() => continue,
                Cow::Borrowed(part) => Cow::Owned(part.to_owned()),
                Cow::Owned(mended) => Cow::Owned(mended),
            };
        }
        if is_json(&text) {
            return Some(text.into_owned());
        }
    }
    None
}

/// Splits what [`values`] gave.
pub(super) fn split(text: &str) -> Vec<&RawValue> {
    let values = serde_json::Deserializer::from_str(text).into_iter();
    values.map_while(Result::ok).collect()
}

fn is_json(text: &str) -> bool {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    !text.is_empty() && values.all(|value| value.is_ok())
}

/// JSON without the white space that means nothing, and so on one line.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut scan = Scan::default();
    for c in json.chars() {
        let inside = scan.string;
        scan.step(c);
        if inside || !c.is_ascii_whitespace() {
            out.push(c);
        }
    }
    out
}

/// What stands before the first bracket and after the last is talk.
fn without_prose(text: &str) -> Cow<'_, str> {
    let begin = text.find(['{', '[']).unwrap_or(0);
    let end = text.rfind(['}', ']']).map_or(text.len(), |at| at + 1);
    let cut = text.get(begin..end).unwrap_or(text);
    // Unless it is the end of a value that lacks its last brackets.
    let talk = text[end.max(begin)..].contains(['"', ':', ',']);
    Cow::Borrowed(if talk { &text[begin..] } else { cut })
}

/// What stands after a fence is no part of the block. Such a line need not have closed it: something may follow on it.
fn up_to_a_fence(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::default();
    let fence = text.char_indices().find(|(at, c)| {
        let found = *c == '\n' && !scan.string && text[at + 1..].starts_with("```");
        scan.step(*c);
        found
    });
    fence.map_or(Cow::Borrowed(text), |(at, _)| {
        Cow::Borrowed(text[..at].trim_ascii_end())
    })
}

fn with_entities_read(text: &str) -> Cow<'_, str> {
    entities::read(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The characters that Markdown writers escape though they need not.
const MARKDOWN: &[char] = &[
    '_', '*', '[', ']', '{', '}', '#', '~', '<', '>', '`', '-', '.', '!', '(', ')', '|', '+',
];

/// Takes the escapes of Markdown back. Within strings they look like those of regular expressions and paths: only if
/// backslashes stand outside strings too, where JSON has none, is all of the text known to be escaped; else only the
/// underscore, which no other writer escapes.
fn without_markdown_escapes(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::default();
    let outside = text.chars().any(|c| {
        let found = c == '\\' && !scan.string;
        scan.step(c);
        found
    });
    let escaped: &[char] = if outside { MARKDOWN } else { &['_'] };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let next = from[1..].chars().next();
        match next {
            Some(c) if escaped.contains(&c) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
        rest = &from[1 + next.map_or(0, char::len_utf8)..];
    }
    out.push_str(rest);
    changed(text, out)
}

/// Line breaks and tabs that stand in strings as they are.
fn with_escaped_controls(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::default();
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if scan.string => out.push_str("\\n"),
            '\r' if scan.string => out.push_str("\\r"),
            '\t' if scan.string => out.push_str("\\t"),
            c => out.push(c),
        }
        scan.step(c);
    }
    changed(text, out)
}

fn without_trailing_commas(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::default();
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let trailing = c == ',' && !scan.string && text[at + 1..].trim_ascii_start().starts_with(['}', ']']);
        scan.step(c);
        if !trailing {
            out.push(c);
        }
    }
    changed(text, out)
}

/// Adds the brackets that are missing at the end, unless a string is still open: what else is missing, nobody knows.
fn with_closed_brackets(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::default();
    let mut open = Vec::new();
    for c in text.chars() {
        let inside = scan.string;
        scan.step(c);
        match c {
            _ if inside => {}
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' if open.pop() != Some(c) => return Cow::Borrowed(text),
            _ => {}
        }
    }
    if scan.string || open.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().chain(open.into_iter().rev()).collect())
}

fn changed(before: &str, after: String) -> Cow<'_, str> {
    if before == after {
        return Cow::Borrowed(before);
    }
    Cow::Owned(after)
}

/// Whether a place in a text is within a JSON string.
#[derive(Default)]
struct Scan {
    string: bool,
    escape: bool,
}

impl Scan {
    fn step(&mut self, c: char) {
        match c {
            _ if self.escape => self.escape = false,
            '\\' if self.string => self.escape = true,
            '"' => self.string = !self.string,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
