//! One request, from its head to its answer.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use tower::{Layer, ServiceExt, service_fn};
use tracing::Instrument;

use crate::{
    api::Format,
    app::App,
    auth::{Credentials, KeyName},
    body::{Body, Upload},
    error::{Failure, Kind},
    exchange::Exchange,
    handlers, respond,
    routes::{self, Auth, Found, Handler},
    surface,
    telemetry::access::{Account, Record},
};

/// The request id, in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What all of Google's own clients send, and nobody else.
const GOOGLE_CLIENT: HeaderName = HeaderName::from_static("x-goog-api-client");

/// Longest request head, in bytes. SDKs send about 1 KiB.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// Most headers of a request: browsers behind proxies send some 40.
const HEADERS: usize = 90;

/// What a refused connection may send and how long it may take, so that it gets to read the refusal.
const REFUSAL_BYTES: u64 = 256 << 10;
pub(crate) const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Answers one request. Whatever happens, the answer carries the request's id, and an access line is written when
/// its body is done or dropped.
pub(crate) async fn serve(app: Arc<App>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(exchange(&app, request, true).await)
}

/// The answer to a connection over the cap: a refusal that carries all that an answer carries, and the end.
pub(crate) async fn refuse(app: Arc<App>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut response = exchange(&app, request, false).await;
    close(&mut response);
    Ok(response)
}

/// One request and its answer. Without a place it is refused, whatever it asks.
async fn exchange(app: &Arc<App>, request: Request<Incoming>, place: bool) -> Response<Body> {
    let method = request.method().clone();
    let record = Record::new(
        Arc::clone(&app.metrics),
        Arc::clone(&app.troubles),
        request_id(request.headers()),
        method.clone(),
    );
    let account = Account::new(Arc::clone(&record));
    let span = record.span().clone();
    let response = with_cors(app, &record, request, place).instrument(span).await;
    finish(app, &method, account, response)
}

/// CORS is outermost, so that its headers are on refusals and streams too and a preflight needs no key.
async fn with_cors(app: &Arc<App>, record: &Arc<Record>, request: Request<Incoming>, place: bool) -> Response<Body> {
    let Some(cors) = &app.cors else {
        return answer(app, record, request, place).await;
    };
    if request.method() == Method::OPTIONS {
        record.route("options");
    }
    let inner = service_fn(|request| async { Ok::<_, Infallible>(answer(app, record, request, place).await) });
    match cors.layer(inner).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn answer(app: &Arc<App>, record: &Arc<Record>, request: Request<Incoming>, place: bool) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut upload = Upload::new(body, &head.headers);
    let googles = head.headers.contains_key(GOOGLE_CLIENT);
    let found = routes::find(&app.prefix, head.uri.path(), googles);
    let shape = match &found {
        Some(found) => found.route.shape,
        None if googles => Format::GeminiNative,
        None => Format::OpenAiChat,
    };
    let handled = if place {
        let dispatched = AssertUnwindSafe(dispatch(app, record, head, found, shape, &mut upload));
        dispatched.catch_unwind().await.unwrap_or_else(|_panic| Err(defect()))
    } else {
        Err(no_place())
    };
    let mut response = match handled {
        Ok(response) => response,
        Err(failure) => {
            if place {
                record.failed(&failure);
            } else {
                record.refused(&failure);
            }
            respond::failure(&failure, shape, record.id())
        }
    };
    if let Some(name) = shape.request_id_header()
        && let Ok(id) = HeaderValue::from_str(record.id())
    {
        response.headers_mut().insert(name, id);
    }
    // A client may send all of its body before it listens: without this it would see a reset instead of the answer.
    let (most, time) = if place {
        (app.limits.drain_bytes, app.limits.drain_time)
    } else {
        (REFUSAL_BYTES, REFUSAL_TIME)
    };
    if !upload.drain(most, time).await {
        close(&mut response);
    }
    response
}

fn close(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Route, then key, then method: who has no key learns nothing but the open routes.
async fn dispatch(
    app: &Arc<App>,
    record: &Arc<Record>,
    mut head: Parts,
    found: Option<Found>,
    shape: Format,
    upload: &mut Upload,
) -> Result<Response<Body>, Failure> {
    bounded(&head)?;
    let mut presented = Credentials::take(&mut head.headers);
    let in_query = Credentials::take_from_query(&mut head.uri);
    if shape.key_in_query() {
        presented.add(in_query);
    }
    if let Some(found) = &found {
        record.route(found.route.name);
    }
    if head.method == Method::OPTIONS {
        return found
            .map(|found| options(found.route.allow))
            .ok_or_else(|| unknown_url(app, shape, head.uri.path()));
    }
    let mut key = None;
    if found.as_ref().is_none_or(|found| found.route.auth == Auth::Key) {
        key = Some(admit(app, record, &presented)?);
    }
    let found = found.ok_or_else(|| unknown_url(app, shape, head.uri.path()))?;
    let handler = found.route.handler(&head.method).ok_or_else(|| {
        let message = format!("Not this method here. Allowed: {}.", found.route.allow);
        Failure::new(Kind::MethodNotAllowed, message).allow(found.route.allow)
    })?;
    let exchange = Exchange {
        app: Arc::clone(app),
        record: Arc::clone(record),
        key,
        head,
        id: found.id,
    };
    match handler {
        Handler::Page => Ok(handlers::page::page(&exchange)),
        Handler::Alive => Ok(handlers::health::alive()),
        Handler::Health => Ok(handlers::health::health(&exchange)),
        Handler::Metrics => Ok(handlers::metrics::metrics(&exchange)),
        Handler::Session => Ok(handlers::session::session(&exchange)),
        Handler::Cookies => handlers::session::cookies(&exchange, upload).await,
        Handler::Models => Ok(handlers::models::list(&exchange, shape)),
        Handler::Model => handlers::models::single(&exchange, shape),
        Handler::OpenApi => Ok(respond::json(StatusCode::OK, surface::openapi(&app.prefix).to_string())),
        Handler::Media => handlers::media::media(&exchange).await,
        Handler::Nothing => Err(unknown_url(app, shape, exchange.head.uri.path())),
        Handler::NotKept => Err(not_kept(app)),
        Handler::Generate(format) => handlers::generate::generate(exchange, format, upload).await,
        Handler::PlainReset => handlers::plain::reset(&exchange),
        Handler::PlainStatus => handlers::plain::status(&exchange),
        Handler::CountTokens(format) => handlers::count::count(exchange, format, upload).await,
    }
}

fn admit(app: &App, record: &Record, presented: &Credentials) -> Result<KeyName, Failure> {
    if app.keyring.is_empty() {
        return Err(Failure::new(
            Kind::NoClientKey,
            "This gateway has no client key, so it serves nobody. Its owner has to set API_KEY and restart it.",
        ));
    }
    if let Some(key) = app.keyring.check(presented) {
        record.key(key);
        return Ok(key);
    }
    // Client libraries tell a wrong key from a bad request by these first words.
    let message = if presented.is_empty() {
        "Incorrect API key provided: the request carries none. Send one as `Authorization: Bearer <key>`."
    } else {
        "Incorrect API key provided: it is none of the keys this gateway was configured with (API_KEY, HF_TOKEN)."
    };
    Err(Failure::new(Kind::InvalidApiKey, message))
}

fn options(allow: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

fn unknown_url(app: &App, shape: Format, path: &str) -> Failure {
    if shape == Format::GeminiNative {
        let message = "Unknown request URL. Of Google's API this gateway serves, below /v1beta and /v1: GET models and \
            models/{model}, POST models/{model} with :generateContent, :streamGenerateContent or :countTokens.";
        return Failure::new(Kind::UnknownUrl, message);
    }
    let prefix = &app.prefix;
    if let Some(why) = routes::why_unserved(prefix, path) {
        return Failure::new(
            Kind::UnknownUrl,
            format!("This gateway does not serve this URL: {why}."),
        );
    }
    let mut message = format!(
        "Unknown request URL. This gateway serves POST {prefix}/chat/completions, GET {prefix}/models and what \
         GET /openapi.json lists"
    );
    if !prefix.is_empty() {
        message.push_str("; base_url must end in ");
        message.push_str(prefix);
    }
    message.push('.');
    Failure::new(Kind::UnknownUrl, message)
}

fn not_kept(app: &App) -> Failure {
    let message = format!(
        "This gateway keeps no answers, so there is none to fetch, delete, cancel or compact. POST {}/responses gives \
         an answer whole or streamed; send the conversation in its input.",
        app.prefix
    );
    Failure::new(Kind::ResponseNotFound, message)
}

/// # Errors
/// [`Kind::HeadTooLarge`] when the head is over the limits.
fn bounded(head: &Parts) -> Result<(), Failure> {
    /// What a line takes besides name and value: colon, blank, line break.
    const LINE: usize = 4;
    let lines = head.headers.iter();
    let bytes: usize = lines
        .map(|(name, value)| name.as_str().len() + value.len() + LINE)
        .sum();
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    if head.headers.len() <= HEADERS && bytes + path <= HEAD_BYTES {
        return Ok(());
    }
    let message = format!("The request head is over the limit of {HEADERS} headers and {HEAD_BYTES} bytes. Send less.");
    Err(Failure::new(Kind::HeadTooLarge, message))
}

fn no_place() -> Failure {
    let failure = Failure::new(
        Kind::Overloaded,
        "The gateway has as many connections as it may (MAX_CONNECTIONS). Try again in a moment.",
    );
    failure.retry_after(Duration::from_secs(1))
}

fn defect() -> Failure {
    Failure::new(
        Kind::Internal,
        "A defect of the gateway stopped this request. The log has its place, under the request id.",
    )
}

/// What every answer carries, and the account that travels with its body.
fn finish(app: &App, method: &Method, account: Account, mut response: Response<Body>) -> Response<Body> {
    account.record.head(response.status());
    let length = response.body().len();
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(account.record.id()) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if app.stand_in.is_some() {
        headers.insert("x-gateway-stand-in", HeaderValue::from_static("true"));
    }
    if method != Method::HEAD {
        return response.map(|body| body.with_account(account));
    }
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response.map(|_body| Body::default().with_account(account))
}

/// The client's own id if it is harmless, else a new one that sorts by time.
fn request_id(headers: &HeaderMap) -> String {
    const LONGEST: usize = 64;
    let sane = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    given.map_or_else(|| crate::ids::unique().to_string(), str::to_owned)
}
