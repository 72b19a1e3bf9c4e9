//! Responses and their bodies.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Frame;

/// What every response says it comes from.
const SERVER: HeaderValue = HeaderValue::from_static("gemini-gateway-stand-in");
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// A response body.
pub(super) enum Body {
    /// All of it.
    Whole(Bytes),
    /// As it comes. An error cuts the connection.
    Stream(Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>),
}

/// No response: the connection is closed instead.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by a fault on demand")
    }
}

impl std::error::Error for Dropped {}

impl Body {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.as_mut().poll_next(cx).map_ok(Frame::data),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => http_body::SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

/// An HTML page.
pub(super) fn html(status: StatusCode, page: impl Into<Bytes>) -> Response<Body> {
    build(status, HTML, Body::Whole(page.into()))
}

/// A framed or JSON answer.
pub(super) fn json(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    build(status, JSON, Body::Whole(text.into()))
}

/// A line of plain text.
pub(super) fn text(text: impl Into<Bytes>) -> Response<Body> {
    build(StatusCode::OK, TEXT, Body::Whole(text.into()))
}

/// A framed answer that comes in pieces.
pub(super) fn stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response<Body> {
    build(StatusCode::OK, JSON, Body::Stream(Box::pin(pieces)))
}

/// A small page that says no more than the status.
pub(super) fn plain(status: StatusCode) -> Response<Body> {
    let code = status.as_u16();
    html(
        status,
        format!("<!doctype html><title>Error {code}</title><p>Error {code}</p>"),
    )
}

/// A redirect.
pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = html(StatusCode::FOUND, "");
    set(&mut response, header::LOCATION, to);
    response
}

/// Adds a header. A value that is no header value is left out.
pub(super) fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

fn build(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(header::SERVER, SERVER);
    response
}
