//! The handle by which a test or the demo steers the stand-in and sees what it got.

use std::{pin::pin, sync::Arc};

use super::{
    account::{Account, Chat, new_token},
    record::Record,
    settings::Settings,
    state::State,
    upload::Uploaded,
    words::Fault,
};

/// Steers one stand-in. Cheap to clone; outliving the stand-in does no harm.
#[derive(Clone)]
pub struct Control {
    pub(super) state: Arc<State>,
}

impl Control {
    /// Changes how the stand-in behaves from the next request on.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state.lock().settings);
    }

    /// Adds a rule. Of several that fit a request, the oldest acts.
    pub fn rule(&self, rule: Rule) {
        self.state.lock().rules.push(rule);
    }

    /// Removes all rules.
    pub fn clear_rules(&self) {
        self.state.lock().rules.clear();
    }

    /// Makes a session with these cookies, or replaces it.
    pub fn seed(&self, psid: &str, psidts: Option<&str>) {
        let account = Account::new(psidts.map(str::to_owned));
        self.state.lock().accounts.insert(psid.to_owned(), account);
    }

    /// Lets every session expire: it is dead until a rotation renews it.
    pub fn expire(&self) {
        self.each_account(|account| account.expired = true);
    }

    /// Ends every session for good.
    pub fn sign_out(&self) {
        self.each_account(|account| account.signed_out = true);
    }

    /// Renews the cookie of every session as if a browser had done it: copies elsewhere are stale.
    pub fn rotate_elsewhere(&self) {
        let mut inner = self.state.lock();
        let settings = inner.settings.clone();
        for account in inner.accounts.values_mut() {
            account.rotate(&settings);
        }
    }

    /// Replaces the anti-forgery token of every session: the one a client holds is wrong.
    pub fn new_tokens(&self) {
        self.each_account(|account| account.token = new_token());
    }

    /// Sets the status that live sessions report (1000: available).
    pub fn set_status(&self, status: u32) {
        self.configure(|settings| settings.status = status);
    }

    /// Times a new `__Secure-1PSIDTS` was handed out, over all sessions.
    #[must_use]
    pub fn rotations(&self) -> u64 {
        let inner = self.state.lock();
        inner.accounts.values().map(|account| account.rotations).sum()
    }

    /// The `__Secure-1PSIDTS` that counts for the session seen last.
    #[must_use]
    pub fn current_psidts(&self) -> Option<String> {
        let inner = self.state.lock();
        let account = inner.accounts.get(inner.newest.as_deref()?)?;
        account.psidts.clone()
    }

    /// The conversations kept for the session seen last, oldest first.
    #[must_use]
    pub fn chats(&self) -> Vec<StoredChat> {
        let inner = self.state.lock();
        let newest = inner.newest.as_deref().and_then(|psid| inner.accounts.get(psid));
        let chats = newest.into_iter().flat_map(|account| &account.chats);
        let stored = chats.map(|chat| StoredChat {
            id: chat.cid.clone(),
            title: chat.title.clone(),
            temporary: chat.temporary,
            turns: chat.turns.len(),
        });
        stored.collect()
    }

    /// Adds a conversation to the session seen last, as if it had been held elsewhere; its id, or none without a session.
    #[must_use]
    pub fn add_chat(&self, title: &str) -> Option<String> {
        let mut inner = self.state.lock();
        let newest = inner.newest.clone()?;
        let chat = Chat::new(false, title.to_owned());
        let id = chat.cid.clone();
        inner.accounts.get_mut(&newest)?.keep(chat);
        Some(id)
    }

    /// The files uploaded so far, oldest first; at most the last 64 MiB.
    #[must_use]
    pub fn uploads(&self) -> Vec<Uploaded> {
        self.state.lock().uploads.iter().cloned().collect()
    }

    /// Forgets the files uploaded so far: what refers to them is refused, as after their day.
    pub fn forget_uploads(&self) {
        self.state.lock().uploads.clear();
    }

    /// The requests so far, oldest first; at most the last 2000.
    #[must_use]
    pub fn requests(&self) -> Vec<Record> {
        self.state.lock().log.iter().cloned().collect()
    }

    /// The prompt requests so far, oldest first.
    #[must_use]
    pub fn prompts(&self) -> Vec<Record> {
        let inner = self.state.lock();
        let prompts = inner.log.iter().filter(|record| record.is_prompt());
        prompts.cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.state.lock().log.clear();
    }

    /// Answers being sent now.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.state.lock().open_streams
    }

    /// The most answers that were being sent at once.
    #[must_use]
    pub fn peak_streams(&self) -> usize {
        self.state.lock().peak_streams
    }

    /// Waits until the requests so far are as wanted. It has no limit of its own: put one around it. `wanted` sees
    /// the log itself, under its lock: it must not ask this handle anything.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&[Record]) -> bool) {
        loop {
            let mut changed = pin!(self.state.changed.notified());
            // Registered before the look, so that no change falls between the two.
            changed.as_mut().enable();
            if wanted(self.state.lock().log.make_contiguous()) {
                return;
            }
            changed.await;
        }
    }

    fn each_account(&self, change: impl FnMut(&mut Account)) {
        self.state.lock().accounts.values_mut().for_each(change);
    }
}

/// A conversation as the stand-in keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChat {
    /// Its id (`c_` and 16 hexadecimal digits).
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it stays out of the history.
    pub temporary: bool,
    /// Turns so far.
    pub turns: usize,
}

/// Magic words for the requests that fit.
#[derive(Clone, Debug)]
pub struct Rule {
    when: When,
    fault: Fault,
    remaining: Option<u32>,
    skip: u32,
}

/// What a rule looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Prompts that contain this text; the empty text fits every prompt.
    Prompt(String),
    /// Remote calls with this id.
    Call(String),
    /// Requests for this path other than the two above (`/app`, `/RotateCookies`). One that ends in a slash, as `/gg/`,
    /// stands for all that begin with it.
    Path(String),
}

/// What a request is, for the rules.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    Prompt(&'a str),
    Call(&'a str),
    Path(&'a str),
}

impl Rule {
    /// A rule for every request that fits.
    #[must_use]
    pub fn new(when: When, fault: Fault) -> Self {
        Self {
            when,
            fault,
            remaining: None,
            skip: 0,
        }
    }

    /// Only for so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.remaining = Some(times);
        self
    }

    /// Lets so many requests pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// The words, if the rule fits and is not used up.
    pub(super) fn take(&mut self, about: About<'_>) -> Option<Fault> {
        let fits = match (&self.when, about) {
            (When::Prompt(part), About::Prompt(prompt)) => prompt.contains(part),
            (When::Call(id), About::Call(given)) => id == given,
            (When::Path(path), About::Path(given)) => {
                path == given || (path.len() > 1 && path.ends_with('/') && given.starts_with(path.as_str()))
            }
            _ => false,
        };
        if !fits || self.remaining == Some(0) {
            return None;
        }
        if let Some(skip) = self.skip.checked_sub(1) {
            self.skip = skip;
            return None;
        }
        self.remaining = self.remaining.map(|n| n - 1);
        Some(self.fault.clone())
    }
}
