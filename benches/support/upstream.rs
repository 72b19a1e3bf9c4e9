//! The light upstream: the endpoints of the Gemini web protocol and of an OpenAI-compatible server, from bytes made at
//! the start.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{body::Incoming, service::service_fn};

use super::{
    Result, completions, serve,
    wire::{self, Shape},
};

/// The time between two snapshots of a held stream: 50 of them take two seconds.
const HELD_PACE: Duration = Duration::from_millis(40);

const JSON: &str = "application/json; charset=utf-8";
const EVENTS: &str = "text/event-stream; charset=utf-8";

type Chunks = std::pin::Pin<Box<dyn Stream<Item = std::result::Result<Frame<Bytes>, Infallible>> + Send>>;
type ReplyBody = Either<Full<Bytes>, StreamBody<Chunks>>;

/// Serves until the process ends. One thread: it must be light, and its CPU time is nobody's result.
pub(crate) fn run(port: u16) -> Result<()> {
    serve::end_with_parent();
    let answers = Arc::new(Answers::new());
    let service = service_fn(move |request| {
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answers.to(request).await) }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve::forever(port, service))
}

struct Answers {
    page: Bytes,
    whole: Bytes,
    stream: Arc<[Bytes]>,
    call: Arc<[Bytes]>,
    completion: Bytes,
    completion_chunks: Arc<[Bytes]>,
}

impl Answers {
    fn new() -> Self {
        Self {
            page: wire::page(),
            whole: Bytes::from(Shape::Whole.chunks().concat()),
            stream: Shape::Stream.chunks().into(),
            call: Shape::Call.chunks().into(),
            completion: completions::whole(),
            completion_chunks: completions::chunks().into(),
        }
    }

    async fn to(&self, request: Request<Incoming>) -> Response<ReplyBody> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return status(StatusCode::BAD_REQUEST);
        };
        let path = head.uri.path();
        match (head.method, path.rsplit('/').next().unwrap_or_default()) {
            (Method::POST, "StreamGenerate") => self.generate(&body.to_bytes()),
            (Method::POST, "batchexecute") => json(wire::calls(ids(head.uri.query().unwrap_or_default()))),
            (Method::POST, "completions") => self.complete(&body.to_bytes()),
            (Method::GET, "models") => json(completions::models()),
            (Method::POST, "RotateCookies") => json(wire::rotation()),
            (Method::GET, "app") => reply("text/html; charset=utf-8", Either::Left(Full::new(self.page.clone()))),
            // The first for `www.google.com`, asked for its cookies; the second to time the proxy's start.
            (Method::GET, "" | "livez") => status(StatusCode::OK),
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn generate(&self, body: &[u8]) -> Response<ReplyBody> {
        let chunks = Arc::clone(&self.stream);
        match Shape::asked_by(body) {
            Shape::Whole => json(self.whole.clone()),
            Shape::Stream => streamed(JSON, chunks, None),
            Shape::Call => streamed(JSON, Arc::clone(&self.call), None),
            Shape::Held => streamed(JSON, chunks, Some(HELD_PACE)),
        }
    }

    fn complete(&self, body: &[u8]) -> Response<ReplyBody> {
        let chunks = Arc::clone(&self.completion_chunks);
        match Shape::asked_by(body) {
            _ if !completions::is_for_it(body) => status(StatusCode::NOT_FOUND),
            Shape::Whole => json(self.completion.clone()),
            Shape::Stream => streamed(EVENTS, chunks, None),
            Shape::Held => streamed(EVENTS, chunks, Some(HELD_PACE)),
            Shape::Call => status(StatusCode::NOT_IMPLEMENTED),
        }
    }
}

/// The ids of the calls in a batch.
fn ids(query: &str) -> &str {
    let ids = query.split('&').find_map(|pair| pair.strip_prefix("rpcids="));
    ids.unwrap_or_default()
}

/// The chunks one after the other. The pause between two makes hyper write each by itself, as they come in reality;
/// without it all would leave in a few large writes and cost the reader next to nothing.
fn streamed(content_type: &'static str, chunks: Arc<[Bytes]>, pace: Option<Duration>) -> Response<ReplyBody> {
    let stream = async_stream::stream! {
        for chunk in chunks.iter() {
            match pace {
                Some(pace) => tokio::time::sleep(pace).await,
                None => tokio::task::yield_now().await,
            }
            yield Ok(Frame::data(chunk.clone()));
        }
    };
    let stream: Chunks = Box::pin(stream);
    reply(content_type, Either::Right(StreamBody::new(stream)))
}

fn json(bytes: Bytes) -> Response<ReplyBody> {
    reply(JSON, Either::Left(Full::new(bytes)))
}

fn reply(content_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

fn status(status: StatusCode) -> Response<ReplyBody> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
