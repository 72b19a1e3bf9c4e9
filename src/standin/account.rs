//! Sessions: who the cookies belong to, what the page hands out, and the conversations kept.

use std::collections::VecDeque;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    record::Verdict,
    rpc::slots,
    settings::Settings,
    token::{alphanumeric, decimal, hex_id, unix_millis, unix_seconds},
};

/// Conversations kept for each account; the oldest goes first.
const MAX_CHATS: usize = 100;
/// Pictures kept for each account; the oldest goes first.
const MAX_PICTURES: usize = 200;

/// One session of the stand-in. It has no `Debug`: it holds the cookie and the token that tests look for in logs.
pub(super) struct Account {
    /// The `__Secure-1PSIDTS` that counts; `None` until a request brings one.
    pub(super) psidts: Option<String>,
    /// The one before it, and until when it is still good.
    pub(super) previous: Option<(String, Instant)>,
    /// Dead until rotated.
    pub(super) expired: bool,
    /// Dead for good.
    pub(super) signed_out: bool,
    /// The anti-forgery token.
    pub(super) token: String,
    /// The page's session id, a signed number.
    pub(super) session_id: String,
    /// Where uploads of this session are pushed to.
    pub(super) push_id: String,
    /// The account's number.
    pub(super) number: String,
    /// Times a new `__Secure-1PSIDTS` was handed out.
    pub(super) rotations: u64,
    pub(super) last_rotation: Option<Instant>,
    pub(super) chats: VecDeque<Chat>,
    /// Ids of the pictures made.
    pub(super) pictures: VecDeque<String>,
}

impl Account {
    pub(super) fn new(psidts: Option<String>) -> Self {
        Self {
            psidts,
            previous: None,
            expired: false,
            signed_out: false,
            token: new_token(),
            session_id: format!("-{}", decimal(18)),
            push_id: format!("feeds/{}", alphanumeric(12).to_lowercase()),
            number: decimal(21),
            rotations: 0,
            last_rotation: None,
            chats: VecDeque::new(),
            pictures: VecDeque::new(),
        }
    }

    /// Judges the `__Secure-1PSIDTS` of a request; the first one that comes is taken as the session's.
    pub(super) fn judge(&mut self, given: Option<&str>, settings: &Settings) -> Verdict {
        if self.signed_out {
            return Verdict::SignedOut;
        }
        if self.expired {
            return Verdict::Expired;
        }
        let Some(given) = given else {
            return match settings.require_psidts {
                true => Verdict::MissingPsidts,
                false => Verdict::LiveWithoutPsidts,
            };
        };
        let current = self.psidts.get_or_insert_with(|| given.to_owned());
        if current == given {
            return Verdict::Live;
        }
        match &self.previous {
            Some((old, until)) if old == given && Instant::now() < *until => Verdict::LiveInGrace,
            _ => Verdict::Stale,
        }
    }

    /// Makes the next `__Secure-1PSIDTS` the one that counts.
    pub(super) fn rotate(&mut self, settings: &Settings) -> &str {
        let old = self.psidts.take();
        self.previous = old.map(|old| (old, Instant::now() + settings.rotation_grace));
        self.expired = false;
        self.rotations += 1;
        if settings.rotation_changes_token {
            self.token = new_token();
        }
        self.psidts.insert(format!("sidts-{}", alphanumeric(60)))
    }

    pub(super) fn chat(&mut self, cid: &str) -> Option<&mut Chat> {
        self.chats.iter_mut().find(|chat| chat.cid == cid)
    }

    pub(super) fn keep(&mut self, chat: Chat) {
        self.chats.push_back(chat);
        if self.chats.len() > MAX_CHATS {
            self.chats.pop_front();
        }
    }

    pub(super) fn add_picture(&mut self, id: String) {
        self.pictures.push_back(id);
        if self.pictures.len() > MAX_PICTURES {
            self.pictures.pop_front();
        }
    }

    pub(super) fn delete(&mut self, cid: &str) {
        self.chats.retain(|chat| chat.cid != cid);
    }
}

/// One conversation.
pub(super) struct Chat {
    pub(super) cid: String,
    pub(super) title: String,
    /// Neither listed nor in the history.
    pub(super) temporary: bool,
    pub(super) updated: u64,
    pub(super) turns: Vec<Turn>,
}

impl Chat {
    pub(super) fn new(temporary: bool, title: String) -> Self {
        Self {
            cid: hex_id("c_"),
            title,
            temporary,
            updated: unix_seconds(),
            turns: Vec::new(),
        }
    }

    /// The newest turns first, as the history call answers them.
    pub(super) fn history(&self, limit: usize) -> Value {
        let previous = |i: usize| i.checked_sub(1).and_then(|i| self.turns.get(i));
        let newest = self.turns.iter().enumerate().rev().take(limit);
        newest.map(|(i, turn)| turn.document(&self.cid, previous(i))).collect()
    }
}

/// One question and its answer.
pub(super) struct Turn {
    pub(super) rid: String,
    pub(super) rcid: String,
    pub(super) prompt: String,
    pub(super) text: std::sync::Arc<str>,
    pub(super) thoughts: std::sync::Arc<str>,
    /// When the history shows the answer.
    pub(super) done: Instant,
    pub(super) asked: u64,
}

impl Turn {
    fn document(&self, cid: &str, previous: Option<&Turn>) -> Value {
        let answer = if Instant::now() < self.done {
            // Still being written: a progress mark in the rich block, no text.
            slots(
                38,
                [
                    (0, json!(self.rcid)),
                    (1, json!([""])),
                    (8, json!([1])),
                    (12, slots(7, [(6, json!([1]))])),
                ],
            )
        } else {
            candidate(&self.rcid, &self.text, &self.thoughts, true, None)
        };
        json!([
            [cid, self.rid],
            previous.map(|turn| [cid, &turn.rid, &turn.rcid]),
            [[self.prompt, null, null, null, [[]]], 2, null, 1],
            [[answer]],
            [self.asked, 0]
        ])
    }
}

/// One candidate of an answer, in a stream as in the history. (Protocol notes, "Candidate".)
pub(super) fn candidate(rcid: &str, text: &str, thoughts: &str, complete: bool, rich: Option<Value>) -> Value {
    let status = if complete { 2 } else { 1 };
    let answer = [
        (0, json!(rcid)),
        (1, json!([text])),
        (8, json!([status])),
        (9, json!("en")),
    ];
    let thoughts = (!thoughts.is_empty()).then(|| (37, json!([[thoughts]])));
    let rich = rich.map(|rich| (12, rich));
    slots(38, answer.into_iter().chain(thoughts).chain(rich))
}

/// An anti-forgery token: letters, a colon, and when it was made.
pub(super) fn new_token() -> String {
    format!("AStandIn{}:{}", alphanumeric(24), unix_millis())
}
