//! Pictures, films and recordings of an answer: what names them, and how they are fetched with the account's cookies.

use async_stream::stream;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use reqwest::Response;
use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant, timeout_at};
use url::Url;

use super::{
    Inner,
    protocol::{MediaKind, Protocol},
    reply::Media,
    request::{self, RpcCall},
    session::{Live, Session},
    transport::{broken_off, read_all, retry_after, too_slow},
};
use crate::{
    chat,
    error::{Failure, Kind},
    upstream::Download,
};

/// What a reference holds. It leaves the gateway only under the gateway's own signature, and has no secret in it.
#[derive(Debug, Serialize, Deserialize)]
struct Reference {
    #[serde(rename = "k")]
    kind: Shown,
    #[serde(rename = "u")]
    url: String,
    /// Of an image of the model's: its id, and conversation, turn and candidate it belongs to.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    image: Option<(String, [String; 3])>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Shown {
    #[serde(rename = "i")]
    Image,
    #[serde(rename = "v")]
    Video,
    #[serde(rename = "a")]
    Audio,
}

/// Whether it is an image that the model made.
pub(super) fn is_image(media: &Media) -> bool {
    media.kind == MediaKind::Image
}

/// What the client's side is told of it. What was found on the web is public, if it is a web address at all; all else
/// only the account can open.
pub(super) fn event(media: &Media, turn: Option<[&str; 3]>) -> Option<chat::Media> {
    let (kind, shown) = match media.kind {
        MediaKind::Image | MediaKind::WebImage => (chat::MediaKind::Image, Shown::Image),
        MediaKind::Video => (chat::MediaKind::Video, Shown::Video),
        MediaKind::Audio => (chat::MediaKind::Audio, Shown::Audio),
    };
    let reference = || Reference {
        kind: shown,
        url: media.url.clone(),
        image: media.id.clone().zip(turn.map(|turn| turn.map(str::to_owned))),
    };
    let source = match media.kind {
        MediaKind::WebImage => chat::MediaSource::Url(web_address(&media.url)?),
        // Texts alone: there is nothing in it that cannot be written.
        _ => chat::MediaSource::Account(serde_json::to_string(&reference()).unwrap_or_default()),
    };
    Some(chat::Media {
        kind,
        alt: media.alt.clone().unwrap_or_default(),
        source,
    })
}

/// The address as any client reads it, without blanks and line ends, unless it is one of another kind.
fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

/// A picture found on the web is a source too: somebody else's page stands behind it.
pub(super) fn source(shown: &chat::Media) -> Option<chat::Citation> {
    let chat::MediaSource::Url(url) = &shown.source else {
        return None;
    };
    Some(chat::Citation {
        url: url.clone(),
        title: shown.alt.clone(),
        passage: None,
    })
}

/// Fetches what a reference names: an image in its full size where the account gives it.
pub(super) async fn download(web: &Inner, reference: &str, deadline: Instant) -> Result<Download, Failure> {
    let reference: Reference = serde_json::from_str(reference).map_err(|_| not_ours())?;
    let session = web.session()?;
    let live = session.ready(deadline).await?;
    let fetch = Fetch {
        protocol: &web.protocol,
        session: &session,
        deadline,
    };
    if let Some((image, turn)) = &reference.image {
        /// Beyond it the usual size has to do, which needs time too.
        const PATIENCE: Duration = Duration::from_secs(30);
        let patience = deadline.min(Instant::now() + PATIENCE);
        let full_size = timeout_at(patience, fetch.full_size(&live, image, turn));
        match full_size.await.unwrap_or_else(|_| Err(too_slow())) {
            Ok(download) => return Ok(download),
            Err(failure) => tracing::debug!(
                code = failure.kind().facts().code,
                "the full size of an image could not be had: the usual size must do"
            ),
        }
    }
    let url = match reference.kind {
        Shown::Image => sized(&web.protocol, &reference.url),
        Shown::Video | Shown::Audio => reference.url,
    };
    let response = fetch.get(&address(&url)?).await?;
    fetch.checked(response, reference.kind).await
}

/// One download.
struct Fetch<'a> {
    protocol: &'a Protocol,
    session: &'a Session,
    deadline: Instant,
}

impl Fetch<'_> {
    /// The way to the full size: a call gives an address, whose answer is the address of the next.
    async fn full_size(&self, live: &Live, image: &str, turn: &[String; 3]) -> Result<Download, Failure> {
        let rules = &self.protocol.downloads;
        let turn = [turn[0].as_str(), turn[1].as_str(), turn[2].as_str()];
        let call = RpcCall::full_size(self.protocol, image, turn)?;
        let mut tokens = live.tokens.clone();
        let answer = self.session.rpc(&mut tokens, &call, self.deadline).await?;
        let first = rules.full_size_url.text(&answer).ok_or_else(not_found)?;
        let mut url = address(&format!("{first}{}", rules.full_size_suffix))?;
        for _ in 0..rules.full_size_hops {
            /// An address is some hundred bytes.
            const ADDRESS_BYTES: usize = 16 << 10;
            let body = read_all(self.get(&url).await?, ADDRESS_BYTES, self.deadline).await?;
            let text = str::from_utf8(&body).map_err(|_| not_found())?;
            url = address(text.trim())?;
        }
        self.checked(self.get(&url).await?, Shown::Image).await
    }

    /// Gets an address of Google's, with those of the account's cookies that belong to it.
    async fn get(&self, url: &Url) -> Result<Response, Failure> {
        if !self.protocol.media_allowed(url) {
            return Err(not_ours());
        }
        let outgoing = request::media(self.protocol, url.clone())?;
        let page = self.session.transport.get_scoped(outgoing, self.deadline).await?;
        let response = page.response.ok_or_else(not_ours)?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::PARTIAL_CONTENT => Err(not_ready()),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN => Err(not_found()),
            status => Err(super::errors::http(status, retry_after(response.headers()))),
        }
    }

    /// Lets the bytes through once the first of them show that they are what was promised.
    async fn checked(&self, mut response: Response, kind: Shown) -> Result<Download, Failure> {
        /// More than any signature needs.
        const ENOUGH: usize = 512;
        let (most, deadline) = (self.protocol.downloads.bytes, self.deadline);
        let length = response.content_length();
        if length.is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut head = BytesMut::new();
        while head.len() < ENOUGH {
            match timeout_at(deadline, response.chunk()).await {
                Err(_) => return Err(too_slow()),
                Ok(Err(error)) => return Err(broken_off(error)),
                Ok(Ok(None)) => break,
                Ok(Ok(Some(chunk))) => head.extend_from_slice(&chunk),
            }
        }
        if head.is_empty() {
            return Err(not_ready());
        }
        let mime = mime_of(&head, kind).ok_or_else(not_media)?;
        let head = head.freeze();
        let mut sent = head.len() as u64;
        let bytes = stream! {
            yield Ok::<Bytes, Failure>(head);
            loop {
                match timeout_at(deadline, response.chunk()).await {
                    Err(_) => yield Err(too_slow()),
                    Ok(Err(error)) => yield Err(broken_off(error)),
                    Ok(Ok(None)) => return,
                    Ok(Ok(Some(chunk))) => {
                        sent += chunk.len() as u64;
                        if sent <= most {
                            yield Ok(chunk);
                            continue;
                        }
                        yield Err(too_large());
                    }
                }
                return;
            }
        };
        Ok(Download {
            mime,
            length,
            bytes: Box::pin(bytes),
        })
    }
}

/// What the first bytes say, if it is of the kind that was promised. SVG is none of them: it can hold scripts.
fn mime_of(head: &[u8], kind: Shown) -> Option<&'static str> {
    use infer::MatcherType::{Audio, Image, Video};
    let found = infer::get(head)?;
    let promised = match kind {
        Shown::Image => found.matcher_type() == Image,
        // Containers as MP4 hold either, and their first bytes need not say which.
        Shown::Video | Shown::Audio => matches!(found.matcher_type(), Audio | Video),
    };
    promised.then_some(found.mime_type())
}

/// The address of a generated image in more than preview size.
fn sized(protocol: &Protocol, url: &str) -> String {
    let rules = &protocol.downloads;
    let Ok(parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    let host = parsed.host_str().unwrap_or_default();
    let of = |domain: &String| host == domain || host.ends_with(&format!(".{domain}"));
    let own = parsed.origin() == protocol.page_url().origin();
    if !own && !rules.sized_hosts.iter().any(of) {
        return url.to_owned();
    }
    let last = url.rsplit('/').next().unwrap_or_default();
    let bare = match last.rsplit_once('=') {
        Some((before, option)) if option.starts_with('s') => &url[..url.len() - last.len() + before.len()],
        _ => url,
    };
    format!("{bare}{}", rules.large_suffix)
}

fn address(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|_| not_ours())
}

fn not_ours() -> Failure {
    let message = "The link leads to no file of this gateway's upstream. Ask for the answer again.";
    Failure::new(Kind::MediaNotFound, message)
}

fn not_found() -> Failure {
    let message = "Gemini no longer has this file, or not for this account. Ask for the answer again.";
    Failure::new(Kind::MediaNotFound, message)
}

fn not_ready() -> Failure {
    const POLL: Duration = Duration::from_secs(10);
    let message = "Gemini is still rendering this file. Open the link again in some seconds.";
    Failure::new(Kind::MediaNotReady, message).retry_after(POLL)
}

fn not_media() -> Failure {
    let message = "Gemini gave something else than the picture, film or recording it had announced. Ask for it again.";
    Failure::new(Kind::UpstreamProtocol, message)
}

fn too_large() -> Failure {
    let message = "The file is larger than this gateway passes on. Open it in Gemini's own app.";
    Failure::new(Kind::UpstreamProtocol, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_asked_for_in_a_large_size() {
        let protocol = Protocol::built_in().unwrap();
        for (given, asked) in [
            (
                "https://lh3.googleusercontent.com/gg/a-b",
                "https://lh3.googleusercontent.com/gg/a-b=s2048-rj",
            ),
            (
                "https://lh3.googleusercontent.com/gg/a=s1024-rj",
                "https://lh3.googleusercontent.com/gg/a=s2048-rj",
            ),
            (
                "https://lh3.googleusercontent.com/gg/a==",
                "https://lh3.googleusercontent.com/gg/a===s2048-rj",
            ),
            ("https://example.org/a.png", "https://example.org/a.png"),
        ] {
            assert_eq!(sized(&protocol, given), asked);
        }
    }

    #[test]
    fn media_come_from_the_hosts_that_have_them() {
        let protocol = Protocol::built_in().unwrap();
        let allowed = |url: &str| protocol.media_allowed(&Url::parse(url).unwrap());
        for url in [
            "https://lh3.googleusercontent.com/gg/a",
            "https://work.fife.usercontent.google.com/rd-gg-dl/a",
            "https://contribution.usercontent.google.com/download?c=1",
            "https://www.gstatic.com/a.mp3",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "https://accounts.google.com/Logout",
            "https://gemini.google.com/app",
            "https://mail.google.com/mail/u/0/?attid=0.1&disp=inline",
            "https://drive.google.com/thumbnail?id=1",
            "http://lh3.googleusercontent.com/gg/a",
            "https://lh3.googleusercontent.com:8443/gg/a",
            "https://evilgoogleusercontent.com/",
            "https://lh3.googleusercontent.com.evil.example/",
            "https://lh3.googleusercontent.com@evil.example/",
            "https://169.254.169.254/latest/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(url), "{url}");
        }
        let overlay = r#"{"hosts": {"app": "http://127.0.0.1:9"}}"#;
        let protocol = Protocol::with_overlay(overlay).unwrap();
        assert!(protocol.media_allowed(&Url::parse("http://127.0.0.1:9/a").unwrap()));
        assert!(!protocol.media_allowed(&Url::parse("http://127.0.0.1:10/a").unwrap()));
    }

    #[test]
    fn what_was_found_on_the_web_has_a_web_address() {
        for (given, told) in [
            ("https://example.org/a b.png", Some("https://example.org/a%20b.png")),
            (
                "https://example.org/a\n\n# Heading",
                Some("https://example.org/a#%20Heading"),
            ),
            ("javascript:alert(1)", None),
            ("data:text/html,<script>", None),
            ("/relative", None),
        ] {
            assert_eq!(web_address(given).as_deref(), told, "{given}");
        }
    }

    #[test]
    fn only_what_was_promised_is_passed_on() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        assert_eq!(mime_of(png, Shown::Image), Some("image/png"));
        let (mp4, mp3) = (b"\0\0\0\x18ftypmp42", b"ID3\x04\0\0\0\0\0\0");
        for kind in [Shown::Video, Shown::Audio] {
            assert_eq!(mime_of(png, kind), None);
            assert_eq!(mime_of(mp4, kind), Some("video/mp4"));
            assert_eq!(mime_of(mp3, kind), Some("audio/mpeg"));
        }
        assert_eq!(mime_of(mp4, Shown::Image), None);
        for other in [
            &b"<svg onload=alert(1)>"[..],
            b"<html>",
            b"PK\x03\x04zip",
            b"plain",
            b"",
        ] {
            assert_eq!(mime_of(other, Shown::Image), None);
        }
    }
}
