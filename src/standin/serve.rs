//! One connection: requests in, judged and logged, handed to who answers them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    control::{About, Control},
    generate, media, pages,
    record::{Outcome, Record, Verdict},
    reply::{self, Body, Dropped},
    rotate, rpc,
    state::State,
    target::Target,
    upload,
};

pub(super) const GENERATE_PATH: &str = "/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate";
pub(super) const CALLS_PATH: &str = "/_/BardChatUi/data/batchexecute";
const MAX_BODY: usize = 64 << 20;

/// The service of one stand-in, for any connection.
#[derive(Clone)]
pub(super) struct Front {
    state: Arc<State>,
}

/// A request with its session judged.
pub(super) struct Exchange {
    pub(super) state: Arc<State>,
    /// Its line in the log.
    pub(super) id: u64,
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    /// The build label of the query.
    pub(super) build_label: Option<String>,
    pub(super) psid: Option<String>,
    pub(super) verdict: Verdict,
    pub(super) body: Bytes,
}

impl Front {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    pub(super) fn control(&self) -> Control {
        Control {
            state: Arc::clone(&self.state),
        }
    }

    pub(super) async fn connection<I>(self, io: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let state = Arc::clone(&self.state);
            async move { answer(state, request).await }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(60))
            .serve_connection(TokioIo::new(io), service)
            .await;
        // Clients that leave and faults that cut are what a stand-in is for; the log has them.
        drop(served);
    }
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(reply::plain(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let x = admit(state, head, body.to_bytes());
    let mut ending = Ending::new(&x.state, x.id);
    let response = route(&x).await;
    let status = response.as_ref().ok().map(|response| response.status().as_u16());
    x.state.note(x.id, |record| record.status = status);
    ending.outcome = match &response {
        // A stream ends later and notes that itself.
        Ok(response) if response.body().is_stream() => Outcome::Open,
        Ok(_) => Outcome::Done,
        Err(Dropped) => Outcome::Cut,
    };
    response
}

/// Notes when dropped how a request ended: the client left, unless something else was put in.
pub(super) struct Ending {
    state: Arc<State>,
    id: u64,
    pub(super) outcome: Outcome,
}

impl Ending {
    pub(super) fn new(state: &Arc<State>, id: u64) -> Self {
        Self {
            state: Arc::clone(state),
            id,
            outcome: Outcome::Left,
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let outcome = self.outcome;
        self.state.note(self.id, |record| record.outcome = outcome);
    }
}

async fn route(x: &Exchange) -> Result<Response<Body>, Dropped> {
    let post = x.method == Method::POST;
    match (x.target.host.as_str(), x.target.path.as_str()) {
        (_, GENERATE_PATH) if post => return generate::answer(x).await,
        (_, CALLS_PATH) if post => return rpc::answer(x).await,
        (_, GENERATE_PATH | CALLS_PATH) => return Ok(reply::plain(StatusCode::METHOD_NOT_ALLOWED)),
        _ => {}
    }
    let plan = x.state.lock().plan(About::Path(&x.target.path));
    tokio::time::sleep(plan.head).await;
    if let Some(response) = pages::instead(x, &plan)? {
        return Ok(response);
    }
    if let Some(response) = media::answer(x) {
        return Ok(response);
    }
    Ok(match (x.target.host.as_str(), x.target.path.as_str()) {
        (_, "/upload") if post => upload::answer(x),
        (_, "/upload") => reply::plain(StatusCode::METHOD_NOT_ALLOWED),
        (_, "/RotateCookies") if post => rotate::answer(x).await,
        (_, "/RotateCookies") => reply::plain(StatusCode::METHOD_NOT_ALLOWED),
        (_, "/sorry/index") => pages::sorry(),
        (_, "/ServiceLogin" | "/v3/signin/identifier") => pages::sign_in(),
        ("consent.google.com", _) => pages::consent(),
        ("gemini.google.com", "/") => pages::app(x),
        ("gemini.google.com" | "", path) if path == "/app" || path.starts_with("/app/") => pages::app(x),
        ("www.google.com" | "google.com" | "", "/") => pages::home(),
        _ => reply::plain(StatusCode::NOT_FOUND),
    })
}

/// Reads the head, judges the session, writes the log.
fn admit(state: Arc<State>, head: http::request::Parts, body: Bytes) -> Exchange {
    let target = Target::read(&head);
    let cookies = cookies(&head.headers);
    let cookie = |name: &str| {
        let found = cookies.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| *value)
    };
    let psid = cookie("__Secure-1PSID");
    let query = pairs(head.uri.query().unwrap_or_default().as_bytes());
    let label = query.iter().find(|(name, _)| name == "bl");
    let build_label = label.map(|(_, value)| value.clone());

    let mut inner = state.lock();
    let verdict = inner.judge(psid, cookie("__Secure-1PSIDTS"));
    let names = cookies.iter().map(|(name, _)| (*name).to_owned()).collect();
    let id = inner.remember(|id| Record::new(id, &head, &target, query, names, verdict));
    drop(inner);
    state.changed.notify_waiters();
    Exchange {
        id,
        target,
        build_label,
        psid: psid.map(str::to_owned),
        verdict,
        body,
        method: head.method,
        headers: head.headers,
        state,
    }
}

/// Decoded pairs of a query or a form.
pub(super) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

fn cookies(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let parts = values.flat_map(|value| value.split(';'));
    parts.filter_map(|part| part.trim().split_once('=')).collect()
}
