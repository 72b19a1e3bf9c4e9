//! The one way to Google's hosts: cookies on, redirects by hand, every failure typed.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use reqwest::{Certificate, ClientBuilder, Proxy, Response, multipart::Form, redirect};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use url::Url;

use super::{
    cookies::{Jar, app_scope},
    protocol::Protocol,
    request::Outgoing,
};
use crate::error::{Failure, Kind};

/// How the gateway reaches the outside.
#[derive(Clone, Debug, Default)]
pub struct Exit {
    /// An HTTP, HTTPS or SOCKS5 proxy; its URL may hold a password.
    pub proxy: Option<SecretString>,
    /// PEM bundle of further trusted certificate authorities.
    pub extra_ca: Option<Vec<u8>>,
}

impl Exit {
    /// An HTTP client that goes this way.
    ///
    /// # Errors
    /// [`ExitError::Proxy`] or [`ExitError::ExtraCa`].
    pub(crate) fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, ExitError> {
        // The exit is what the configuration says, never what a stray variable of the environment says.
        builder = builder.no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(Proxy::all(proxy.expose_secret()).map_err(|_| ExitError::Proxy)?);
        }
        if let Some(pem) = &self.extra_ca {
            let certificates = Certificate::from_pem_bundle(pem).map_err(|_| ExitError::ExtraCa)?;
            if certificates.is_empty() {
                return Err(ExitError::ExtraCa);
            }
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(builder)
    }
}

/// A client that cannot be built: a matter of configuration.
#[derive(Debug, thiserror::Error)]
pub enum ExitError {
    /// The proxy's URL is not one.
    #[error("OUTBOUND_PROXY is not a usable proxy URL (http, https or socks5)")]
    Proxy,
    /// The further authorities could not be read.
    #[error("EXTRA_CA_FILE holds no readable PEM certificate")]
    ExtraCa,
    /// No TLS client: most often an image without root certificates.
    #[error("no TLS client can be made: are root certificates (ca-certificates) installed?")]
    Client(#[source] reqwest::Error),
}

/// HTTP client, cookie jar and protocol facts together.
#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    pub(super) jar: Jar,
    pub(super) protocol: Arc<Protocol>,
    /// Takes a `__Secure-1PSIDTS` that came with an ordinary answer to whoever saves it and then adopts it.
    fresh: mpsc::UnboundedSender<SecretString>,
}

impl Transport {
    /// A transport, and the receiver of every new `__Secure-1PSIDTS` that an ordinary answer brings.
    pub(super) fn new(
        protocol: Arc<Protocol>,
        exit: &Exit,
    ) -> Result<(Self, mpsc::UnboundedReceiver<SecretString>), ExitError> {
        let (fresh, news) = mpsc::unbounded_channel();
        Ok((
            Self {
                client: client(&protocol, exit)?,
                jar: Jar::new(),
                protocol,
                fresh,
            },
            news,
        ))
    }

    /// Sends one request of the app with the session's cookies and merges what its answer sets. Redirects are not followed.
    pub(super) async fn send(&self, outgoing: Outgoing, deadline: Instant) -> Result<Response, Failure> {
        let scope = app_scope(&outgoing.url);
        self.send_within(scope, outgoing, deadline).await
    }

    /// Sends one request with the cookies of `scope`.
    async fn send_within(&self, scope: Url, outgoing: Outgoing, deadline: Instant) -> Result<Response, Failure> {
        let cookies = self.jar.header(&scope);
        let response = self.send_with(outgoing, cookies, deadline).await?;
        if let Some(psidts) = self.jar.merge(&scope, response.headers()) {
            // Nobody listens any more only while the gateway ends.
            let _ = self.fresh.send(psidts);
        }
        Ok(response)
    }

    /// Sends one request with exactly these cookies; its answer's are not merged.
    pub(super) async fn send_with(
        &self,
        outgoing: Outgoing,
        cookies: Option<http::HeaderValue>,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let Outgoing {
            method,
            url,
            mut headers,
            body,
        } = outgoing;
        if let Some(cookies) = cookies {
            headers.insert(header::COOKIE, cookies);
        }
        // Made by hand: a builder would copy every header once more.
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        match timeout_at(deadline, self.client.execute(request)).await {
            Err(_) => Err(too_slow()),
            Ok(Err(error)) => Err(unreachable_upstream(error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Posts a form without any cookie: what it is for needs none. Redirects are not followed.
    pub(super) async fn post_form(
        &self,
        url: Url,
        headers: HeaderMap,
        form: Form,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let request = self.client.post(url).headers(headers).multipart(form).send();
        match timeout_at(deadline, request).await {
            Err(_) => Err(too_slow()),
            Ok(Err(error)) => Err(unreachable_upstream(error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// Gets a page, following redirects between Google's own hosts (or back to the configured one), at most five.
    /// Gives the final response and the address it came from. Cookies of a followed address are scoped to it.
    pub(super) async fn get_page(&self, outgoing: Outgoing, deadline: Instant) -> Result<Page, Failure> {
        let scope = app_scope(&outgoing.url);
        self.follow(scope, outgoing, deadline).await
    }

    /// The same for an address of Google's that need not be the app's: the cookies are those of its own name.
    pub(super) async fn get_scoped(&self, outgoing: Outgoing, deadline: Instant) -> Result<Page, Failure> {
        let scope = self.scope_of(&outgoing.url);
        self.follow(scope, outgoing, deadline).await
    }

    async fn follow(&self, scope: Url, outgoing: Outgoing, deadline: Instant) -> Result<Page, Failure> {
        const MAX_REDIRECTS: usize = 5;
        let (mut url, headers) = (outgoing.url.clone(), outgoing.headers.clone());
        let mut response = self.send_within(scope, outgoing, deadline).await?;
        for _ in 0..MAX_REDIRECTS {
            let Some(target) = redirect_target(&response, &url) else {
                break;
            };
            if !self.protocol.redirect_allowed(&target) {
                return Ok(Page {
                    url: target,
                    response: None,
                });
            }
            let scope = self.scope_of(&target);
            let hop = Outgoing {
                method: http::Method::GET,
                url: target.clone(),
                headers: headers.clone(),
                body: Bytes::new(),
            };
            response = self.send_within(scope, hop, deadline).await?;
            url = target;
        }
        Ok(Page {
            url,
            response: Some(response),
        })
    }

    /// A configured address stands for the app's host; any other gets the cookies of its own name.
    fn scope_of(&self, target: &Url) -> Url {
        if target.origin() == self.protocol.page_url().origin() {
            app_scope(target)
        } else {
            target.clone()
        }
    }
}

/// The end of a chain of redirects.
pub(super) struct Page {
    pub(super) url: Url,
    /// None when the last redirect led to a place that is not followed.
    pub(super) response: Option<Response>,
}

/// Where a response points to, if it is a redirect with a readable target.
pub(super) fn redirect_target(response: &Response, from: &Url) -> Option<Url> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

/// The wait a response asks for, as seconds or as a date (RFC 9110, Retry-After).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    /// Nobody means more than a day, and a number near the end of its type would overflow a clock.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value)
            .ok()?
            .duration_since(SystemTime::now())
            .ok()?,
    };
    Some(wait.min(LONGEST))
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn read_all(mut response: Response, limit: usize, deadline: Instant) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => return Err(too_slow()),
            Ok(Err(error)) => return Err(broken_off(error)),
            Ok(Ok(None)) => return Ok(body.freeze()),
            Ok(Ok(Some(chunk))) if body.is_empty() && response.content_length() == Some(chunk.len() as u64) => {
                return Ok(chunk);
            }
            Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
        }
        if body.len() > limit {
            return Err(Failure::new(
                Kind::UpstreamProtocol,
                "Gemini answered with far more data than it should. If this goes on, look for a newer version of this \
                 gateway.",
            ));
        }
    }
}

/// The failure of a request that got no answer in its time.
pub(super) fn too_slow() -> Failure {
    Failure::new(
        Kind::UpstreamTimeout,
        "Gemini did not answer in time. Try again; for long work raise REQUEST_TIMEOUT or IDLE_TIMEOUT.",
    )
}

/// The failure of an answer that broke off on the wire.
pub(super) fn broken_off(error: reqwest::Error) -> Failure {
    Failure::new(
        Kind::UpstreamInterrupted,
        "The connection to Gemini broke before the answer was complete. The text so far is not the whole answer; \
         ask again.",
    )
    .source(error.without_url())
}

fn unreachable_upstream(error: reqwest::Error) -> Failure {
    let message = if error.is_connect() {
        "No connection to Gemini could be made. Check the gateway's network, its proxy and its trusted certificates."
    } else {
        "Gemini closed the connection before it answered. This usually passes; try again."
    };
    Failure::new(Kind::UpstreamUnreachable, message).source(error.without_url())
}

fn client(protocol: &Protocol, exit: &Exit) -> Result<reqwest::Client, ExitError> {
    /// Google's response headers exceed the 16 KiB that HTTP/2 allows by default: the stream would be reset.
    const HEADER_LIST_BYTES: u32 = 1 << 20;
    let builder = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(protocol.limits.connect_s))
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .http2_keep_alive_interval(Duration::from_secs(30))
        .tcp_nodelay(true);
    exit.apply(builder)?.build().map_err(ExitError::Client)
}
