//! Who may come in: the configured keys, and what a request presents.
//!
//! Both sides are hashed, and every presented digest is compared with every configured one in constant time and
//! without stopping at a match. So the time of a check tells neither the length nor the place of a key.

use std::fmt;

use http::{HeaderMap, HeaderName, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::config::Config;

/// The most credentials looked at in one request: more are not a client's honest doubt.
const MOST_CANDIDATES: usize = 16;

/// Headers that hold a bare key.
const KEY_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// Headers that hold credentials for somebody else; removed and never tried.
/// `X-HF-Authorization` is for the platform's edge, and the others belong to browsers and proxies.
const FOREIGN_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-hf-authorization"),
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];

type Fingerprint = [u8; 32];

/// The configured keys, as digests.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: Vec<(KeyName, Fingerprint)>,
}

/// The name of a configured key, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// The n-th key of `API_KEY`, counted from 1.
    Api(usize),
    /// `HF_TOKEN`.
    HfToken,
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyName::Api(number) => write!(f, "api_key_{number}"),
            KeyName::HfToken => f.write_str("hf_token"),
        }
    }
}

impl Keyring {
    /// The keys of `API_KEY` in order, then `HF_TOKEN`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let named =
            |(at, key): (usize, &SecretString)| (KeyName::Api(at + 1), fingerprint(key.expose_secret().as_bytes()));
        let mut keys: Vec<_> = config.api_keys.iter().enumerate().map(named).collect();
        if let Some(token) = &config.hf_token {
            keys.push((KeyName::HfToken, fingerprint(token.expose_secret().as_bytes())));
        }
        Self { keys }
    }

    /// Whether no key is configured, so that nobody can come in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// One digest of all keys, in their order; none without keys. It is no secret towards who holds the keys.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        if self.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for (_, key) in &self.keys {
            hash.update(key);
        }
        Some(hash.finalize().into())
    }

    /// A keyring of these keys.
    #[cfg(test)]
    pub(crate) fn of(keys: &[&str]) -> Self {
        let named = |(at, key): (usize, &&str)| (KeyName::Api(at + 1), fingerprint(key.as_bytes()));
        Self {
            keys: keys.iter().enumerate().map(named).collect(),
        }
    }

    /// The first configured key that any presented credential matches.
    #[must_use]
    pub fn check(&self, presented: &Credentials) -> Option<KeyName> {
        // 0 stands for none. From the last key to the first, so that the first match wins.
        let mut matched = 0_u64;
        for (at, (_, key)) in self.keys.iter().enumerate().rev() {
            let mut hit = Choice::from(0);
            for candidate in &presented.candidates {
                hit |= key.ct_eq(candidate);
            }
            matched.conditional_assign(&(at as u64 + 1), hit);
        }
        let at = usize::try_from(matched).ok()?.checked_sub(1)?;
        self.keys.get(at).map(|(name, _)| *name)
    }
}

/// What a request presents, as digests: the credentials themselves are gone.
#[derive(Debug, Default)]
pub struct Credentials {
    candidates: Vec<Fingerprint>,
}

impl Credentials {
    /// Takes every credential out of the headers, used or not, so that nothing later can log or forward one.
    #[must_use]
    pub fn take(headers: &mut HeaderMap) -> Self {
        let mut candidates = Vec::new();
        for value in headers.get_all(header::AUTHORIZATION) {
            candidates.extend(bearer(value.as_bytes()).map(fingerprint));
        }
        for name in &KEY_HEADERS {
            candidates.extend(
                headers
                    .get_all(name)
                    .iter()
                    .map(|value| fingerprint(value.as_bytes().trim_ascii())),
            );
        }
        candidates.truncate(MOST_CANDIDATES);
        headers.remove(header::AUTHORIZATION);
        for name in KEY_HEADERS.iter().chain(&FOREIGN_HEADERS) {
            headers.remove(name);
        }
        Self { candidates }
    }

    /// Takes every `key` out of a query. Not counted until [`Credentials::add`] is given what was found.
    #[must_use]
    pub fn take_from_query(uri: &mut Uri) -> Self {
        let mut candidates = Vec::new();
        let Some(query) = uri.query().filter(|query| query.contains("key") || query.contains('%')) else {
            return Self { candidates };
        };
        let mut kept = Vec::new();
        for pair in query.split('&') {
            match url::form_urlencoded::parse(pair.as_bytes()).next() {
                Some((name, value)) if name == "key" => candidates.push(fingerprint(value.as_bytes())),
                _ => kept.push(pair),
            }
        }
        if !candidates.is_empty() {
            *uri = with_query(uri, &kept.join("&"));
        }
        Self { candidates }
    }

    /// Counts these too, as far as there is room.
    pub fn add(&mut self, more: Self) {
        self.candidates.extend(more.candidates);
        self.candidates.truncate(MOST_CANDIDATES);
    }

    /// Whether nothing was presented.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
}

/// The token of `Bearer <token>`; the scheme is case-insensitive (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii_start();
    let scheme_end = value.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (scheme, token) = value.split_at(scheme_end);
    scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii())
}

/// The path with another query; alone if that cannot be.
fn with_query(uri: &Uri, query: &str) -> Uri {
    let path = uri.path();
    let joined = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    Uri::try_from(joined).unwrap_or_default()
}

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Sha256::digest(bytes).into()
}
