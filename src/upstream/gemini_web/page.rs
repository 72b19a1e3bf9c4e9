//! The app page: the values a request needs, and telling the page apart from what may come in its place.

use std::{borrow::Cow, fmt};

use memchr::memmem;
use secrecy::SecretString;
use url::Url;

use super::protocol::{OtherPage, PageKeys, Protocol};

/// What the app page gives every later request.
#[derive(Clone)]
pub(crate) struct PageTokens {
    /// Anti-forgery token, the form field `at`. Often absent from the pages of valid sessions; a request without it
    /// may be answered with a fresh one, see [`xsrf_token`].
    pub(crate) at: Option<SecretString>,
    /// Build label, the query parameter `bl`. Without one the parameter is left out.
    pub(crate) build_label: Option<String>,
    /// Session id, the query parameter `f.sid`: a signed number as text.
    pub(crate) session_id: Option<String>,
    /// Language of the interface, the query parameter `hl`.
    pub(crate) language: String,
    /// Where uploads are pushed to (`feeds/...`). A page without one leaves a constant that the app once had.
    pub(crate) push_id: String,
}

impl fmt::Debug for PageTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageTokens")
            .field("has_at", &self.at.is_some())
            .field("build_label", &self.build_label)
            .field("has_session_id", &self.session_id.is_some())
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// The app, of an account or of a guest.
    App,
    /// The account service asks for a log-in.
    SignIn,
    /// Consent must be given first.
    Consent,
    /// The address is suspected of automated traffic.
    Sorry,
    /// None of these.
    Unknown,
}

/// Reads the tokens off a page; none when it holds not one of them. A guest's page has some too: whether the session
/// is signed in is for the account RPC to say.
pub(crate) fn scrape(protocol: &Protocol, html: &[u8]) -> Option<PageTokens> {
    let rules = &protocol.page;
    let PageKeys {
        at,
        build_label,
        session_id,
        language,
        push_id,
    } = &rules.keys;
    let at = value(html, at);
    let build_label =
        value(html, build_label).or_else(|| rules.build_label_families.iter().find_map(|family| label(html, family)));
    let session_id = value(html, session_id);
    let language = value(html, language);
    let push_id = value(html, push_id);
    let found = [&at, &build_label, &session_id, &language, &push_id];
    if found.into_iter().all(Option::is_none) {
        return None;
    }
    Some(PageTokens {
        at: at.map(SecretString::from),
        build_label: build_label.or_else(|| rules.fallback.build_label.clone()),
        session_id,
        language: language.map_or_else(|| rules.fallback.language.clone(), plain_english),
        push_id: push_id.unwrap_or_else(|| rules.fallback.push_id.clone()),
    })
}

/// What came: by the address it came from, then by the app's values, then by marks in the body. The address goes
/// first because the log-in page holds values of the same names.
pub(crate) fn classify(protocol: &Protocol, url: &Url, html: &[u8]) -> PageKind {
    let rules = &protocol.page.kinds;
    // What somebody else's host shows says nothing about the account.
    let place = |part: &String| protocol.redirect_allowed(url) && is_at(url, part);
    if let Some(rule) = rules.iter().find(|rule| rule.url.iter().any(place)) {
        return rule.kind.into();
    }
    if scrape(protocol, html).is_some() {
        return PageKind::App;
    }
    let holds = |part: &String| memmem::find(html, part.as_bytes()).is_some();
    rules
        .iter()
        .find(|rule| rule.body.iter().any(holds))
        .map_or(PageKind::Unknown, |rule| rule.kind.into())
}

/// Whether an address is at a place of the rules: a path anywhere (`/sorry/index`), or a host with what is below it and
/// perhaps a path from its root (`google.com/sorry`).
fn is_at(url: &Url, place: &str) -> bool {
    let (host, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    if host.is_empty() {
        return url.path().contains(path);
    }
    let given = url.host_str().unwrap_or_default();
    let below = given.strip_suffix(host);
    let whole = url.path().strip_prefix(path);
    below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        && whole.is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// The fresh anti-forgery token in the body of a 400, if it holds one.
pub(crate) fn xsrf_token(body: &[u8]) -> Option<SecretString> {
    const MARK: &[u8] = b"[\"xsrf\",\"";
    let rest = &body[memmem::find(body, MARK)? + MARK.len()..];
    let token = json_text(until_quote(rest)?)?;
    (!token.is_empty()).then(|| SecretString::from(token))
}

impl From<OtherPage> for PageKind {
    fn from(page: OtherPage) -> Self {
        match page {
            OtherPage::SignIn => PageKind::SignIn,
            OtherPage::Consent => PageKind::Consent,
            OtherPage::Sorry => PageKind::Sorry,
        }
    }
}

/// The value of the first key that has one.
fn value(html: &[u8], keys: &[String]) -> Option<String> {
    keys.iter()
        .find_map(|key| memmem::find_iter(html, key.as_bytes()).find_map(|at| value_after(html, at, at + key.len())))
}

/// The value that follows the key at `from..to`, in any spelling seen: `"KEY":"v"`, spaces around the colon,
/// `["KEY","v"]`, and all of these with backslashes before the quotes, in a script within a text.
fn value_after(html: &[u8], from: usize, to: usize) -> Option<String> {
    let escaped = html[..from].ends_with(b"\\\"");
    let quote: &[u8] = if escaped { b"\\\"" } else { b"\"" };
    if !html[..from].ends_with(quote) {
        return None;
    }
    let rest = html[to..].strip_prefix(quote)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b","))?;
    let rest = rest.trim_ascii_start().strip_prefix(quote)?;
    let text = if escaped {
        // One layer of escapes belongs to the text around the script.
        let raw = &rest[..memmem::find(rest, quote)?];
        Cow::Owned(json_text(raw)?.into_bytes())
    } else {
        Cow::Borrowed(until_quote(rest)?)
    };
    json_text(&text).filter(|value| !value.is_empty())
}

/// A build label of this family, wherever the page mentions it.
fn label(html: &[u8], family: &str) -> Option<String> {
    memmem::find_iter(html, family.as_bytes()).find_map(|at| {
        let rest = &html[at..];
        let end = rest
            .iter()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"_.-".contains(byte)));
        let text = &rest[..end.unwrap_or(rest.len())];
        (text.len() > family.len()).then(|| String::from_utf8_lossy(text).into_owned())
    })
}

/// What stands before the quote that ends a JSON text.
fn until_quote(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &text[at..])?;
        if text[at] == b'"' {
            return Some(&text[..at]);
        }
        at += 2;
        if at > text.len() {
            return None;
        }
    }
}

/// The inside of a JSON text with its escapes read.
fn json_text(inside: &[u8]) -> Option<String> {
    let quoted = [b"\"", inside, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

/// Regional English becomes plain English, as the web app's own requests have it; other tags are left alone, since
/// `zh-TW` and `zh-CN` are not one language.
fn plain_english(language: String) -> String {
    match language.split_once(['-', '_']) {
        Some((primary, _)) if primary.eq_ignore_ascii_case("en") => "en".to_owned(),
        _ => language,
    }
}

#[cfg(test)]
mod tests;
