//! The listening side: accept, bound, serve, drain.

use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, header};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    app::App,
    body::{Body, Upload},
    error::{Failure, Kind},
    respond, service,
    stall::StallGuard,
    tasks::Tasks,
};

/// The most connections over the cap that are told so at a time; beyond, they are closed without a word.
const REFUSALS: usize = 64;

/// What a refused connection may send and how long it may take, so that it gets to read the refusal.
const REFUSAL_BYTES: u64 = 256 << 10;
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Longest request head, in bytes. SDKs send about 1 KiB; the count of headers is bounded by hyper (100).
const HEAD_BYTES: usize = 64 << 10;

/// Most bytes buffered per connection and direction.
const BUFFER_BYTES: usize = 256 << 10;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every connection was finished.
    Drained,
    /// The time was up first, and this many connections were cut.
    Cut(usize),
}

/// Serves until `shutdown` is ready, then lets running answers finish within the limit. The listener and the signal
/// come from outside, so that a test owns both.
pub async fn run(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()>) -> Outcome {
    let server = Server::new(app);
    let mut shutdown = pin!(shutdown);
    let mut wait = Backoff::default();
    loop {
        tokio::select! {
            // Acceptance first would let a busy port put the signal off.
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    wait = Backoff::default();
                    server.connection(stream);
                }
                Err(error) => wait.after(&error).await,
            },
        }
    }
    // Closed before the drain: a newcomer gets a refusal from the system at once, not silence.
    drop(listener);
    server.drain().await
}

struct Server {
    app: Arc<App>,
    tasks: Tasks,
    graceful: GracefulShutdown,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

impl Server {
    fn new(app: Arc<App>) -> Self {
        Self {
            tasks: Tasks::new(),
            graceful: GracefulShutdown::new(),
            places: Arc::new(Semaphore::new(app.limits.connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            app,
        }
    }

    fn connection(&self, stream: TcpStream) {
        // Small events must not wait for a full packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let app = Arc::clone(&self.app);
            let service = service_fn(move |request| service::serve(Arc::clone(&app), request));
            self.serve(stream, place, self.app.limits.head_read, service);
        } else if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            tracing::warn!(
                limit = self.app.limits.connections,
                "a connection over MAX_CONNECTIONS is refused"
            );
            self.serve(stream, place, REFUSAL_TIME, service_fn(refuse));
        }
    }

    fn serve<S>(&self, stream: TcpStream, place: OwnedSemaphorePermit, head_read: Duration, service: S)
    where
        S: HttpService<Incoming, ResBody = Body> + Send + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head_read)
            .max_header_size(HEAD_BYTES)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(
                TokioIo::new(StallGuard::new(stream, self.app.limits.write_stall)),
                service,
            );
        let connection = self.graceful.watch(connection);
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }

    async fn drain(self) -> Outcome {
        self.app.closing.cancel();
        let limit = self.app.limits.shutdown;
        tracing::info!(
            open = self.tasks.running(),
            limit_s = limit.as_secs(),
            "stopping: running answers may finish"
        );
        let graceful = self.graceful.shutdown();
        if tokio::time::timeout(limit, graceful).await.is_ok() && self.tasks.finished_within(limit).await {
            tracing::info!("stopped: every answer was finished");
            return Outcome::Drained;
        }
        let cut = self.tasks.running();
        self.tasks.stop().await;
        tracing::warn!(cut, "stopped: the time was up, and answers were cut");
        Outcome::Cut(cut)
    }
}

/// The answer to a connection over the cap.
async fn refuse(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let mut upload = Upload::new(body, &head.headers);
    upload.drain(REFUSAL_BYTES, REFUSAL_TIME).await;
    let failure = Failure::new(
        Kind::Overloaded,
        "The gateway has as many connections as it may (MAX_CONNECTIONS). Try again in a moment.",
    );
    let mut response = respond::failure(&failure.retry_after(Duration::from_secs(1)));
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

/// The pause after a failed accept: none for a connection that was gone already, growing while the process is out
/// of files or memory.
#[derive(Default)]
struct Backoff(u32);

impl Backoff {
    async fn after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
        ) {
            return;
        }
        const LEAST: Duration = Duration::from_millis(50);
        const MOST_DOUBLINGS: u32 = 5;
        let pause = LEAST * (1 << self.0.min(MOST_DOUBLINGS));
        self.0 += 1;
        tracing::warn!(%error, pause_ms = pause.as_millis(), "no connection can be accepted");
        tokio::time::sleep(pause).await;
    }
}
