//! Plain chat, beside what the driver does for every format: a caller's conversation, `POST /reset` and `GET /status`.

use std::{fs, time::Duration};

use http::{HeaderMap, HeaderName, Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::turn;
use crate::{
    api::plain_chat::{CLEARED, Status},
    app::App,
    body::Body,
    chat::{Answer, FinishReason, Message, Note, Part, Request, Role},
    conversations::{self, Turn, Whose},
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
    room::{Full, Held},
};

/// The client's name for one of its conversations.
const SESSION_ID: HeaderName = HeaderName::from_static("x-session-id");

/// One round of a conversation on its way: dropped before its end it leaves the conversation as it was.
pub(super) struct Round {
    turn: Turn,
    message: String,
}

impl Round {
    /// Waits for the caller's turn in its conversation, and puts what was said before in front of the request.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] for a session id that is none, [`Kind::Overloaded`] when earlier messages are not answered
    /// in time or there is no room for the history, [`Kind::ShuttingDown`].
    pub(super) async fn begin(
        exchange: &Exchange,
        request: &mut Request,
        held: &Held,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let app = &exchange.app;
        let turn = app.conversations.turn(whose(exchange)?, &app.limits.conversations);
        let turn = tokio::select! {
            () = app.closing.cancelled() => return Err(turn::closing()),
            turn = timeout_at(deadline, turn) => turn.map_err(|_| busy())?,
        };
        let bytes = turn.history().iter().map(|round| round.text_bytes()).sum();
        held.take(bytes).map_err(Full::failure)?;
        let newest = std::mem::take(&mut request.messages);
        let message = newest
            .iter()
            .flat_map(|message| &message.parts)
            .filter_map(Part::as_text);
        let message: String = message.collect();
        request.messages = Vec::with_capacity(2 * turn.history().len() + newest.len());
        for round in turn.history() {
            request.messages.push(Message::text(Role::User, round.message.as_str()));
            request
                .messages
                .push(Message::text(Role::Assistant, round.answer.as_str()));
        }
        request.messages.extend(newest);
        Ok(Self { turn, message })
    }

    /// The answer is complete. Gives the length of the conversation, for the head.
    ///
    /// An answer that `max_tokens` has cut is as long as it was wanted. Of one that the upstream withheld, and of one
    /// without a word, nothing would be left to go on from.
    pub(super) fn end(self, answer: &Answer, model: &str) -> Note {
        let is_whole = matches!(
            answer.finish,
            Some(FinishReason::Stop | FinishReason::StopText(_) | FinishReason::Length)
        );
        let round = (is_whole && !answer.text.is_empty()).then(|| conversations::Round {
            message: self.message,
            answer: answer.text.clone(),
        });
        Note {
            name: "conversation-length",
            value: self.turn.end(round, model).to_string(),
        }
    }
}

/// The model of those who name none: the configured one, else the first of the list.
pub(super) fn default_model(app: &App) -> Option<String> {
    let listed = || app.upstream.models().into_iter().next().map(|model| model.id);
    app.default_model.clone().or_else(listed)
}

/// Forgets the caller's conversation.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a session id that is none.
pub(crate) fn reset(exchange: &Exchange) -> Result<Response<Body>, Failure> {
    exchange.app.conversations.clear(&whose(exchange)?);
    Ok(respond::json(StatusCode::OK, CLEARED))
}

/// What is known of the caller's conversation, and of the gateway.
///
/// # Errors
/// [`Kind::InvalidRequest`] for a session id that is none.
pub(crate) fn status(exchange: &Exchange) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let conversation = app.conversations.summary(&whose(exchange)?, &app.limits.conversations);
    let to_be_asked = || {
        let name = default_model(app)?;
        let name = app.aliases.get(&name).unwrap_or(&name);
        Some(app.upstream.resolve(name).unwrap_or_else(|_| name.clone()))
    };
    let model_name = conversation.model.or_else(to_be_asked);
    let since = httpdate::fmt_http_date(app.conversations.since());
    let status = Status {
        device: model_name
            .as_deref()
            .map(|model| app.upstream.name_for(model).into_owned()),
        model_name,
        conversation_length: conversation.rounds,
        memory_allocated: resident_bytes(),
        history: format!("in memory since {since}"),
    };
    Ok(respond::json(StatusCode::OK, status.body()))
}

/// Whose conversation a request is about.
fn whose(exchange: &Exchange) -> Result<Whose, Failure> {
    Ok(Whose {
        key: exchange.key,
        session: session_id(&exchange.head.headers)?,
    })
}

fn session_id(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut given = headers.get_all(SESSION_ID).iter();
    let Some(id) = given.next() else { return Ok(None) };
    let id = id.to_str().unwrap_or_default();
    if conversations::is_session_id(id) && given.next().is_none() {
        return Ok(Some(id.to_owned()));
    }
    let message = "The header X-Session-Id must be one name of 1 to 128 characters of A-Za-z0-9._:@-, or absent.";
    Err(Failure::new(Kind::InvalidRequest, message).param(SESSION_ID.as_str()))
}

fn busy() -> Failure {
    const COME_BACK: Duration = Duration::from_secs(5);
    let message = "Earlier messages of this conversation were not answered in time (REQUEST_TIMEOUT). Send one after the \
                   other, or give each conversation an X-Session-Id of its own.";
    Failure::new(Kind::Overloaded, message).retry_after(COME_BACK)
}

/// The memory of this process that is really there, where the system tells it as Linux does.
fn resident_bytes() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_read_or_unknown() {
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t   13500 kB\nRssAnon:\t 1 kB\n"),
            Some(13_824_000)
        );
        for odd in ["", "VmRSS:\n", "VmRSS:\t12 MB\n", "VmRSS:\tx kB\n"] {
            assert_eq!(resident(odd), None, "{odd:?}");
        }
    }
}
