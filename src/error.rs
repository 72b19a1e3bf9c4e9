//! The one error of the gateway: what went wrong, who can cure it, and whether to try again.
//!
//! A [`Failure`] knows nothing of wire formats: `api::*` turns it into the client's own error body, and
//! [`Kind`] alone decides the HTTP status, the stable code and the retry advice. The public message names
//! the cause and the cure; a source error, which may hold hosts or paths, goes to the log and never to a client.

mod file_fault;
mod kind;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

pub use self::{
    file_fault::FileFault,
    kind::{Facts, Kind, Retry, Side},
};

/// A failure on its way to the client.
pub struct Failure {
    kind: Kind,
    message: Cow<'static, str>,
    param: Option<String>,
    retry_after: Option<Duration>,
    retry: Option<Retry>,
    allow: Option<&'static str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    /// A failure with its public message: one or two sentences, the cause and then the cure. Never a secret, never
    /// the text of a prompt, never a credential a client presented.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
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

    /// The public message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
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
