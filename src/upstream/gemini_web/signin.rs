//! Making the session: the page with its tokens, the account behind it, and every known cookie before giving up.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;
use tracing::{debug, info};

use super::{
    account::Account,
    errors,
    frames::{Frame, FrameError, Frames},
    keeper::Renewal,
    page::{self, PageKind, PageTokens},
    protocol::Protocol,
    reply::StreamError,
    request::{self, Rpc, RpcCall},
    rpc::{self, RpcAnswer},
    session::Session,
    transport::{read_all, redirect_target, retry_after},
    vault::Candidate,
};
use crate::error::{Failure, Kind};

impl Session {
    /// Signs in with the best cookies known. When none of them is signed in any more, tries to renew the best by a
    /// rotation, and then without the partner cookie, which tells a stale partner from a dead session (protocol
    /// notes, cookie rotation: 401). The best are those of session `before`: if they are signed out, so is it. Each
    /// sign-in may take as long as `patience`.
    pub(super) async fn establish(&self, before: u64, patience: Duration) -> Result<(PageTokens, Account), Failure> {
        let signed_out = match self.sign_in_unrenewed(before, patience).await {
            Err(failure) if failure.kind() == Kind::UpstreamAuthExpired => failure,
            other => return other,
        };
        let mut bound = None;
        for candidate in to_renew(self.vault.candidates()) {
            match self.renew(candidate.credentials.psidts.as_ref()).await {
                Renewal::Renewed(psidts) => {
                    info!(origin = ?candidate.origin, "signed-out cookies were renewed by a rotation");
                    let mut renewed = candidate;
                    renewed.credentials.psidts = Some(psidts);
                    return self.sign_in(&renewed, Instant::now() + patience).await;
                }
                Renewal::Over(failure) if failure.kind() == Kind::UpstreamDeviceBound => bound = Some(failure),
                Renewal::Over(_) | Renewal::Unchanged | Renewal::Refused => {}
                // Nothing is proven yet: the next attempt, a minute later, may renew them.
                Renewal::NotNow(wait) => return Err(errors::not_renewed_yet(wait)),
            }
        }
        Err(bound.unwrap_or(signed_out))
    }

    /// The same with the cookies as they are.
    pub(super) async fn sign_in_unrenewed(
        &self,
        before: u64,
        patience: Duration,
    ) -> Result<(PageTokens, Account), Failure> {
        let deadline = Instant::now() + patience;
        let mut signed_out = None;
        for candidate in &self.vault.candidates() {
            match self.sign_in(candidate, deadline).await {
                Err(failure) if failure.kind() == Kind::UpstreamAuthExpired => signed_out = Some(failure),
                other => return other,
            }
            self.proof.note_over(before);
            debug!(origin = ?candidate.origin, "these cookies are signed out");
        }
        Err(signed_out.unwrap_or_else(errors::signed_out))
    }

    /// Signs in with one set of cookies.
    async fn sign_in(&self, candidate: &Candidate, deadline: Instant) -> Result<(PageTokens, Account), Failure> {
        self.transport.jar.seed(&candidate.credentials, &candidate.others);
        let mut tokens = self.page(deadline).await?;
        tokens.at = tokens.at.take().or_else(|| self.vault.page_token());
        let account = self.account(&mut tokens, deadline).await?;
        self.vault.signed_in_with(candidate, tokens.at.as_ref()).await;
        Ok((tokens, account))
    }

    /// Loads the app's page and reads its tokens.
    pub(super) async fn page(&self, deadline: Instant) -> Result<PageTokens, Failure> {
        let protocol = &self.transport.protocol;
        let page = self.transport.get_page(request::page(protocol)?, deadline).await?;
        let Some(response) = page.response else {
            return Err(not_the_app(page::classify(protocol, &page.url, b"")));
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_all(response, protocol.limits.page_bytes, deadline).await?;
        let kind = page::classify(protocol, &page.url, &body);
        if matches!(kind, PageKind::SignIn | PageKind::Consent | PageKind::Sorry) {
            return Err(not_the_app(kind));
        }
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(errors::signed_out()),
            status if status.is_success() => {
                page::scrape(protocol, &body).ok_or_else(|| not_the_app(PageKind::Unknown))
            }
            status => Err(errors::http(status, retry_after(&headers))),
        }
    }

    /// Asks for the account's status and models. A token the server does not accept is replaced once by the one its
    /// refusal carries.
    pub(super) async fn account(&self, tokens: &mut PageTokens, deadline: Instant) -> Result<Account, Failure> {
        let protocol = &self.transport.protocol;
        let asked = Instant::now();
        let answer = self.rpc(tokens, &RpcCall::account(protocol)?, deadline).await?;
        let account = Account::parse(protocol, &answer).ok_or_else(errors::unreadable)?;
        if let Some(failure) = errors::account(protocol, account.status) {
            return Err(failure);
        }
        let renewing = self.transport.jar.has_any(&protocol.response.session_cookies);
        self.proof.note(asked, renewing);
        Ok(account)
    }

    /// One remote call of the app: the inner JSON of its answer.
    pub(super) async fn rpc(
        &self,
        tokens: &mut PageTokens,
        call: &RpcCall<'_>,
        deadline: Instant,
    ) -> Result<serde_json::Value, Failure> {
        let protocol = &self.transport.protocol;
        let mut healed = false;
        loop {
            let request = Rpc {
                tokens,
                calls: std::slice::from_ref(call),
                client: self.client_id,
                request_id: self.request_id(),
            };
            let outgoing = request::rpc(protocol, &request)?;
            let response = self.transport.send(outgoing, deadline).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            if let Some(target) = redirect_target(&response, response.url()) {
                return Err(not_the_app(page::classify(protocol, &target, b"")));
            }
            let body = read_all(response, protocol.limits.page_bytes, deadline).await?;
            if status == StatusCode::BAD_REQUEST
                && !healed
                && let Some(token) = page::xsrf_token(&body)
            {
                (tokens.at, healed) = (Some(token), true);
                continue;
            }
            if status == StatusCode::BAD_REQUEST && !healed && tokens.at.take().is_some() {
                // A token of an earlier page may be too old; none at all is accepted by some sessions.
                healed = true;
                continue;
            }
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                return Err(errors::signed_out());
            }
            if !status.is_success() {
                return Err(errors::http(status, retry_after(&headers)));
            }
            return read_answer(protocol, call, &body);
        }
    }
}

/// The document of one remote call, out of the frames of its response.
fn read_answer(protocol: &Protocol, call: &RpcCall<'_>, body: &[u8]) -> Result<serde_json::Value, Failure> {
    let mut frames = Frames::new(protocol.limits.page_bytes);
    if let Err(error) = frames.push(body) {
        return Err(unreadable_frames(protocol, error, body));
    }
    frames.finish();
    let frames: Vec<Frame> = std::iter::from_fn(|| frames.next_frame()).collect();
    match rpc::answer(&frames, call) {
        RpcAnswer::Document(document) => Ok(document),
        RpcAnswer::Rejected(status) => Err(errors::call_rejected(status)),
        RpcAnswer::Http(status) => Err(errors::stream(
            protocol,
            StreamError::Http(u16::try_from(status).unwrap_or(0)),
        )),
        RpcAnswer::Missing => Err(errors::unreadable()),
    }
}

/// A page in place of frames is told by its kind.
pub(super) fn unreadable_frames(protocol: &Protocol, error: FrameError, body: &[u8]) -> Failure {
    match error {
        FrameError::Html => not_the_app(page::classify(protocol, &protocol.page_url(), body)),
        FrameError::TooLarge => errors::frame(error),
    }
}

/// The failure of a page that should have been something else.
pub(super) fn not_the_app(kind: PageKind) -> Failure {
    errors::page(kind).unwrap_or_else(|| errors::frame(FrameError::Html))
}

/// What a rotation is tried with: the best candidate, and the same without the partner cookie. More would only be
/// answered with 429.
fn to_renew(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.truncate(1);
    if let Some(first) = candidates.first().filter(|first| first.credentials.psidts.is_some()) {
        let mut alone = first.clone();
        alone.credentials.psidts = None;
        candidates.push(alone);
    }
    candidates
}
