//! The load generator: a fixed number of connections, each with one request at a time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::Instant};

use super::{Result, target::Ask};

/// How much longer than planned a run may take before it counts as hung.
const GRACE: Duration = Duration::from_secs(10);

/// How hard, and until when: whichever of the two bounds is reached first.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    /// Keep-alive connections.
    pub(super) connections: u32,
    /// Requests on each of them, at most.
    pub(super) requests: u32,
    /// No request starts after this time.
    pub(super) time: Duration,
    /// Requests a second over all connections; without it the next request follows the answer at once.
    pub(super) rate: Option<u32>,
}

impl Plan {
    /// This many connections, each with a single request.
    pub(super) fn once(connections: u32) -> Self {
        Self {
            connections,
            requests: 1,
            time: Duration::from_secs(2),
            rate: None,
        }
    }

    /// The time between two requests of one connection.
    fn pace(&self) -> Duration {
        let rate = self.rate.map(|rate| Duration::from_secs(1) * self.connections / rate);
        rate.unwrap_or_default()
    }
}

/// What came of one request.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    /// Until the first chunk of the body.
    pub(super) first: Duration,
    /// Until the last.
    pub(super) total: Duration,
    /// Pieces the text came in.
    pub(super) pieces: usize,
}

/// What came of a run.
pub(super) struct Outcome {
    /// All requests.
    pub(super) samples: Vec<Sample>,
    /// From the first request to the last answer.
    pub(super) elapsed: Duration,
}

/// How many answers have begun and ended.
#[derive(Default)]
pub(super) struct Progress {
    /// Answers whose first chunk came.
    pub(super) begun: AtomicUsize,
    /// Answers that are complete.
    pub(super) ended: AtomicUsize,
}

/// Runs a plan against an address. Connections are open before the first request goes out.
///
/// # Errors
/// The first wrong answer or broken connection ends the run.
pub(super) async fn run(address: SocketAddr, ask: &Arc<Ask>, plan: Plan, progress: &Arc<Progress>) -> Result<Outcome> {
    let mut connections = Vec::new();
    for _ in 0..plan.connections {
        connections.push(Connection::open(address, ask, progress).await?);
    }
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for (turn, connection) in (0..).zip(connections) {
        // Spread evenly, or all connections of a paced run would ask at the same moment.
        let first = start + plan.pace() * turn / plan.connections;
        workers.spawn(connection.work(plan, start, first));
    }
    let mut samples = Vec::new();
    let all = async {
        while let Some(worker) = workers.join_next().await {
            samples.append(&mut worker??);
        }
        Result::Ok(())
    };
    let hung = |_| "answers do not end";
    tokio::time::timeout(plan.time + GRACE, all).await.map_err(hung)??;
    let elapsed = start.elapsed();
    Ok(Outcome { samples, elapsed })
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    ask: Arc<Ask>,
    progress: Arc<Progress>,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, ask: &Arc<Ask>, progress: &Arc<Progress>) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error, if any, reaches the request under way.
        tokio::spawn(async move { connection.await.is_ok() });
        Ok(Self {
            sender,
            ask: Arc::clone(ask),
            progress: Arc::clone(progress),
            body: Vec::new(),
        })
    }

    async fn work(mut self, plan: Plan, start: Instant, first: Instant) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        let mut due = first;
        for _ in 0..plan.requests {
            // Looked at before the wait for it: the last answer ends the run, not a wait for nothing.
            let next = if plan.rate.is_some() { due } else { Instant::now() };
            if next.duration_since(start) >= plan.time {
                break;
            }
            let begin = at(next).await;
            samples.push(self.request(begin).await?);
            due += plan.pace();
        }
        Ok(samples)
    }

    async fn request(&mut self, begin: Instant) -> Result<Sample> {
        self.sender.ready().await?;
        let mut response = self.sender.send_request(self.ask.request()).await?;
        let mut first = None;
        self.body.clear();
        while let Some(frame) = response.frame().await {
            if let Some(data) = frame?.data_ref() {
                if first.is_none() {
                    first = Some(begin.elapsed());
                    self.progress.begun.fetch_add(1, Relaxed);
                }
                self.body.extend_from_slice(data);
            }
        }
        let total = begin.elapsed();
        self.progress.ended.fetch_add(1, Relaxed);
        let pieces = self.ask.check.judge(response.status(), &self.body)?;
        Ok(Sample {
            first: first.unwrap_or(total),
            total,
            pieces,
        })
    }
}

/// Waits until a request is due and gives the moment its latency counts from: the due time if that has passed, so that
/// a slow answer is charged with the delay it causes; else now, as a timer's lateness is not the target's.
async fn at(due: Instant) -> Instant {
    if due <= Instant::now() {
        return due;
    }
    tokio::time::sleep_until(due).await;
    Instant::now()
}
