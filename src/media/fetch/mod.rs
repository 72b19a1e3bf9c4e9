//! Fetches what a client names by an address, without becoming its tool against other machines.
//!
//! - http and https to the public internet only, on the web's own ports or those above 1023. The rule is applied to
//!   the very addresses that are connected to, on every redirect anew.
//! - No credentials: none from the URL (such URLs are refused), no cookies, no proxy but the configured one.
//! - Bounded in size, time, redirects and number. Compressed answers are refused, since what they unfold to is not.
//!
//! Through a proxy it is the proxy that looks names up, and its addresses cannot be judged here. So fetching is then
//! off unless the owner has switched it on (`FETCH_URLS=true`); names and literal addresses are still judged.

mod addresses;
mod guard;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use reqwest::{Client, Response, redirect};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::{Instant, timeout_at},
};
use url::Url;

pub use self::guard::Guard;
use crate::{
    error::FileFault,
    room::{Full, Held},
    upstream::gemini_web::{Exit, ExitError},
};

/// Longest time for one file, redirects included.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
/// Files fetched at a time, over all clients.
const AT_A_TIME: usize = 16;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("fetching addresses is switched off here (FETCH_URLS): send the file itself, in base64")]
    Off,
    #[error("only http: and https: addresses are fetched")]
    Scheme,
    #[error("an address with a user name or a password is not fetched: leave them out")]
    Credentials,
    #[error("only the ports 80 and 443 and those above 1023 are fetched from")]
    Port,
    #[error("it is not on the public internet: send the file itself, in base64")]
    Private,
    #[error("it redirects more than {MAX_REDIRECTS} times")]
    Redirects,
    #[error("it answered with HTTP {0}: make sure that anyone can open the address")]
    Status(u16),
    #[error("it answered in a compressed form, which is not unpacked here")]
    Compressed,
    #[error("it is larger than allowed (MAX_FILE_BYTES, MAX_FILES_BYTES)")]
    TooLarge,
    #[error("{0}")]
    Full(#[from] Full),
    #[error("it did not arrive in time: send the file itself, in base64")]
    TooSlow,
    #[error("it could not be reached: make sure that anyone can open the address")]
    Unreachable(#[source] reqwest::Error),
    #[error("fetching is not possible here")]
    NoClient(#[from] ExitError),
}

impl Refusal {
    /// The fault a client is told.
    pub(super) fn fault(&self) -> FileFault {
        match self {
            Refusal::Off | Refusal::Scheme | Refusal::Credentials | Refusal::Port | Refusal::Private => FileFault::Url,
            Refusal::TooLarge => FileFault::TooLarge,
            _ => FileFault::Download,
        }
    }
}

const MAX_REDIRECTS: usize = 5;

/// What was fetched.
pub(super) struct Fetched {
    pub(super) bytes: Bytes,
    /// The server's word for its type.
    pub(super) mime: Option<String>,
    /// The last segment of its address.
    pub(super) name: Option<String>,
}

/// The bytes that all files of one request may still take together.
pub(super) struct Budget<'a> {
    left: AtomicUsize,
    held: &'a Held,
}

impl<'a> Budget<'a> {
    pub(super) fn new(bytes: usize, held: &'a Held) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
            held,
        }
    }

    fn take(&self, bytes: usize) -> Result<(), Refusal> {
        let left = |left: usize| left.checked_sub(bytes);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
            Ok(_) => Ok(self.held.take(bytes)?),
            Err(_) => Err(Refusal::TooLarge),
        }
    }
}

/// The downloader. Nothing is made before the first file is asked for.
pub(super) struct Fetcher {
    on: bool,
    exit: Exit,
    guard: Guard,
    client: OnceCell<Client>,
    places: Semaphore,
}

impl Fetcher {
    pub(super) fn new(on: bool, exit: Exit, guard: Guard) -> Self {
        Self {
            on,
            exit,
            guard,
            client: OnceCell::new(),
            places: Semaphore::new(AT_A_TIME),
        }
    }

    /// Refuses what can be refused without a look-up or a connection.
    pub(super) fn admit(&self, url: &str) -> Result<Url, Refusal> {
        if !self.on {
            return Err(Refusal::Off);
        }
        let url = Url::parse(url).map_err(|_| Refusal::Scheme)?;
        self.guard.admit(&url)?;
        Ok(url)
    }

    /// Fetches one file of at most `limit` bytes.
    pub(super) async fn fetch(
        &self,
        url: &str,
        limit: usize,
        budget: &Budget<'_>,
        deadline: Instant,
    ) -> Result<Fetched, Refusal> {
        let url = self.admit(url)?;
        let deadline = deadline.min(Instant::now() + PATIENCE);
        let fetched = async {
            let _place = self.places.acquire().await;
            let (url, response) = self.follow(url).await?;
            let mime = text(response.headers(), header::CONTENT_TYPE);
            let bytes = read(response, limit, budget).await?;
            let name = last_segment(&url);
            Ok(Fetched { bytes, mime, name })
        };
        timeout_at(deadline, fetched).await.unwrap_or(Err(Refusal::TooSlow))
    }

    /// The answer at the end of a chain of redirects, each of which is judged like the first address.
    async fn follow(&self, mut url: Url) -> Result<(Url, Response), Refusal> {
        let client = self.client.get_or_try_init(|| async { self.build() }).await?;
        for _ in 0..=MAX_REDIRECTS {
            let response = client.get(url.clone()).send().await.map_err(unreachable)?;
            // The resolver has judged it already; this holds even if that should ever be bypassed.
            if let (None, Some(peer)) = (&self.exit.proxy, response.remote_addr()) {
                self.guard.judge(peer.ip())?;
            }
            let Some(location) = redirect(&response) else {
                return accepted(response).map(|response| (url, response));
            };
            url = url.join(&location).map_err(|_| Refusal::Scheme)?;
            self.guard.admit(&url)?;
        }
        Err(Refusal::Redirects)
    }

    fn build(&self) -> Result<Client, ExitError> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("gemini-gateway/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // One client's connection is nothing for another's request.
            .pool_max_idle_per_host(0)
            .no_gzip()
            .no_brotli()
            .no_deflate();
        if self.exit.proxy.is_none() {
            builder = builder.dns_resolver(self.guard.clone());
        }
        self.exit.apply(builder)?.build().map_err(ExitError::Client)
    }
}

/// Where a redirect leads.
fn redirect(response: &Response) -> Option<String> {
    let followed = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !followed.contains(&response.status()) {
        return None;
    }
    text(response.headers(), header::LOCATION)
}

fn accepted(response: Response) -> Result<Response, Refusal> {
    if response.status() != StatusCode::OK {
        return Err(Refusal::Status(response.status().as_u16()));
    }
    match text(response.headers(), header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Err(Refusal::Compressed),
        _ => Ok(response),
    }
}

async fn read(mut response: Response, limit: usize, budget: &Budget<'_>) -> Result<Bytes, Refusal> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(Refusal::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge);
        }
        budget.take(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A failure on the way, or the guard's refusal in the depth of it.
fn unreachable(error: reqwest::Error) -> Refusal {
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(Refusal::Private) = inner.downcast_ref() {
            return Refusal::Private;
        }
        cause = inner.source();
    }
    Refusal::Unreachable(error.without_url())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn last_segment(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    let name = percent_decode_str(last).decode_utf8_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}
