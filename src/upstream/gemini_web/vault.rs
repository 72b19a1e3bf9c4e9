//! What is kept of the session over a restart, and which of the known cookies to try first.
//!
//! One file, `session.json`, replaced whole. It holds the rotated `__Secure-1PSIDTS`, its predecessor (a request in
//! flight, or a process killed between Google's answer and the write, may still need it), the other cookies and the
//! page token. It does not hold a configured `__Secure-1PSID`: that stays with the owner, and the file is worth little
//! without it. Only one that was entered on the gateway's page is in it, because a restart finds it nowhere else.
//!
//! Cookies that are only being tried have a file of their own, `session-trial.json`, so that what a trial rotates is on
//! disk before it is used, and the file of the session in use is never touched by a trial that fails.

mod entered;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use cookie_store::Cookie;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::warn;

use self::entered::Entered;
use super::cookies::Credentials;
use crate::state::StateDir;

const FILE: &str = "session.json";
const TRIAL: &str = "session-trial.json";

/// The saved session and the owner's log-in together: the configured one, or one entered since.
pub(super) struct Vault {
    state: Arc<StateDir>,
    configured: Credentials,
    saved: Mutex<Saved>,
    /// Where it is saved; none any more once another log-in has taken this one's place. Held while a file is written,
    /// so that an older state never replaces a newer one.
    file: tokio::sync::Mutex<Option<&'static str>>,
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
    /// The log-in that was entered in place of the configured one, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    entered: Option<Entered>,
}

impl Vault {
    /// Reads what was saved for the owner's log-in: the configured one, unless another one was entered since it was
    /// configured. None where there is neither. A file of another account or one that cannot be read is left alone until
    /// there is something newer to put in its place.
    pub(super) fn open(state: Arc<StateDir>, configured: Option<&Credentials>) -> Option<Self> {
        let mut saved = read(&state, FILE);
        let entered = saved
            .as_ref()
            .and_then(|saved| saved.entered.as_ref()?.in_force(configured));
        if let (None, Some(saved)) = (&entered, &mut saved) {
            // The owner has configured something else since then.
            saved.entered = None;
        }
        let credentials = entered.or_else(|| configured.cloned())?;
        Some(Self::of(state, credentials, saved, FILE))
    }

    /// For a log-in that is tried: with what an earlier trial of the same one has rotated.
    pub(super) fn for_trial(state: Arc<StateDir>, credentials: Credentials) -> Self {
        let saved = read(&state, TRIAL).filter(|saved| saved.seed == partner_digest(&credentials));
        Self::of(state, credentials, saved, TRIAL)
    }

    fn of(state: Arc<StateDir>, configured: Credentials, saved: Option<Saved>, file: &'static str) -> Self {
        let account = digest(configured.psid.expose_secret());
        let saved = saved.filter(|saved| saved.account == account);
        let saved = saved.unwrap_or_else(|| Saved {
            account,
            ..Saved::default()
        });
        Self {
            state,
            configured,
            saved: Mutex::new(saved),
            file: Some(file).into(),
        }
    }

    /// Of the same account, so that its last rotation counts here too: one follows another no sooner.
    pub(super) fn follow(&self, running: &Self) {
        let asked_at = running.lock().asked_at;
        let mut saved = self.lock();
        saved.asked_at = saved.asked_at.max(asked_at);
    }

    /// Nothing is saved from here any more: another log-in takes this one's place.
    pub(super) async fn retire(&self) {
        *self.file.lock().await = None;
    }

    /// A log-in that was tried becomes the one in use, over restarts too: until the owner configures another than
    /// `configured`, what is configured now. Gives whether it is on disk.
    pub(super) async fn promote(&self, configured: Option<&Credentials>) -> bool {
        let mut file = self.file.lock().await;
        let bytes = {
            let mut saved = self.lock();
            saved.entered = Some(Entered::new(&self.configured, configured));
            serde_json::to_vec(&*saved)
        };
        *file = Some(FILE);
        let kept = write(&self.state, FILE, bytes).await && self.state.is_durable();
        let state = Arc::clone(&self.state);
        // What stays behind is only known again by who enters the same cookies.
        let _ = tokio::task::spawn_blocking(move || state.remove(TRIAL)).await;
        kept
    }

    /// A trial came to nothing: its file stays only where it holds what was rotated.
    pub(super) async fn discard(&self) {
        let file = self.file.lock().await;
        if self.has_rotated() || *file != Some(TRIAL) {
            return;
        }
        let state = Arc::clone(&self.state);
        let removed = tokio::task::spawn_blocking(move || state.remove(TRIAL)).await;
        if let Ok(Err(error)) = removed {
            warn!(%error, "what is left of a trial of cookies could not be removed");
        }
    }

    /// Recognises the log-in it was opened with.
    pub(super) fn fingerprint(&self) -> String {
        entered::fingerprint(&self.configured)
    }

    /// Whether it is of this account.
    pub(super) fn is_of(&self, psid: &SecretString) -> bool {
        self.lock().account == digest(psid.expose_secret())
    }

    /// Whether these cookies are the ones in force, or older ones of the same chain.
    pub(super) fn holds(&self, credentials: &Credentials) -> bool {
        let partner = partner_digest(credentials);
        self.is_of(&credentials.psid) && (partner == self.configured_digest() || self.lock().knows(partner))
    }

    /// Whether the value in force came from a rotation.
    pub(super) fn has_rotated(&self) -> bool {
        self.current()
            .is_some_and(|psidts| digest(psidts.expose_secret()) != self.configured_digest())
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
        partner_digest(&self.configured)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Saved> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn update(&self, change: impl FnOnce(&mut Saved)) {
        let file = self.file.lock().await;
        let bytes = {
            let mut saved = self.lock();
            change(&mut saved);
            serde_json::to_vec(&*saved)
        };
        if let Some(file) = *file {
            write(&self.state, file, bytes).await;
        }
    }
}

/// Writes a file whole; false, with a warning, where that fails.
async fn write(state: &Arc<StateDir>, file: &'static str, bytes: serde_json::Result<Vec<u8>>) -> bool {
    let state = Arc::clone(state);
    let result = tokio::task::spawn_blocking(move || match bytes {
        Ok(bytes) => state.save(file, &bytes),
        Err(error) => Err(error.into()),
    })
    .await;
    match result {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            warn!(%error, "the session could not be saved; after a restart the configured cookies may be too old");
        }
        Err(error) => warn!(%error, "the session could not be saved"),
    }
    false
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

fn read(state: &StateDir, file: &str) -> Option<Saved> {
    let bytes = match state.load(file) {
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

/// Of the partner cookie; empty where there is none.
fn partner_digest(credentials: &Credentials) -> String {
    let psidts = credentials.psidts.as_ref();
    psidts.map(|psidts| digest(psidts.expose_secret())).unwrap_or_default()
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
