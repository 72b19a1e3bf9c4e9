//! The listening side: accept, bound, serve, drain.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

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
    time::{Instant, timeout},
};

use crate::{app::App, body::Body, service, stall::StallGuard, tasks::Tasks};

/// The most connections over the cap that are told so at a time; beyond, they are closed without a word.
const REFUSALS: usize = 64;

/// Longest request head that is read, in bytes; the count of headers is bounded by hyper (100). Both are above what
/// the service accepts, because hyper's own refusal has neither a body nor a request id.
const HEAD_BYTES: usize = service::HEAD_BYTES + (32 << 10);

/// How long before its end the drain tells running answers that it ends: enough for the error to be sent.
const FAREWELL: Duration = Duration::from_secs(1);

/// The least time between two warnings about refused connections.
const REFUSAL_WARNINGS: Duration = Duration::from_secs(1);

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
    let mut server = Server::new(app);
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
    refused: Refused,
}

impl Server {
    fn new(app: Arc<App>) -> Self {
        Self {
            tasks: Tasks::new(),
            graceful: GracefulShutdown::new(),
            places: Arc::new(Semaphore::new(app.limits.connections)),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            refused: Refused::default(),
            app,
        }
    }

    fn connection(&mut self, stream: TcpStream) {
        // Small events must not wait for a full packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let app = Arc::clone(&self.app);
            let service = service_fn(move |request| service::serve(Arc::clone(&app), request));
            self.serve(stream, place, self.app.limits.head_read, service);
            return;
        }
        self.refused.one_more(self.app.limits.connections);
        if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            let app = Arc::clone(&self.app);
            let service = service_fn(move |request| service::refuse(Arc::clone(&app), request));
            self.serve(stream, place, service::REFUSAL_TIME, service);
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
        let Self {
            app, tasks, graceful, ..
        } = self;
        app.closing.cancel();
        let limit = app.limits.shutdown;
        tracing::info!(
            open = tasks.running(),
            limit_s = limit.as_secs(),
            "stopping: running answers may finish"
        );
        let finished = async {
            graceful.shutdown().await;
            tasks.finished_within(limit).await
        };
        if tokio::select! {
            finished = in_time(&app, limit, finished) => finished,
            () = app.at_once.cancelled() => false,
        } {
            tracing::info!("stopped: every answer was finished");
            return Outcome::Drained;
        }
        let cut = tasks.running();
        tasks.stop().await;
        tracing::warn!(
            cut,
            "stopped: the time was up or a second signal came, and answers were cut"
        );
        Outcome::Cut(cut)
    }
}

/// Waits for the end of all answers, and tells those that are still running when the limit is near.
async fn in_time(app: &App, limit: Duration, finished: impl Future<Output = bool>) -> bool {
    let mut finished = pin!(finished);
    let farewell = FAREWELL.min(limit / 2);
    if let Ok(finished) = timeout(limit - farewell, &mut finished).await {
        return finished;
    }
    app.ending.cancel();
    timeout(farewell, finished).await.unwrap_or(false)
}

/// The refused connections nobody was told of yet. Warned of in groups, so that a flood of them does not flood the log.
#[derive(Default)]
struct Refused {
    untold: u64,
    told: Option<Instant>,
}

impl Refused {
    fn one_more(&mut self, limit: usize) {
        self.untold += 1;
        if self.told.is_some_and(|told| told.elapsed() < REFUSAL_WARNINGS) {
            return;
        }
        self.told = Some(Instant::now());
        let refused = std::mem::take(&mut self.untold);
        tracing::warn!(limit, refused, "connections over MAX_CONNECTIONS are refused");
    }
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
