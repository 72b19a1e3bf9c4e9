//! The shapes that copied cookies come in, each read into the same entries.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{PSID, PSIDTS, refused};
use crate::error::Failure;

/// A cookie of the text.
pub(super) struct Entry<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: Cow<'a, str>,
    /// Where the text tells.
    pub(super) domain: Option<Cow<'a, str>>,
    /// Unix seconds; none for a cookie that lives as long as its browser, or where the text does not tell.
    pub(super) expires: Option<i64>,
}

/// A text, read.
pub(super) struct Shape<'a> {
    /// What it was taken for, for people.
    pub(super) kind: &'static str,
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> Entry<'a> {
    fn bare(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: None,
            expires: None,
        }
    }

    /// Whether google.com set it, or the text does not tell who did.
    pub(super) fn is_googles(&self) -> bool {
        let domain = self.domain.as_deref().map(|domain| domain.trim_start_matches('.'));
        domain.is_none_or(|domain| domain.eq_ignore_ascii_case("google.com"))
    }
}

/// Takes a text for what it looks like.
///
/// # Errors
/// When it is JSON that cannot be read, or nothing that is known.
pub(super) fn read(text: &str) -> Result<Shape<'_>, Failure> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(refused(
            "The text is empty. Paste a Cookie header, a cookies.txt, a JSON export, or the two values.".to_owned(),
        ));
    }
    if text.starts_with(['{', '[']) {
        return json(text);
    }
    let file = netscape(text);
    if !file.is_empty() {
        return Ok(Shape {
            kind: "a cookie file (Netscape)",
            entries: file,
        });
    }
    let pairs = pairs(text);
    if pairs.iter().any(|entry| matches!(entry.name.as_ref(), PSID | PSIDTS)) {
        return Ok(Shape {
            kind: "a Cookie header",
            entries: pairs,
        });
    }
    let values = values(text);
    if !values.is_empty() {
        return Ok(Shape {
            kind: "bare values",
            entries: values,
        });
    }
    // What is there is named, so that a header of the wrong request is known for one.
    if !pairs.is_empty() {
        return Ok(Shape {
            kind: "a Cookie header",
            entries: pairs,
        });
    }
    Err(refused(format!(
        "The text is none of the known kinds: a Cookie header, a cookies.txt (Netscape), a JSON export, or the values \
         of {PSID} and {PSIDTS}."
    )))
}

/// `domain <tab> subdomains <tab> path <tab> secure <tab> expiry <tab> name <tab> value`, as curl and browser
/// extensions write it; a line of an `HttpOnly` cookie begins like a comment.
fn netscape(text: &str) -> Vec<Entry<'_>> {
    text.lines().filter_map(netscape_line).collect()
}

fn netscape_line(line: &str) -> Option<Entry<'_>> {
    let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split('\t');
    let mut next = || fields.next().map(str::trim);
    let (domain, _subdomains, _path, _secure) = (next()?, next()?, next()?, next()?);
    let (expires, name, value) = (next()?, next()?, next()?);
    let expires = expires.parse::<f64>().ok()?;
    Some(Entry {
        domain: Some(domain.into()),
        expires: seconds(expires),
        ..Entry::bare(name, value)
    })
}

/// `name=value; name=value`, as a request header or as lines, with the names of the gateway's settings too.
fn pairs(text: &str) -> Vec<Entry<'_>> {
    let parts = text.split([';', '\n', '\r']).filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        let name = name.trim().trim_start_matches("export ");
        let name = strip_label(name).trim();
        let name = match name {
            "SECURE_1PSID" => PSID,
            "SECURE_1PSIDTS" => PSIDTS,
            other => other,
        };
        let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        token.then(|| Entry::bare(name, unquoted(value)))
    });
    parts.collect()
}

/// `Cookie:` before the first name.
fn strip_label(name: &str) -> &str {
    match name.split_at_checked("cookie:".len()) {
        Some((label, rest)) if label.eq_ignore_ascii_case("cookie:") => rest,
        _ => name,
    }
}

/// The two values alone, told by how they begin (protocol notes, cookies).
fn values(text: &str) -> Vec<Entry<'_>> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ';' | ','));
    let words = words.map(|word| unquoted(word.rsplit_once(':').map_or(word, |(_, value)| value)));
    let known = words.filter_map(|word| {
        let name = if word.starts_with("g.a") {
            PSID
        } else if word.starts_with("sidts-") {
            PSIDTS
        } else {
            return None;
        };
        Some(Entry::bare(name, word))
    });
    known.collect()
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

/// What browser extensions and developer tools export: a list of cookies, an object that holds such a list, or an
/// object of names and values.
fn json(text: &str) -> Result<Shape<'static>, Failure> {
    let document: Value = serde_json::from_str(text).map_err(|error| {
        // The reader's own message may quote the text.
        let (line, column) = (error.line(), error.column());
        refused(format!(
            "The text begins like JSON and cannot be read as such (line {line}, column {column}). Copy all of it."
        ))
    })?;
    let entries = match &document {
        Value::Array(list) => list.iter().filter_map(cookie).collect(),
        Value::Object(object) => of_object(object),
        _ => Vec::new(),
    };
    if entries.is_empty() {
        return Err(refused(format!(
            "The JSON in it holds no cookies. It should be a list of objects with `name` and `value`, or an object \
             such as {{\"{PSID}\": \"…\", \"{PSIDTS}\": \"…\"}}."
        )));
    }
    Ok(Shape {
        kind: "a JSON export",
        entries,
    })
}

fn of_object(object: &Map<String, Value>) -> Vec<Entry<'static>> {
    if let Some(Value::Array(list)) = object.get("cookies") {
        return list.iter().filter_map(cookie).collect();
    }
    let named = |object: &Map<String, Value>| -> Vec<Entry<'static>> {
        let texts = object.iter().filter_map(|(name, value)| {
            let value = value.as_str()?;
            Some(Entry::bare(name.clone(), value.to_owned()))
        });
        texts.collect()
    };
    let here = named(object);
    if !here.is_empty() {
        return here;
    }
    // Firefox copies `{"Request Cookies": {...}}` from its network panel.
    object.values().filter_map(Value::as_object).flat_map(named).collect()
}

fn cookie(item: &Value) -> Option<Entry<'static>> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let expires = ["expirationDate", "expires", "expiry"]
        .iter()
        .find_map(|key| item.get(*key)?.as_f64());
    Some(Entry {
        domain: text("domain").or_else(|| text("host")).map(Cow::Owned),
        expires: expires.and_then(seconds),
        ..Entry::bare(text("name")?, text("value")?)
    })
}

/// A time of expiry; zero and below stand for a cookie of the browser's session.
fn seconds(time: f64) -> Option<i64> {
    /// Some write milliseconds: those of 1990 are the seconds of the year 21970.
    const MILLISECONDS: f64 = 6e11;
    let time = if time > MILLISECONDS { time / 1000.0 } else { time };
    // A cast of a float saturates.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole seconds are meant, and the cast saturates"
    )]
    (time > 0.0).then_some(time as i64)
}
