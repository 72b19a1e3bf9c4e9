//! Pictures, films and recordings: how an answer shows them, and the links that lead to them.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::markdown::link;
use crate::{
    api::MediaForm,
    app::App,
    body::{Body, BrokenOff},
    chat::{Event, Media, MediaKind, MediaSource, Note, Request},
    error::{Failure, Kind},
    exchange::Exchange,
    respond,
};

/// How one answer shows its media.
pub(super) struct Delivery {
    app: Arc<App>,
    form: MediaForm,
    /// The text is one document: nothing may stand in it besides.
    document: bool,
    /// Where clients reach the gateway: `https://host`.
    base: String,
    deadline: Instant,
}

impl Delivery {
    /// As the client's format wants it; links lead to where the client found the gateway.
    pub(super) fn new(
        app: &Arc<App>,
        form: MediaForm,
        request: &Request,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Self {
        Self {
            app: Arc::clone(app),
            form,
            document: request.form.is_document(),
            base: app.public_url.clone().unwrap_or_else(|| base_of(headers)),
            deadline,
        }
    }

    /// What the client gets of it. `text` says whether any text went before.
    pub(super) async fn events(&self, media: Media, text: bool) -> Result<Vec<Event>, Failure> {
        let url = match (&media.source, self.form) {
            (MediaSource::Url(url), _) => url.clone(),
            (MediaSource::Account(reference), MediaForm::Inline) => self.inline(reference).await?,
            (MediaSource::Account(reference), _) => self.link(reference)?,
        };
        let mut events = Vec::with_capacity(2);
        if self.form == MediaForm::InText && self.document {
            // Where everybody can find it, whatever the format has room for.
            events.push(Event::Note(Note {
                name: "media",
                value: url.chars().filter(char::is_ascii_graphic).collect(),
            }));
        } else if self.form == MediaForm::InText {
            let gap = if text { "\n\n" } else { "" };
            events.push(Event::Text(format!("{gap}{}", markdown(&media, &url))));
        }
        events.push(Event::Media(Media {
            source: MediaSource::Url(url),
            ..media
        }));
        Ok(events)
    }

    fn link(&self, reference: &str) -> Result<String, Failure> {
        let token = self
            .app
            .links
            .sign(reference)
            .ok_or_else(|| Failure::new(Kind::Internal, "Without client keys no link can be signed."))?;
        Ok(format!("{}/media/{token}", self.base))
    }

    async fn inline(&self, reference: &str) -> Result<String, Failure> {
        /// An answer of more than this no client reads: a picture has a tenth of it.
        const MOST: usize = 32 << 20;
        let download = self.app.upstream.media(reference, self.deadline).await;
        let mut download = download.map_err(|failure| match failure.kind() {
            // Not found is for links that clients open: here it would say that the address of the request is wrong.
            Kind::MediaNotFound => withheld(),
            _ => failure,
        })?;
        let mut bytes = Vec::new();
        while let Some(piece) = download.bytes.next().await {
            bytes.extend_from_slice(&piece?);
            if bytes.len() > MOST {
                let message = "The picture is too large to be sent inside an answer. Ask for a link instead.";
                return Err(Failure::new(Kind::UpstreamProtocol, message));
            }
        }
        let mut url = format!("data:{};base64,", download.mime);
        BASE64_STANDARD.encode_string(bytes, &mut url);
        Ok(url)
    }
}

fn withheld() -> Failure {
    let message =
        "Gemini made a picture and does not give its file out. Ask again; in a chat the answer has a link to it.";
    Failure::new(Kind::NoImage, message)
}

/// `GET /media/{token}`: passes on what a link of the gateway's was made for. The link is the permission.
///
/// # Errors
/// [`Kind::MediaNotFound`], [`Kind::MediaNotReady`], [`Kind::Overloaded`], or what failed on the way.
pub(crate) async fn media(exchange: &Exchange) -> Result<Response<Body>, Failure> {
    let app = &exchange.app;
    let (reference, left) = app.links.open(&exchange.id)?;
    let place = place(app).await?;
    let deadline = Instant::now() + app.limits.request;
    let download = app
        .upstream
        .media(&reference, deadline)
        .await
        .inspect_err(|failure| exchange.record.upstream_failed(failure))?;
    let (record, mut bytes) = (Arc::clone(&exchange.record), download.bytes);
    let pieces = async_stream::stream! {
        let _place = place;
        while let Some(piece) = bytes.next().await {
            yield piece.map_err(|failure| {
                record.upstream_failed(&failure);
                record.failed(&failure);
                BrokenOff
            });
        }
    };
    let body = Body::download(pieces, download.length);
    let mut response = respond::answer(StatusCode::OK, download.mime, Bytes::new()).map(|_empty| body);
    let headers = response.headers_mut();
    let fresh = format!("private, max-age={}", left.min(FRESH).as_secs());
    headers.extend(HeaderValue::try_from(fresh).map(|fresh| (header::CACHE_CONTROL, fresh)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    // Whatever the file turns out to be, it is shown and never run.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    Ok(response)
}

/// How long a browser may keep what a link led to, at most.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Waits for a place among the open links.
async fn place(app: &App) -> Result<OwnedSemaphorePermit, Failure> {
    let place = timeout(app.limits.download_wait, Arc::clone(&app.downloads).acquire_owned());
    if let Ok(Ok(place)) = place.await {
        return Ok(place);
    }
    let message = "As many links are open as may be at a time. Open it again in some seconds.";
    Err(Failure::new(Kind::Overloaded, message).retry_after(Duration::from_secs(5)))
}

/// Where the client found the gateway. A proxy in front says how it was reached itself.
pub(super) fn base_of(headers: &HeaderMap) -> String {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let host = text("host");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    if host.is_empty() || !host.bytes().all(plain) {
        // A path alone still works where the page that shows it comes from here.
        return String::new();
    }
    let forwarded = text("x-forwarded-proto");
    let scheme = if forwarded.split(',').next().is_some_and(|first| first.trim() == "https") {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{host}")
}

/// Markdown that shows it. What a description or an address may hold cannot break out of it.
fn markdown(media: &Media, url: &str) -> String {
    let link = link(&media.alt, media.kind.name(), url);
    match media.kind {
        MediaKind::Image => format!("!{link}"),
        // Nobody knows when; the link tells.
        MediaKind::Video | MediaKind::Audio => format!("{link} (it may still be rendering)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_cannot_be_broken_out_of() {
        let media = Media {
            kind: MediaKind::Image,
            alt: "a](http://evil) `b`\n<script>".to_owned(),
            source: MediaSource::Url(String::new()),
        };
        let shown = markdown(&media, "https://e.org/x y(1)");
        assert_eq!(shown, "![a(http://evil) bscript](https://e.org/x%20y%281%29)");
        let shown = markdown(&media, "http://[::1]:7860/a?b=%20&c=d\n\n# <b>\\");
        assert!(
            shown.ends_with("](http://[::1]:7860/a?b=%20&c=d%0A%0A#%20%3Cb%3E%5C)"),
            "{shown}"
        );
    }

    #[test]
    fn links_lead_to_where_the_client_found_the_gateway() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)))
                .collect()
        };
        let space = headers(&[("host", "me-gateway.hf.space"), ("x-forwarded-proto", "https,http")]);
        assert_eq!(base_of(&space), "https://me-gateway.hf.space");
        assert_eq!(
            base_of(&headers(&[("host", "127.0.0.1:7860")])),
            "http://127.0.0.1:7860"
        );
        assert_eq!(base_of(&headers(&[("host", "a b/../")])), "");
    }
}
