//! The one error of the gateway: what went wrong, who can cure it, and whether to try again.
//!
//! A [`Failure`] knows nothing of wire formats: `api::*` turns it into the client's own error body, and
//! [`Kind`] alone decides the HTTP status, the stable code and the retry advice. The public message names
//! the cause and the cure; a source error, which may hold hosts or paths, goes to the log and never to a client.

mod file_fault;
mod kind;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use http::StatusCode;

pub use self::{
    file_fault::FileFault,
    kind::{Facts, Kind, Retry, Side},
};

/// A failure on its way to the client.
pub struct Failure {
    kind: Kind,
    message: Cow<'static, str>,
    /// Boxed, since most failures carry none of it and all are passed along by value.
    more: Option<Box<More>>,
    param: Option<String>,
    retry_after: Option<Duration>,
    retry: Option<Retry>,
    allow: Option<&'static str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What few failures carry.
#[derive(Clone, Default)]
struct More {
    quote: Option<String>,
    status: Option<u16>,
    attempts: Option<String>,
}

impl Failure {
    /// A failure with its public message: one or two sentences, the cause and then the cure. Never a secret, never
    /// the text of a prompt, never a credential a client presented.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            more: None,
            param: None,
            retry_after: None,
            retry: None,
            allow: None,
            source: None,
        }
    }

    /// Names the request field at fault, in the client's own path syntax (`messages[0].content`).
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// How long a client should wait before it tries again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Overrides what the gateway itself may do, where a table of the upstream knows better than the kind.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The methods a 405 allows, as the value of its `Allow` header.
    #[must_use]
    pub fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Adds what the upstream said, in its own words, for the client's eyes alone: it may repeat the request, so it never
    /// goes to the log.
    #[must_use]
    pub fn quote(mut self, words: impl Into<String>) -> Self {
        self.more.get_or_insert_default().quote = Some(words.into());
        self
    }

    /// Adds the HTTP status in which the upstream said it.
    #[must_use]
    pub fn said_as(mut self, status: StatusCode) -> Self {
        self.more.get_or_insert_default().status = Some(status.as_u16());
        self
    }

    /// Adds the attempts that were made before it came to this, as the header `x-gateway-attempts` tells them.
    #[must_use]
    pub fn attempts(mut self, attempts: String) -> Self {
        self.more.get_or_insert_default().attempts = Some(attempts);
        self
    }

    /// Attaches the private cause, for the log only.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public message, fit for the log too.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The message as the client gets it: with the upstream's own words, where there are any.
    #[must_use]
    pub fn told(&self) -> Cow<'_, str> {
        match self.more.as_ref().and_then(|more| more.quote.as_deref()) {
            None => Cow::Borrowed(&self.message),
            Some(words) => Cow::Owned(format!("{} It said: {words}", self.message)),
        }
    }

    /// The HTTP status of the upstream's answer, if that was one; else the gateway's own for this kind.
    #[must_use]
    pub fn seen_status(&self) -> u16 {
        let said = self.more.as_ref().and_then(|more| more.status);
        said.unwrap_or_else(|| self.kind.facts().status.as_u16())
    }

    /// The attempts made before it came to this, if there were any.
    #[must_use]
    pub fn attempts_made(&self) -> Option<&str> {
        self.more.as_ref()?.attempts.as_deref()
    }

    /// The request field at fault, if one is.
    #[must_use]
    pub fn param_name(&self) -> Option<&str> {
        self.param.as_deref()
    }

    /// The wait to advise, if one helps.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the gateway may do before the first event.
    #[must_use]
    pub fn retry_rule(&self) -> Retry {
        self.retry.unwrap_or(self.kind.facts().retry)
    }

    /// The `Allow` header of a 405.
    #[must_use]
    pub fn allowed_methods(&self) -> Option<&'static str> {
        self.allow
    }

    /// A copy for another waiter of the same failed operation; the private cause stays with the original.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            more: self.more.clone(),
            param: self.param.clone(),
            retry_after: self.retry_after,
            retry: self.retry,
            allow: self.allow,
            source: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("param", &self.param)
            .field("retry_after", &self.retry_after)
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_no_gateway_side_failure_looks_like_a_wrong_client_key() {
        let mut codes = std::collections::HashSet::new();
        for kind in Kind::ALL {
            let facts = kind.facts();
            assert!(codes.insert(facts.code), "{} twice", facts.code);
            if facts.side != Side::Client {
                assert!(!matches!(facts.status.as_u16(), 401 | 403), "{kind:?}");
            }
        }
    }
}
