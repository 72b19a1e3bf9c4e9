//! What is kept of the session over a restart, and which of the known cookies to try first.
//!
//! One file, `session.json`, replaced whole. It holds the rotated `__Secure-1PSIDTS`, its predecessor (a request in
//! flight, or a process killed between Google's answer and the write, may still need it), the other cookies and the
//! page token. It does not hold `__Secure-1PSID`: that stays with the owner, and the file is worth little without it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use cookie_store::Cookie;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use super::cookies::Credentials;
use crate::state::StateDir;

const FILE: &str = "session.json";

/// The saved session and the configured log-in together.
pub(super) struct Vault {
    state: Arc<StateDir>,
    configured: Credentials,
    saved: Mutex<Saved>,
}

/// Cookies to try, and where they come from.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) credentials: Credentials,
    pub(super) origin: Origin,
    pub(super) others: Vec<Cookie<'static>>,
}

/// Where a candidate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration.
    Configured,
    /// The state file.
    Saved,
    /// The value before the one in the state file.
    Previous,
}

/// The file.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
struct Saved {
    /// Digest of the `__Secure-1PSID` all this belongs to.
    account: String,
    /// Digest of the configured `__Secure-1PSIDTS` from which `psidts` descends.
    seed: String,
    psidts: Option<String>,
    previous: Option<String>,
    /// Digests of values that were in force earlier, so that an old one in the environment is known to be old.
    past: Vec<String>,
    /// Unix seconds of the last time a rotation was asked for; 0 for never.
    asked_at: u64,
    /// The page token, which outlives the page it came with.
    at: Option<String>,
    cookies: Vec<Cookie<'static>>,
}

impl Vault {
    /// Reads what was saved for this log-in. A file of another account or one that cannot be read is left alone
    /// until there is something newer to put in its place.
    pub(super) fn open(state: Arc<StateDir>, configured: Credentials) -> Self {
        let account = digest(configured.psid.expose_secret());
        let saved = read(&state).filter(|saved| saved.account == account);
        let saved = saved.unwrap_or_else(|| Saved {
            account,
            ..Saved::default()
        });
        Self {
            state,
            configured,
            saved: Mutex::new(saved),
        }
    }

    /// The cookies to try, best first: what was rotated last, unless the owner has configured a value that this
    /// chain of rotations has never seen.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let saved = self.lock().clone();
        let configured = Candidate {
            credentials: self.configured.clone(),
            origin: Origin::Configured,
            others: Vec::new(),
        };
        let known_as_old = saved.knows(self.configured_digest());
        let mut list: Vec<Candidate> = [(saved.psidts, Origin::Saved), (saved.previous, Origin::Previous)]
            .into_iter()
            .filter_map(|(psidts, origin)| {
                let credentials = Credentials {
                    psid: self.configured.psid.clone(),
                    psidts: Some(psidts?.into()),
                };
                Some(Candidate {
                    credentials,
                    origin,
                    others: saved.cookies.clone(),
                })
            })
            .collect();
        list.insert(if known_as_old { list.len() } else { 0 }, configured);
        let mut seen = Vec::new();
        list.retain(|candidate| {
            let value = candidate
                .credentials
                .psidts
                .as_ref()
                .map(|psidts| psidts.expose_secret().to_owned());
            let new = !seen.contains(&value);
            seen.push(value);
            new
        });
        list
    }

    /// The identity cookie.
    pub(super) fn psid(&self) -> &SecretString {
        &self.configured.psid
    }

    /// Saves a new `__Secure-1PSIDTS` and only then returns, so that the caller may use it.
    ///
    /// A disk that refuses is reported and does not stop the session: the value would be lost either way, and using
    /// it at least keeps the session alive until the process ends.
    pub(super) async fn renew(&self, psidts: &SecretString, others: Vec<Cookie<'static>>) {
        let seed = self.configured_digest();
        self.update(|saved| {
            saved.replace(psidts.expose_secret());
            saved.seed = seed;
            saved.asked_at = unix_now();
            saved.cookies = others;
        })
        .await;
    }

    /// Notes that Google was asked for a rotation, whatever came of it: a restart must not ask again at once.
    pub(super) async fn asked(&self) {
        self.update(|saved| saved.asked_at = unix_now()).await;
    }

    /// Whether a value is in force, or was.
    pub(super) fn has_seen(&self, psidts: &SecretString) -> bool {
        self.lock().knows(digest(psidts.expose_secret()))
    }

    /// Notes which cookies signed in: a chain of rotations begins, or goes on, with them. Gives the persisted page
    /// token a new value when there is one.
    pub(super) async fn signed_in_with(&self, candidate: &Candidate, at: Option<&SecretString>) {
        let seed = self.configured_digest();
        let psidts = candidate
            .credentials
            .psidts
            .as_ref()
            .map(|psidts| psidts.expose_secret().to_owned());
        let at = at.map(|at| at.expose_secret().to_owned());
        let unchanged = {
            let saved = self.lock();
            saved.psidts == psidts && saved.seed == seed && saved.at == at
        };
        if unchanged {
            return;
        }
        self.update(|saved| {
            if let Some(psidts) = &psidts {
                saved.replace(psidts);
            }
            saved.seed = seed;
            saved.at = at;
        })
        .await;
    }

    /// The page token of an earlier page, for a page that carries none.
    pub(super) fn page_token(&self) -> Option<SecretString> {
        self.lock().at.clone().map(SecretString::from)
    }

    /// The value in force.
    pub(super) fn current(&self) -> Option<SecretString> {
        self.lock()
            .psidts
            .clone()
            .map(SecretString::from)
            .or_else(|| self.configured.psidts.clone())
    }

    /// Time since Google was last asked for a rotation, over restarts.
    pub(super) fn since_asked(&self) -> Option<Duration> {
        let asked_at = self.lock().asked_at;
        (asked_at > 0).then(|| Duration::from_secs(unix_now().saturating_sub(asked_at)))
    }

    fn configured_digest(&self) -> String {
        self.configured
            .psidts
            .as_ref()
            .map(|psidts| digest(psidts.expose_secret()))
            .unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn update(&self, change: impl FnOnce(&mut Saved)) {
        let bytes = {
            let mut saved = self.lock();
            change(&mut saved);
            serde_json::to_vec(&*saved)
        };
        let state = Arc::clone(&self.state);
        let result = tokio::task::spawn_blocking(move || match bytes {
            Ok(bytes) => state.save(FILE, &bytes),
            Err(error) => Err(error.into()),
        })
        .await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(%error, "the session could not be saved; after a restart the configured cookies may be too old");
            }
            Err(error) => warn!(%error, "the session could not be saved"),
        }
    }
}

impl Saved {
    /// How many earlier values are remembered by digest: half a day of rotations.
    const PAST: usize = 72;

    /// Puts a new value in force.
    fn replace(&mut self, psidts: &str) {
        if self.psidts.as_deref() == Some(psidts) {
            return;
        }
        let old = self.psidts.replace(psidts.to_owned());
        if let Some(old) = old {
            self.past.push(digest(&old));
            self.previous = Some(old);
        }
        if !self.seed.is_empty() && !self.past.contains(&self.seed) {
            self.past.push(self.seed.clone());
        }
        let surplus = self.past.len().saturating_sub(Self::PAST);
        self.past.drain(..surplus);
    }

    /// Whether a configured value is the seed of this chain or one of its earlier values, and so older than it.
    fn knows(&self, configured: String) -> bool {
        self.psidts.is_some()
            && (self.seed == configured
                || self.past.contains(&configured)
                || self.psidts.as_deref().map(digest) == Some(configured))
    }
}

fn read(state: &StateDir) -> Option<Saved> {
    let bytes = match state.load(FILE) {
        Ok(bytes) => bytes?,
        Err(error) => {
            warn!(%error, "the saved session cannot be read; going on with the configured cookies");
            return None;
        }
    };
    // The error of a JSON reader may quote the text, so only its place is logged.
    serde_json::from_slice(&bytes)
        .inspect_err(|error: &serde_json::Error| {
            warn!(
                line = error.line(),
                column = error.column(),
                "the saved session is damaged and is not used"
            );
        })
        .ok()
}

/// Half a SHA-256 in hex: enough to recognise a value, useless for finding it.
pub(super) fn digest(value: &str) -> String {
    Sha256::digest(value.as_bytes())[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(psid: &str, psidts: &str) -> Credentials {
        Credentials {
            psid: psid.to_owned().into(),
            psidts: Some(psidts.to_owned().into()),
        }
    }

    fn order(vault: &Vault) -> Vec<(String, Origin)> {
        let value = |c: &Candidate| c.credentials.psidts.as_ref().unwrap().expose_secret().to_owned();
        vault
            .candidates()
            .iter()
            .map(|candidate| (value(candidate), candidate.origin))
            .collect()
    }

    fn open(dir: &tempfile::TempDir, credentials: Credentials) -> Vault {
        Vault::open(Arc::new(StateDir::open(Some(dir.path()))), credentials)
    }

    async fn rotate(vault: &Vault, value: &str) {
        vault.renew(&SecretString::from(value.to_owned()), Vec::new()).await;
    }

    #[tokio::test]
    async fn after_a_restart_the_rotated_value_beats_the_stale_one_of_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let vault = open(&dir, credentials("id", "env"));
        vault.signed_in_with(&vault.candidates()[0], None).await;
        rotate(&vault, "second").await;
        rotate(&vault, "third").await;
        let again = open(&dir, credentials("id", "env"));
        let expected = [
            ("third", Origin::Saved),
            ("second", Origin::Previous),
            ("env", Origin::Configured),
        ];
        assert_eq!(
            order(&again),
            expected.map(|(value, origin)| (value.to_owned(), origin))
        );
        assert!(again.since_asked().is_some());
    }

    #[tokio::test]
    async fn an_earlier_value_of_the_chain_in_the_environment_is_known_to_be_old() {
        let dir = tempfile::tempdir().unwrap();
        let vault = open(&dir, credentials("id", "env"));
        rotate(&vault, "second").await;
        rotate(&vault, "third").await;
        assert_eq!(order(&open(&dir, credentials("id", "second")))[0].0, "third");
    }

    #[tokio::test]
    async fn new_cookies_of_the_owner_come_first_and_another_login_drops_the_file() {
        let dir = tempfile::tempdir().unwrap();
        rotate(&open(&dir, credentials("id", "env")), "second").await;
        assert_eq!(
            order(&open(&dir, credentials("id", "pasted")))[0],
            ("pasted".to_owned(), Origin::Configured)
        );
        assert_eq!(
            order(&open(&dir, credentials("other", "env"))),
            [("env".to_owned(), Origin::Configured)]
        );
    }

    #[tokio::test]
    async fn a_damaged_file_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), b"{\"account\":").unwrap();
        assert_eq!(order(&open(&dir, credentials("id", "env"))).len(), 1);
    }

    #[tokio::test]
    async fn the_identity_is_not_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        rotate(&open(&dir, credentials("g.a000-identity", "env")), "second").await;
        let file = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!file.contains("g.a000-identity") && file.contains("second"));
    }
}
