//! The run: start-up, memory, then the loads, the targets taking turns.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use super::{
    Result,
    child::Child,
    load::{self, Plan, Progress},
    options::{Options, Role},
    procfs, report,
    stats::{self, Figures},
    target::{Ask, Kind, Way},
    wire::Shape,
};

/// Streams open at once when memory is read.
pub(super) const OPEN_STREAMS: u32 = 256;

/// Requests on one connection in one round: a bound no round comes near.
const MOST_REQUESTS: u32 = 100_000;

/// How long the gateway may take until its session with the upstream stands.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// A kind of load.
pub(super) struct Load {
    /// Its name in the report.
    pub(super) name: &'static str,
    /// Whom it is for.
    pub(super) way: Way,
    /// What is asked for.
    pub(super) shape: Shape,
    connections: u32,
    /// Requests a second; without it as many as it takes.
    pub(super) rate: Option<u32>,
}

/// The loads, in the report's order. The paced ones leave the cores time to spare: only they show what latency a
/// target adds, while under full load latency is just connections divided by requests/s.
pub(super) const LOADS: [Load; 12] = [
    load("whole, 8 connections", Shape::Whole, 8),
    load("whole, 64 connections", Shape::Whole, 64),
    load("whole, 1000 a second", Shape::Whole, 16).paced(1000),
    load("stream, 8 connections", Shape::Stream, 8),
    load("stream with a tool, 8 connections", Shape::Call, 8),
    load("stream, 64 connections", Shape::Stream, 64),
    load("stream, 100 a second", Shape::Stream, 16).paced(100),
    load("passed on, whole, 8 connections", Shape::Whole, 8).by(Way::PassedOn),
    load("passed on, whole, 64 connections", Shape::Whole, 64).by(Way::PassedOn),
    load("passed on, stream, 8 connections", Shape::Stream, 8).by(Way::PassedOn),
    load("passed on, stream, 64 connections", Shape::Stream, 64).by(Way::PassedOn),
    load("Anthropic to OpenAI, stream, 8 connections", Shape::Stream, 8).by(Way::Messages),
];

const fn load(name: &'static str, shape: Shape, connections: u32) -> Load {
    Load {
        name,
        way: Way::Gemini,
        shape,
        connections,
        rate: None,
    }
}

impl Load {
    const fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    const fn paced(self, rate: u32) -> Self {
        Self {
            rate: Some(rate),
            ..self
        }
    }
}

/// How often and how long.
pub(super) struct Effort {
    /// Rounds of each load for each target.
    pub(super) rounds: usize,
    /// Length of a round.
    pub(super) round: Duration,
    warm_up: Duration,
    /// Starts of each target.
    pub(super) starts: usize,
    whole_run: Duration,
}

impl Effort {
    fn new(quick: bool) -> Self {
        let ms = Duration::from_millis;
        match quick {
            true => Self {
                rounds: 2,
                round: ms(500),
                warm_up: ms(100),
                starts: 3,
                whole_run: ms(45_000),
            },
            false => Self {
                rounds: 5,
                round: ms(1600),
                warm_up: ms(300),
                starts: 9,
                whole_run: ms(235_000),
            },
        }
    }
}

/// What was found of one target.
pub(super) struct Findings {
    /// Which.
    pub(super) kind: Kind,
    /// From its start to its first `200`, median, in milliseconds.
    pub(super) start: f64,
    /// Resident MiB after a single answer.
    pub(super) idle: f64,
    /// Resident MiB with [`OPEN_STREAMS`] open, the most seen.
    pub(super) streaming: f64,
    /// The most resident MiB ever, the loads included.
    pub(super) peak: f64,
    /// The rounds of each of [`LOADS`].
    pub(super) rounds: Vec<Vec<Figures>>,
}

/// Measures and gives the report. All children are gone when it returns.
///
/// # Errors
/// When a child does not start, an answer is wrong, or it all takes too long.
pub(crate) fn run(options: &Options) -> Result<String> {
    let effort = Effort::new(options.quick);
    let machine = procfs::machine();
    let scratch = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let all = tokio::time::timeout(effort.whole_run, measure(options, &effort, scratch.path()));
        tokio::select! {
            findings = all => findings.map_err(|_| "the whole run takes too long")?,
            stopped = stop_signal() => Err(stopped?.into()),
        }
    })?;
    Ok(report::markdown(&machine, &effort, &findings))
}

async fn measure(options: &Options, effort: &Effort, scratch: &Path) -> Result<Vec<Findings>> {
    let kinds: &[Kind] = if options.only_proxy {
        &[Kind::Proxy]
    } else {
        &[Kind::Proxy, Kind::Gateway]
    };
    let upstream = Child::part("upstream", |port| Role::Upstream { port })?;
    let mut targets = Vec::new();
    for &kind in kinds {
        note(format_args!("{}: start-up and memory", kind.name()));
        let starts = start_times(effort.starts, || kind.start(&upstream, scratch, options))?;
        let child = kind.start(&upstream, scratch, options)?;
        let findings = look_at(kind, &child, starts).await?;
        targets.push((child, findings));
    }
    for load in &LOADS {
        note(format_args!("{}", load.name));
        let rounds = take_turns(load, effort, &targets).await?;
        for ((_, findings), rounds) in targets.iter_mut().zip(rounds) {
            findings.rounds.push(rounds);
        }
    }
    let finish = |(child, findings): (Child, Findings)| {
        let peak = procfs::memory(child.id())?.peak;
        Ok(Findings { peak, ..findings })
    };
    targets.into_iter().map(finish).collect()
}

/// The median time of this many starts, in milliseconds; each child is gone before the next one starts.
fn start_times(starts: usize, start: impl Fn() -> Result<Child>) -> Result<f64> {
    let times: Result<Vec<f64>> = (0..starts).map(|_| Ok(start()?.start.as_secs_f64() * 1e3)).collect();
    Ok(stats::median(times?))
}

/// Memory of a fresh target: after one answer, and with many streams open.
async fn look_at(kind: Kind, child: &Child, start: f64) -> Result<Findings> {
    until_ready(child.address, &kind.ask(Way::Gemini, Shape::Whole)?).await?;
    let idle = procfs::memory(child.id())?.resident;
    let streaming = with_open_streams(child, &kind.ask(Way::Gemini, Shape::Held)?).await?;
    Ok(Findings {
        kind,
        start,
        idle,
        streaming,
        peak: 0.0,
        rounds: Vec::new(),
    })
}

/// Asks until an answer is right: the gateway's port is open before its session with the upstream stands.
async fn until_ready(address: SocketAddr, ask: &Arc<Ask>) -> Result<()> {
    let begin = Instant::now();
    loop {
        match load::run(address, ask, Plan::once(1), &Arc::default()).await {
            Ok(_) => return Ok(()),
            Err(error) if begin.elapsed() > READY_LIMIT => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The most memory seen while all streams had begun and none had ended.
async fn with_open_streams(child: &Child, ask: &Arc<Ask>) -> Result<f64> {
    let progress: Arc<Progress> = Arc::default();
    let mut most: f64 = 0.0;
    let watch = async {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let all_open = progress.begun.load(Relaxed) == OPEN_STREAMS as usize;
            if all_open && progress.ended.load(Relaxed) == 0 {
                most = most.max(procfs::memory(child.id())?.resident);
            }
        }
    };
    let outcome: Result<_> = tokio::select! {
        outcome = load::run(child.address, ask, Plan::once(OPEN_STREAMS), &progress) => outcome.map(drop),
        failed = watch => failed,
    };
    outcome?;
    match most > 0.0 {
        true => Ok(most),
        false => Err("the streams were never all open at once".into()),
    }
}

/// The rounds of one load for each target: A B A B, so that what disturbs the machine disturbs both.
async fn take_turns(load: &Load, effort: &Effort, targets: &[(Child, Findings)]) -> Result<Vec<Vec<Figures>>> {
    let plan = |time| Plan {
        connections: load.connections,
        requests: MOST_REQUESTS,
        time,
        rate: load.rate,
    };
    let mut rounds = vec![Vec::new(); targets.len()];
    for turn in 0..effort.rounds {
        for ((child, findings), rounds) in targets.iter().zip(&mut rounds) {
            let ask = findings.kind.ask(load.way, load.shape)?;
            if turn == 0 {
                load::run(child.address, &ask, plan(effort.warm_up), &Arc::default()).await?;
            }
            rounds.push(round(child, &ask, plan(effort.round)).await?);
        }
    }
    Ok(rounds)
}

async fn round(child: &Child, ask: &Arc<Ask>, plan: Plan) -> Result<Figures> {
    let before = procfs::cpu_time(child.id())?;
    let outcome = load::run(child.address, ask, plan, &Arc::default()).await?;
    let cpu = procfs::cpu_time(child.id())?.saturating_sub(before);
    Ok(Figures::of(&outcome, cpu))
}

/// Waits until this process is told to end. Taking the signal instead of dying of it lets the handles end the children.
async fn stop_signal() -> Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok("terminated"),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| "interrupted")?),
    }
}

/// A sign of life on standard error, for whoever waits.
fn note(what: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "measuring: {what}");
}
