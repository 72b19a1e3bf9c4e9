//! The log-in cookies out of whatever an owner has copied: a `Cookie` header, a cookie file, a JSON export, two values.
//!
//! Pure and bounded by the length of the text. What is said about the text names cookies and domains, never a value.

mod shapes;

use secrecy::{ExposeSecret, SecretString};

use self::shapes::Entry;
use super::cookies::{Credentials, PSID, PSIDTS};
use crate::error::{Failure, Kind};

/// The longest text, in bytes: a whole browser's cookies are some 300 KiB.
pub(super) const LONGEST: usize = 1 << 20;

/// What a text holds.
pub(super) struct Found {
    pub(super) credentials: Credentials,
    /// What was found and what was left out, in sentences.
    pub(super) report: Vec<String>,
}

/// Reads a text. `now` in Unix seconds tells what has expired.
///
/// # Errors
/// [`Kind::InvalidRequest`] with cause and cure when it holds no usable log-in.
pub(super) fn read(text: &SecretString, now: i64) -> Result<Found, Failure> {
    let text = text.expose_secret();
    if text.len() > LONGEST {
        return Err(refused(format!(
            "The text is over {LONGEST} bytes. Copy the cookies of google.com alone."
        )));
    }
    let shape = shapes::read(text)?;
    let psid = pick(&shape.entries, PSID, now)?;
    let psidts = pick(&shape.entries, PSIDTS, now)?;
    let mut report = vec![match shape.entries.len() {
        1 => format!("Read as {}: one cookie.", shape.kind),
        number => format!("Read as {}: {number} cookies.", shape.kind),
    }];
    let psid = match psid {
        Picked::Value(value) => value,
        Picked::Expired(when) => {
            return Err(refused(format!(
                "The {PSID} in it ended on {when}. Sign in again in a private Firefox window and copy the new cookies."
            )));
        }
        Picked::Nothing => return Err(no_identity(&shape.entries)),
    };
    let psidts = match psidts {
        Picked::Value(value) => {
            report.push(format!("Found {PSID} and {PSIDTS}."));
            Some(value)
        }
        Picked::Expired(when) => {
            report.push(format!("Found {PSID}. Left out {PSIDTS}: it ended on {when}."));
            None
        }
        Picked::Nothing => {
            report.push(format!(
                "Found {PSID}, but no {PSIDTS}. Few accounts work without it: if the trial fails, copy both."
            ));
            None
        }
    };
    let others = shape
        .entries
        .iter()
        .filter(|entry| !matches!(entry.name.as_ref(), PSID | PSIDTS));
    match others.count() {
        0 => {}
        number => report.push(format!(
            "Left out {number} other{}: a log-in needs none of them.",
            if number == 1 { "" } else { "s" }
        )),
    }
    Ok(Found {
        credentials: Credentials { psid, psidts },
        report,
    })
}

/// What a text holds under one name.
enum Picked {
    Value(SecretString),
    /// One that has ended, at this time.
    Expired(String),
    Nothing,
}

/// The one cookie of this name that google.com set.
fn pick(entries: &[Entry<'_>], name: &str, now: i64) -> Result<Picked, Failure> {
    let googles = || entries.iter().filter(|entry| entry.name == name && entry.is_googles());
    let ended = |entry: &&Entry<'_>| entry.expires.is_some_and(|at| at <= now);
    let mut live = googles().filter(|entry| !ended(entry) && !entry.value.is_empty());
    let Some(first) = live.next() else {
        let last = googles()
            .filter_map(|entry| entry.expires.filter(|at| *at <= now))
            .max();
        return Ok(last.map_or(Picked::Nothing, |at| Picked::Expired(date(at))));
    };
    if live.any(|other| other.value != first.value) {
        return Err(refused(format!(
            "The text holds {name} twice with different values, so it is not clear which account is meant. Copy the \
             cookies of one private window."
        )));
    }
    if !first.value.bytes().all(is_of_a_value) {
        return Err(refused(format!(
            "The {name} in it holds characters that no cookie value has, as when a display has shortened it. Copy the \
             whole value."
        )));
    }
    Ok(Picked::Value(first.value.clone().into_owned().into()))
}

/// Why there is no identity cookie: another site's, or none at all.
fn no_identity(entries: &[Entry<'_>]) -> Failure {
    let elsewhere = entries
        .iter()
        .find(|entry| entry.name == PSID && !entry.value.is_empty());
    match elsewhere.and_then(|entry| entry.domain.as_deref()) {
        Some(domain) => refused(format!(
            "The only {PSID} in it belongs to {}. Gemini needs the one of google.com: copy it at gemini.google.com.",
            printable(domain)
        )),
        None => refused(format!(
            "There is no {PSID} in it. Copy the cookies {PSID} and {PSIDTS} at gemini.google.com, where you are signed \
             in; a script on the page cannot read them, so document.cookie does not show them."
        )),
    }
}

fn is_of_a_value(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'\'')
}

fn date(seconds: i64) -> String {
    use std::time::{Duration, UNIX_EPOCH};
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    // Only what has already ended is shown, so that the year has four digits.
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// A domain of the owner's text, fit to be shown.
fn printable(domain: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    domain.chars().filter(plain).take(64).collect()
}

fn refused(message: String) -> Failure {
    Failure::new(Kind::InvalidRequest, message).param("cookies")
}

#[cfg(test)]
mod tests;
