//! The requests to the server, and what its refusals mean.

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use http::{HeaderValue, StatusCode, header};
use reqwest::{Method, RequestBuilder, Response, redirect};
use secrecy::ExposeSecret;
use url::Url;

use super::{
    conversation::Message,
    options::{BaseUrl, Server},
    trouble::{Trouble, innermost},
    wire::{self, Piece, Question, StreamOptions},
};
use crate::sse;

const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Silence after which nobody is there any more. Servers that think for long send comments meanwhile.
const SILENCE: Duration = Duration::from_secs(600);
const HEALTH_WAIT: Duration = Duration::from_secs(3);
/// One event: a picture as a data URL fits.
const EVENT_BYTES: usize = 8 << 20;
/// A whole answer, or a list of models.
const BODY_BYTES: usize = 16 << 20;
/// What of a refusal is read.
const REFUSAL_BYTES: usize = 64 << 10;

/// The pieces of an answer, as they come.
pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<Vec<Piece>, Trouble>> + Send>>;

/// The way to one server.
pub(super) struct Transport {
    http: reqwest::Client,
    base: BaseUrl,
    own: bool,
    /// The header's value, and the variable that the key came from.
    key: Option<(HeaderValue, &'static str)>,
    /// Whether usage is asked for in streams: some servers refuse the wish.
    counted: AtomicBool,
}

impl Transport {
    /// # Errors
    /// When no client can be made.
    pub(super) fn new(server: &Server) -> Result<Self, Trouble> {
        let builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("gemini-gateway-chat/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WAIT)
            .read_timeout(SILENCE)
            // Between two questions lies a person: a connection kept that long is a broken one.
            .pool_max_idle_per_host(0)
            .tcp_nodelay(true);
        let builder = server
            .exit
            .apply(builder)
            .map_err(|error| Trouble::new(error.to_string()))?;
        let http = builder
            .build()
            .map_err(|error| Trouble::new(format!("No HTTP client can be made: {}", innermost(&error))))?;
        let key = server.key.as_ref().map(|key| {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.secret.expose_secret()));
            let mut value =
                value.map_err(|_| Trouble::new(format!("{} holds characters a key cannot have.", key.source)))?;
            value.set_sensitive(true);
            Ok((value, key.source))
        });
        Ok(Self {
            http,
            base: server.base.clone(),
            own: server.own,
            key: key.transpose()?,
            counted: AtomicBool::new(true),
        })
    }

    /// Where the key came from.
    pub(super) fn key_source(&self) -> Option<&'static str> {
        self.key.as_ref().map(|(_, source)| *source)
    }

    pub(super) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The ids of the server's models.
    ///
    /// # Errors
    /// Every failure, and an answer that is no list.
    pub(super) async fn models(&self) -> Result<Vec<String>, Trouble> {
        let response = self.send(self.request(Method::GET, self.base.join("/models"))).await?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let body = self.read(response, BODY_BYTES).await?;
        wire::models(&body).ok_or_else(|| self.foreign("Its list of models cannot be read."))
    }

    /// What the server says of its health, in a line.
    pub(super) async fn health(&self) -> String {
        let request = self.request(Method::GET, self.base.health()).timeout(HEALTH_WAIT);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return format!("no word within {} s", HEALTH_WAIT.as_secs()),
            Err(error) => return format!("not reachable: {}", innermost(&error)),
        };
        let status = response.status();
        let body = some(response, REFUSAL_BYTES).await;
        match (wire::health(&body), status) {
            (Some(line), _) => line,
            (None, StatusCode::OK) => "well".to_owned(),
            (None, status) if status.is_server_error() => format!("not well (HTTP {})", status.as_u16()),
            (None, status) => format!("no health page (HTTP {})", status.as_u16()),
        }
    }

    /// Asks for an answer.
    ///
    /// # Errors
    /// Whatever came instead of one.
    pub(super) async fn ask(&self, model: &str, messages: &[Message]) -> Result<Pieces, Trouble> {
        let counted = self.counted.load(Ordering::Relaxed);
        let mut response = self.send(self.question(model, messages, counted)).await?;
        if counted
            && matches!(
                response.status(),
                StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
            )
        {
            let (status, wait) = (response.status(), retry_after(&response));
            let body = some(response, REFUSAL_BYTES).await;
            if !String::from_utf8_lossy(&body).contains("stream_options") {
                return Err(self.refusal(status, wait, &body));
            }
            self.counted.store(false, Ordering::Relaxed);
            response = self.send(self.question(model, messages, false)).await?;
        }
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .map(|kind| kind.to_str().unwrap_or_default().to_owned());
        match kind.as_deref().and_then(|kind| kind.split(';').next()).map(str::trim) {
            Some("application/json") => self.whole(response).await,
            // Some servers name no type, or the wrong one, for a stream.
            None | Some("text/event-stream" | "text/plain" | "application/octet-stream" | "") => {
                Ok(self.stream(response))
            }
            Some(other) => Err(self.foreign(&format!("It answers with {other}."))),
        }
    }

    fn question(&self, model: &str, messages: &[Message], counted: bool) -> RequestBuilder {
        let question = Question {
            model,
            messages,
            stream: true,
            stream_options: counted.then_some(StreamOptions { include_usage: true }),
        };
        // Strings and numbers alone: it cannot fail, and an empty body would be refused in words.
        let body = serde_json::to_vec(&question).unwrap_or_default();
        self.request(Method::POST, self.base.join("/chat/completions"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "text/event-stream, application/json")
            .body(body)
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url);
        match &self.key {
            Some((value, _)) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    fn stream(&self, response: Response) -> Pieces {
        let events = sse::events(response.bytes_stream(), EVENT_BYTES);
        Box::pin(events.map(|event| {
            match event {
                Ok(event) => wire::pieces(&event.data).ok_or_else(|| {
                    Trouble::new("The server sent an event that is no part of an answer in OpenAI's chat format.")
                }),
                Err(sse::ReadError::Bytes(error)) if error.is_timeout() => Err(silent()),
                Err(error) => Err(Trouble::new(format!("The answer was cut: {}.", innermost(&error)))
                    .cure("Ask again; what was shown is not all.")),
            }
        }))
    }

    /// An answer from a server that does not stream.
    async fn whole(&self, response: Response) -> Result<Pieces, Trouble> {
        let body = self.read(response, BODY_BYTES).await?;
        let pieces = serde_json::from_slice(&body)
            .ok()
            .and_then(|value| wire::answer(&value));
        let pieces = pieces.ok_or_else(|| self.foreign("Its answer cannot be read."))?;
        Ok(Box::pin(futures_util::stream::iter([Ok(pieces)])))
    }

    async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Trouble> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(self.foreign(&format!("It answers with more than {} MiB.", limit >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn refused(&self, response: Response) -> Trouble {
        let (status, wait) = (response.status(), retry_after(&response));
        if status.is_redirection() {
            let target = response
                .headers()
                .get(header::LOCATION)
                .and_then(|target| target.to_str().ok());
            let target = target.unwrap_or("nowhere");
            return Trouble::new(format!(
                "The server sends elsewhere (HTTP {}): {target}",
                status.as_u16()
            ))
            .cure("If that is where it should go, give the base URL there as --url.");
        }
        self.refusal(status, wait, &some(response, REFUSAL_BYTES).await)
    }

    fn refusal(&self, status: StatusCode, wait: Option<String>, body: &[u8]) -> Trouble {
        let number = status.as_u16();
        let cause = match wire::refusal(body) {
            Some(error) => {
                let code = error.code.map(|code| format!(", {code}")).unwrap_or_default();
                format!("{} (HTTP {number}{code})", error.message)
            }
            None => format!("{} answers with HTTP {status}", self.base.shown()),
        };
        let trouble = Trouble::new(cause);
        match (number, wait) {
            (401 | 403, _) => trouble.cure(self.about_the_key()),
            (404 | 405, _) => trouble.cure(format!(
                "Look at the model (--model) and at the base URL, {}: most end in /v1.",
                self.base.shown()
            )),
            (413, _) => trouble.cure("`reset` begins a new conversation."),
            (429 | 503, Some(wait)) => trouble.cure(format!("Try again in {wait} s.")),
            _ => trouble,
        }
    }

    fn about_the_key(&self) -> String {
        match (self.key_source(), self.own) {
            (Some(source), _) => format!(
                "The key came from {source}: is it the one that {} expects?",
                self.base.shown()
            ),
            (None, true) => "No key was found: set API_KEY to the gateway's, in the environment or in .env.".to_owned(),
            (None, false) => "No key was found: set OPENAI_API_KEY, or API_KEY, in the environment.".to_owned(),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Trouble {
        if error.is_timeout() && !error.is_connect() {
            return silent();
        }
        let (base, reason) = (self.base.shown(), innermost(error));
        if !error.is_connect() {
            return Trouble::new(format!("The connection to {base} broke: {reason}.")).cure("Ask again.");
        }
        Trouble::new(format!("No connection to {base}: {reason}.")).cure(if self.own {
            "Is the gateway running? `gemini-gateway` starts it, `gemini-gateway demo` one without an account; HOST and PORT \
             say where it is looked for, --url names another server."
        } else {
            "Is the server running, and is that its address? Give its base URL as --url, for instance http://127.0.0.1:8000/v1."
        })
    }

    fn foreign(&self, what: &str) -> Trouble {
        Trouble::new(format!(
            "{} does not answer like an OpenAI-compatible server. {what}",
            self.base.shown()
        ))
        .cure("Is that its base URL? Most end in /v1.")
    }
}

fn silent() -> Trouble {
    Trouble::new(format!("Nothing came from the server for {} s.", SILENCE.as_secs())).cure("Ask again.")
}

/// The seconds that a refusal asks to wait.
fn retry_after(response: &Response) -> Option<String> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    (!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())).then(|| value.to_owned())
}

/// The beginning of a body, whatever else becomes of it.
async fn some(mut response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}
