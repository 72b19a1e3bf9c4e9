//! Bodies: what goes out, and what is read, or drained, of what comes in.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::{
    error::{Failure, Kind},
    room::{Full, Held},
    telemetry::access::Account,
};

/// A body on its way to a client. It owns the request's [`Account`], and through a stream everything the answer
/// holds: when hyper drops it, because it is done or because the client has left, all of that ends with it.
#[derive(Default)]
pub(crate) struct Body {
    content: Content,
    account: Option<Account>,
}

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Full(Bytes),
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
    /// Bytes that may break off, and how many are still to come, if that is known.
    Download(
        Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send>>,
        Option<u64>,
    ),
    BrokenOff,
}

/// A body breaks off before its end. Its connection is closed without the mark of an end, which is all that HTTP/1.1
/// has to say so.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off before its end")]
pub(crate) struct BrokenOff;

impl Body {
    /// These bytes, at once.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Full(bytes.into()),
            account: None,
        }
    }

    /// Bytes as they come. Never polled before hyper asks for more, so a slow client slows the source.
    pub(crate) fn stream(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self {
            content: Content::Stream(Box::pin(stream)),
            account: None,
        }
    }

    /// The same of bytes that may break off, and their number if it is known: then it is announced.
    pub(crate) fn download(
        stream: impl Stream<Item = Result<Bytes, BrokenOff>> + Send + 'static,
        length: Option<u64>,
    ) -> Self {
        Self {
            content: Content::Download(Box::pin(stream), length),
            account: None,
        }
    }

    /// The length, when it is known beforehand.
    pub(crate) fn len(&self) -> Option<u64> {
        http_body::Body::size_hint(self).exact()
    }

    /// Puts the account into the body's keeping.
    pub(crate) fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self.note(0);
        self
    }

    /// Counts what was handed over, and whether that was all.
    fn note(&mut self, bytes: usize) {
        let complete = matches!(self.content, Content::Empty);
        if let Some(account) = &mut self.account {
            account.bytes_out += bytes as u64;
            account.complete = complete;
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        let in_span = || this.account.as_ref().map(|account| account.record.span().enter());
        let polled = match &mut this.content {
            Content::Empty | Content::BrokenOff => Poll::Ready(None),
            Content::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                this.content = Content::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Content::Stream(stream) => {
                let _in_span = in_span();
                stream.as_mut().poll_next(cx).map(|bytes| bytes.map(Ok))
            }
            Content::Download(stream, left) => {
                let _in_span = in_span();
                let polled = stream.as_mut().poll_next(cx);
                if let (Some(left), Poll::Ready(Some(Ok(bytes)))) = (left, &polled) {
                    *left = left.saturating_sub(bytes.len() as u64);
                }
                polled
            }
        };
        let Poll::Ready(next) = polled else {
            return Poll::Pending;
        };
        match &next {
            // Everything the stream held is let go now, not when the connection gets round to it.
            None if !matches!(this.content, Content::BrokenOff) => this.content = Content::Empty,
            Some(Err(BrokenOff)) => this.content = Content::BrokenOff,
            // Nobody asks for more once as much is there as was announced.
            Some(Ok(_)) if matches!(this.content, Content::Download(_, Some(0))) => this.content = Content::Empty,
            _ => {}
        }
        let bytes = next.as_ref().and_then(|next| next.as_ref().ok());
        this.note(bytes.map_or(0, Bytes::len));
        Poll::Ready(next.map(|next| next.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Download(_, Some(left)) => SizeHint::with_exact(*left),
            Content::Stream(_) | Content::Download(_, None) | Content::BrokenOff => SizeHint::default(),
        }
    }
}

/// Silence after which a client that is being drained counts as gone or waiting.
const DRAIN_IDLE: Duration = Duration::from_secs(5);

/// A body on its way in.
pub(crate) struct Upload {
    body: Incoming,
    /// Declared length, if any.
    declared: Option<u64>,
    /// The client waits for `100 Continue` before it sends anything; the first read gives it that.
    waits_for_continue: bool,
    /// Reading failed or ran out of time: the rest is not worth waiting for.
    broken: bool,
    /// The end was seen. The body itself only knows its end when its length was declared.
    ended: bool,
}

impl Upload {
    /// The body of a request with these headers.
    pub(crate) fn new(body: Incoming, headers: &HeaderMap) -> Self {
        let expect = headers.get(header::EXPECT).map(|value| value.as_bytes());
        Self {
            declared: http_body::Body::size_hint(&body).exact(),
            waits_for_continue: expect.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")),
            broken: false,
            ended: false,
            body,
        }
    }

    /// Reads it all, and counts it as `held`.
    ///
    /// # Errors
    /// Over `limit` bytes: [`Kind::BodyTooLarge`]. No room for it: [`Kind::Overloaded`]. Silent for longer than `idle`, or not complete at `deadline`:
    /// [`Kind::BodyTimeout`].
    pub(crate) async fn read(
        &mut self,
        limit: usize,
        held: &Held,
        idle: Duration,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        if self.declared.is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        self.waits_for_continue = false;
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next(idle, deadline).await? {
            if first.len() + whole.len() + piece.len() > limit {
                return Err(too_large(limit));
            }
            held.take(piece.len()).map_err(Full::failure)?;
            if first.is_empty() && whole.is_empty() {
                // Most bodies are one piece, which then needs no copy.
                first = piece;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&piece);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    /// Reads what is left and forgets it, so that a client that sends before it listens gets to read the answer.
    /// Returns whether the body is at its end; if not, the connection has to be closed.
    pub(crate) async fn drain(&mut self, most: u64, time: Duration) -> bool {
        if self.at_end() {
            return true;
        }
        // A client that waits for 100 Continue gets its answer instead, and sends nothing.
        if self.waits_for_continue || self.broken {
            return false;
        }
        let deadline = Instant::now() + time;
        let mut left = most;
        while let Ok(Some(piece)) = self.next(DRAIN_IDLE, deadline).await {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        self.at_end()
    }

    fn at_end(&self) -> bool {
        self.ended || http_body::Body::is_end_stream(&self.body)
    }

    async fn next(&mut self, idle: Duration, deadline: Instant) -> Result<Option<Bytes>, Failure> {
        let until = deadline.min(Instant::now() + idle);
        loop {
            match timeout_at(until, self.body.frame()).await {
                Ok(None) => {
                    self.ended = true;
                    return Ok(None);
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(_trailers) => {}
                },
                Ok(Some(Err(error))) => {
                    self.broken = true;
                    let failure = Failure::new(Kind::InvalidRequest, "The request body broke off before its end.");
                    return Err(failure.source(error));
                }
                Err(_elapsed) => {
                    self.broken = true;
                    return Err(Failure::new(
                        Kind::BodyTimeout,
                        "The request body did not arrive in time. Send it again without pauses.",
                    ));
                }
            }
        }
    }
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        Kind::BodyTooLarge,
        format!("The request body is over the limit of {limit} bytes. Send less, or raise MAX_BODY_BYTES."),
    )
}
