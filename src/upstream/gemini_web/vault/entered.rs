//! A log-in that the owner entered while the gateway ran, and for how long it goes before the configured one.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{super::cookies::Credentials, digest};

/// What the file keeps of it.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Entered {
    /// `__Secure-1PSID`, where it is another one than the configured.
    psid: Option<String>,
    psidts: Option<String>,
    /// Fingerprint of the configured log-in that it was entered in place of; empty where there was none.
    instead_of: String,
}

impl Entered {
    /// This log-in, in place of the configured one.
    pub(super) fn new(credentials: &Credentials, configured: Option<&Credentials>) -> Self {
        let psid = credentials.psid.expose_secret();
        let is_configured = configured.is_some_and(|configured| configured.psid.expose_secret() == psid);
        Self {
            psid: (!is_configured).then(|| psid.to_owned()),
            psidts: credentials
                .psidts
                .as_ref()
                .map(|psidts| psidts.expose_secret().to_owned()),
            instead_of: configured.map(fingerprint).unwrap_or_default(),
        }
    }

    /// The log-in, if it still goes first: the configured one is the same as when it was entered, or there is none.
    /// Whoever configures another one since means that one.
    pub(super) fn in_force(&self, configured: Option<&Credentials>) -> Option<Credentials> {
        if configured.is_some_and(|configured| fingerprint(configured) != self.instead_of) {
            return None;
        }
        let psid = match &self.psid {
            Some(psid) => psid.clone().into(),
            None => configured?.psid.clone(),
        };
        Some(Credentials {
            psid,
            psidts: self.psidts.clone().map(Into::into),
        })
    }
}

/// Recognises a log-in, both cookies of it.
pub(super) fn fingerprint(credentials: &Credentials) -> String {
    let psidts = credentials.psidts.as_ref();
    // No cookie's value has a line break.
    digest(&format!(
        "{}\n{}",
        credentials.psid.expose_secret(),
        psidts.map_or("", |psidts| psidts.expose_secret())
    ))
}
