//! What all connections of one stand-in share.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    account::Account,
    control::{About, Rule},
    record::{Record, Verdict},
    serve::Exchange,
    settings::Settings,
    upload::Uploaded,
    words::{Fault, Plan},
};

/// Requests remembered; the oldest goes first.
const MAX_RECORDS: usize = 2000;

/// Shared state. The lock is held for moments only, never across an await.
pub(super) struct State {
    inner: Mutex<Inner>,
    /// Wakes whoever waits for something to appear in the log.
    pub(super) changed: Notify,
}

pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) accounts: HashMap<String, Account>,
    /// The session cookie seen last: the account that questions without a name are about.
    pub(super) newest: Option<String>,
    /// What requests without a live session act as.
    pub(super) guest: Account,
    /// Files that prompts can refer to, oldest first.
    pub(super) uploads: VecDeque<Uploaded>,
    pub(super) rules: Vec<Rule>,
    pub(super) log: VecDeque<Record>,
    next_id: u64,
    pub(super) page_loads: u64,
    pub(super) open_streams: usize,
    pub(super) peak_streams: usize,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let inner = Inner {
            settings,
            accounts: HashMap::new(),
            newest: None,
            guest: Account::new(None),
            uploads: VecDeque::new(),
            rules: Vec::new(),
            log: VecDeque::new(),
            next_id: 0,
            page_loads: 0,
            open_streams: 0,
            peak_streams: 0,
        };
        Self {
            inner: Mutex::new(inner),
            changed: Notify::new(),
        }
    }

    /// The state, for a moment. A panic of another holder does not spoil it: every change is one assignment.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one line of the log, if it is still there, and wakes those who watch it.
    pub(super) fn note(&self, id: u64, change: impl FnOnce(&mut Record)) {
        self.lock().record(id).map(change);
        self.changed.notify_waiters();
    }
}

impl Inner {
    /// Judges the session cookies, making an account of an unknown one where that is allowed.
    pub(super) fn judge(&mut self, psid: Option<&str>, psidts: Option<&str>) -> Verdict {
        let Some(psid) = psid else {
            return Verdict::NoCookies;
        };
        if !self.accounts.contains_key(psid) {
            if !self.settings.accept_unknown {
                return Verdict::Unknown;
            }
            let account = Account::new(psidts.map(str::to_owned));
            self.accounts.insert(psid.to_owned(), account);
        }
        if self.newest.as_deref() != Some(psid) {
            self.newest = Some(psid.to_owned());
        }
        let account = self.accounts.get_mut(psid);
        account.map_or(Verdict::Unknown, |account| account.judge(psidts, &self.settings))
    }

    /// The account a request acts as.
    pub(super) fn account(&mut self, x: &Exchange) -> &mut Account {
        let psid = x.psid.as_deref().filter(|_| x.verdict.is_live());
        match psid.and_then(|psid| self.accounts.get_mut(psid)) {
            Some(account) => account,
            None => &mut self.guest,
        }
    }

    /// Writes one line of the log and gives its id.
    pub(super) fn remember(&mut self, record: impl FnOnce(u64) -> Record) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.log.push_back(record(id));
        if self.log.len() > MAX_RECORDS {
            self.log.pop_front();
        }
        id
    }

    fn record(&mut self, id: u64) -> Option<&mut Record> {
        let first = self.log.front()?.id;
        let index = usize::try_from(id.checked_sub(first)?).ok()?;
        self.log.get_mut(index)
    }

    /// The plan of a request that brings no words of its own.
    pub(super) fn plan(&mut self, about: About<'_>) -> Plan {
        let fault = self.rule(about);
        Plan::default().with(&fault)
    }

    /// The words of the first rule that fits, used up by one.
    pub(super) fn rule(&mut self, about: About<'_>) -> Fault {
        let rule = self.rules.iter_mut().find_map(|rule| rule.take(about));
        rule.unwrap_or_default()
    }
}
