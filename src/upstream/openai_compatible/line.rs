//! The one way to the upstream: its addresses, its credential, its patience.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{Response, redirect};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use super::{Settings, failures};
use crate::{
    error::{Failure, Kind},
    upstream::{
        explanation::SECRET,
        gemini_web::{Exit, ExitError},
    },
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The largest whole answer, in bytes: far more than text of any length a model writes.
const MOST_BYTES: usize = 64 << 20;

/// The largest body of a failure that is read for its words, in bytes.
const MOST_ERROR_BYTES: usize = 64 << 10;

/// What makes the model's id one segment of a path, whatever it holds.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What stands for the model in the configured address.
const MODEL: &str = "{model}";

/// The way to one upstream.
#[derive(Debug)]
pub(super) struct Line {
    client: reqwest::Client,
    name: String,
    key_setting: String,
    models: Url,
    chat: Url,
    headers: HeaderMap,
    timeout: Duration,
}

impl Line {
    /// # Errors
    /// When the configured way out cannot be used.
    pub(super) fn new(settings: &Settings, exit: &Exit) -> Result<Self, ExitError> {
        // A proxy is for the way out; what runs on this machine is not out there.
        let exit = if is_here(&settings.base_url) {
            &Exit {
                proxy: None,
                extra_ca: exit.extra_ca.clone(),
            }
        } else {
            exit
        };
        let builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("gemini-gateway/", env!("CARGO_PKG_VERSION")));
        let chat = settings.chat_url.clone();
        Ok(Self {
            client: exit.apply(builder)?.build().map_err(ExitError::Client)?,
            name: settings.name.clone(),
            key_setting: settings.key_setting.clone(),
            models: below(&settings.base_url, "models"),
            chat: chat.unwrap_or_else(|| below(&settings.base_url, "chat/completions")),
            headers: headers(settings),
            timeout: settings.timeout,
        })
    }

    /// Where a chat request for this model goes.
    pub(super) fn chat_url(&self, model: &str) -> Url {
        let mut url = self.chat.clone();
        // The parser has encoded the braces.
        let path = url.path().replace("%7Bmodel%7D", MODEL);
        if path.contains(MODEL) {
            let segment = utf8_percent_encode(model, SEGMENT).to_string();
            url.set_path(&path.replace(MODEL, &segment));
        }
        url
    }

    /// The headers of a request, its secrets not shown.
    pub(super) fn shown_headers(&self) -> Vec<(String, String)> {
        let shown = |(name, value): (&http::HeaderName, &HeaderValue)| {
            let text = if value.is_sensitive() {
                SECRET
            } else {
                value.to_str().unwrap_or(SECRET)
            };
            (name.as_str().to_owned(), text.to_owned())
        };
        self.headers.iter().map(shown).collect()
    }

    /// Posts a chat request. Gives a response whose status is a success.
    ///
    /// # Errors
    /// What the upstream's status means; unreachable; too slow.
    pub(super) async fn chat(
        &self,
        model: &str,
        body: Bytes,
        stream: bool,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let mut request = reqwest::Request::new(Method::POST, self.chat_url(model));
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        *request.headers_mut() = self.headers.clone();
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
            .headers_mut()
            .insert(header::ACCEPT, HeaderValue::from_static(accept));
        *request.body_mut() = Some(body.into());
        // A whole answer is silent for as long as the model writes.
        let head_due = if stream { self.due(deadline) } else { deadline };
        self.send(request, head_due, deadline).await
    }

    /// Asks for the list of models, and gives the body.
    ///
    /// # Errors
    /// As [`Line::chat`].
    pub(super) async fn models(&self, deadline: Instant) -> Result<Bytes, Failure> {
        let mut request = reqwest::Request::new(Method::GET, self.models.clone());
        *request.headers_mut() = self.headers.clone();
        let response = self.send(request, self.due(deadline), deadline).await?;
        self.whole(response, deadline).await
    }

    async fn send(&self, request: reqwest::Request, head_due: Instant, deadline: Instant) -> Result<Response, Failure> {
        let response = match timeout_at(head_due, self.client.execute(request)).await {
            Err(_elapsed) => return Err(self.too_slow()),
            Ok(Err(error)) => return Err(self.unreachable(error)),
            Ok(Ok(response)) => response,
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        // A failure whose words do not come is told without them.
        let body = self
            .collect(response, MOST_ERROR_BYTES, deadline)
            .await
            .unwrap_or_default();
        Err(failures::of_status(
            &self.said(),
            status,
            &headers,
            &body,
            SystemTime::now(),
        ))
    }

    /// A whole body.
    ///
    /// # Errors
    /// When it breaks off, is too large, or does not come in time.
    pub(super) async fn whole(&self, response: Response, deadline: Instant) -> Result<Bytes, Failure> {
        let body = self.collect(response, MOST_BYTES, deadline).await;
        body.map_err(|stop| match stop {
            Stop::Late => self.too_slow(),
            Stop::TooLarge => failures::protocol(&self.name, "an answer over the size limit"),
            Stop::Broken(error) => failures::interrupted(&self.name).source(error.without_url()),
        })
    }

    async fn collect(&self, mut response: Response, most: usize, deadline: Instant) -> Result<Bytes, Stop> {
        let mut body = BytesMut::new();
        loop {
            match timeout_at(self.due(deadline), response.chunk()).await {
                Err(_elapsed) => return Err(Stop::Late),
                Ok(Err(error)) => return Err(Stop::Broken(error)),
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Ok(Some(chunk))) if body.len() + chunk.len() > most => return Err(Stop::TooLarge),
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
            }
        }
    }

    /// When the upstream's silence has lasted too long, if it began now.
    pub(super) fn due(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.timeout)
    }

    /// Who says what comes back, for failures.
    pub(super) fn said(&self) -> failures::Said<'_> {
        failures::Said {
            upstream: &self.name,
            key_setting: &self.key_setting,
            secrets: &self.headers,
        }
    }

    pub(super) fn too_slow(&self) -> Failure {
        failures::too_slow(&self.name, self.timeout)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let text = format!(
            "The upstream {} could not be reached. Check that it runs, and the address it is configured with.",
            self.name
        );
        // Its address may hold what its owner would not show.
        Failure::new(Kind::UpstreamUnreachable, text).source(error.without_url())
    }
}

/// Whether an address leads to this very machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A path below the base, which may have a query: some services want one.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

/// The headers of every request: nothing of a client's is among them.
fn headers(settings: &Settings) -> HeaderMap {
    let mut headers = settings.headers.clone();
    headers.values_mut().for_each(|value| value.set_sensitive(true));
    if let Some(key) = &settings.key
        && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
    {
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}

/// Why a body did not arrive whole.
enum Stop {
    Late,
    TooLarge,
    Broken(reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(base: &str, chat: Option<&str>) -> Line {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let settings = Settings {
            name: "lab".to_owned(),
            base_url: Url::parse(base).unwrap(),
            chat_url: chat.map(|chat| Url::parse(chat).unwrap()),
            key: Some("the-key".into()),
            key_setting: "LAB_API_KEY".to_owned(),
            models: Vec::new(),
            headers: HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("a=b"))]),
            timeout: Duration::from_secs(1),
            newer_limit: false,
        };
        Line::new(&settings, &Exit::default()).unwrap()
    }

    #[test]
    fn addresses_are_made_from_the_base() {
        for (base, chat) in [
            ("https://h.example/v1", "https://h.example/v1/chat/completions"),
            ("https://h.example/v1/", "https://h.example/v1/chat/completions"),
            ("https://h.example", "https://h.example/chat/completions"),
            (
                "https://h.example/v1?api-version=2",
                "https://h.example/v1/chat/completions?api-version=2",
            ),
        ] {
            assert_eq!(line(base, None).chat_url("m").as_str(), chat);
        }
    }

    #[test]
    fn a_model_in_a_path_is_one_segment() {
        let line = line(
            "https://h.example",
            Some("https://e.example/models/{model}/v1/chat/completions"),
        );
        assert_eq!(
            line.chat_url("org/m:q%2e?#x").as_str(),
            "https://e.example/models/org%2Fm:q%252e%3F%23x/v1/chat/completions"
        );
    }

    #[test]
    fn no_credential_is_shown() {
        let line = line("https://h.example", None);
        let shown = format!("{:?} {line:?}", line.shown_headers());
        assert!(!shown.contains("the-key") && !shown.contains("a=b"), "{shown}");
    }
}
