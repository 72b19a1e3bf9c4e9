//! Many streams at once against a gateway whose upstream is the stand-in: is anything lost, how long does the first
//! byte take, how much memory does it cost?
//!
//! ```text
//! API_KEY=… gemini-gateway demo &
//! API_KEY=… cargo run --release --example load -- --url http://127.0.0.1:7860/v1 --streams 500 --pid $!
//! ```
//!
//! Every stream asks for a text of its own, so that a lost, repeated or swapped piece shows. Only loopback addresses
//! are accepted: this is a test of the gateway, never of Google's patience.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{Write as _, stdout},
    net::IpAddr,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::{Arg, ArgMatches, Command, value_parser};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::timeout};
use url::{Host, Url};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Load::from_arguments(&command().get_matches()) {
        Ok(load) => load.run().await,
        Err(error) => Err(error),
    };
    let (text, code) = match result {
        Ok(report) => (report.to_string(), report.exit_code()),
        Err(error) => (format!("load: {error}\n"), ExitCode::FAILURE),
    };
    // Nothing is left to do for a reader that went away.
    let _ = stdout().write_all(text.as_bytes());
    code
}

fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .default_value(default)
            .value_parser(value_parser!(u32).range(1..=10_000))
            .help(help)
    };
    Command::new("load")
        .about("Many streams at once against a gateway in demo mode. The key is read from API_KEY.")
        .arg(
            Arg::new("url")
                .long("url")
                .default_value("http://127.0.0.1:7860/v1")
                .help("Base URL; loopback only"),
        )
        .arg(number("streams", "500", "Streams at once"))
        .arg(number("frames", "20", "Frames in each"))
        .arg(number("delay", "100", "Milliseconds between two frames"))
        .arg(number("limit", "120", "Seconds after which the run is given up"))
        .arg(
            Arg::new("pid")
                .long("pid")
                .value_parser(value_parser!(u32))
                .help("The gateway's process, whose memory is reported"),
        )
}

/// What to do.
struct Load {
    url: Url,
    key: String,
    streams: u32,
    frames: u32,
    delay: u32,
    limit: Duration,
    pid: Option<u32>,
}

impl Load {
    fn from_arguments(matches: &ArgMatches) -> Fallible<Self> {
        let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
        let url = matches.get_one::<String>("url").map_or("", String::as_str);
        Ok(Self {
            url: loopback(url)?,
            key: std::env::var("API_KEY").map_err(|_| "API_KEY is not set")?,
            streams: number("streams"),
            frames: number("frames"),
            delay: number("delay"),
            limit: Duration::from_secs(number("limit").into()),
            pid: matches.get_one("pid").copied(),
        })
    }

    async fn run(self) -> Fallible<Report> {
        let client = client(self.limit)?;
        let model = self.first_model(&client).await?;
        let open = Arc::new(Gauge::default());
        let mut tasks = JoinSet::new();
        let began = Instant::now();
        for number in 0..self.streams {
            let expected = self.text_of(number);
            let request = client
                .post(format!("{}/chat/completions", self.url))
                .bearer_auth(&self.key)
                .header("content-type", "application/json")
                .body(self.body(&model, &expected));
            let (open, frames) = (Arc::clone(&open), self.frames as usize);
            tasks.spawn(async move {
                let began = Instant::now();
                let response = request.send().await?;
                let _counted = open.enter();
                read(response, began, &expected, frames).await
            });
        }
        // Past the limit the set is dropped, and with it whatever still runs.
        let results = timeout(self.limit, tasks.join_all())
            .await
            .map_err(|_| format!("not done within {} s", self.limit.as_secs()))?;
        Ok(Report::new(results, began.elapsed(), open.peak(), self.memory()))
    }

    async fn first_model(&self, client: &Client) -> Fallible<String> {
        let request = client.get(format!("{}/models", self.url)).bearer_auth(&self.key);
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        let models: Value = serde_json::from_slice(&answer)?;
        let id = models["data"][0]["id"].as_str();
        Ok(id.ok_or("the gateway lists no model")?.to_owned())
    }

    /// One text a stream, each frame of it numbered.
    fn text_of(&self, stream: u32) -> String {
        (0..self.frames).fold(String::new(), |mut text, frame| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{stream:05}-{frame:05}.");
            text
        })
    }

    fn body(&self, model: &str, text: &str) -> String {
        let words = format!("[[stand-in: text={text} frames={} delay={}]]", self.frames, self.delay);
        json!({"model": model, "stream": true, "messages": [{"role": "user", "content": words}]}).to_string()
    }

    /// Resident memory now and at its peak, as the kernel words it.
    fn memory(&self) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
        let line = |name: &str| Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim());
        Some(format!("{} (peak {})", line("VmRSS:")?, line("VmHWM:")?))
    }
}

fn loopback(url: &str) -> Fallible<Url> {
    let url = Url::parse(url.trim_end_matches('/'))?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        _ => false,
    };
    if url.scheme() == "http" && is_loopback {
        return Ok(url);
    }
    Err("only http to a loopback address (127.0.0.1, [::1]) is accepted".into())
}

fn client(limit: Duration) -> Fallible<Client> {
    // The client wants a provider even for plain HTTP. That one is there already is no error.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Ok(Client::builder().no_proxy().timeout(limit).build()?)
}

/// What one stream was like.
struct Stream {
    first_byte: Duration,
    pieces: usize,
}

/// Reads one stream to its end and fails if it is not exactly the answer that was asked for.
async fn read(mut response: Response, began: Instant, expected: &str, frames: usize) -> Fallible<Stream> {
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()).into());
    }
    let mut first_byte = None;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        first_byte.get_or_insert_with(|| began.elapsed());
        body.extend_from_slice(&chunk);
    }
    let (mut text, mut pieces, mut finish, mut done) = (String::new(), 0, None, false);
    for data in std::str::from_utf8(&body)?
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: "))
    {
        if data == "[DONE]" {
            done = true;
            continue;
        }
        let chunk: Value = serde_json::from_str(data)?;
        let choice = &chunk["choices"][0];
        if let Some(piece) = choice["delta"]["content"].as_str().filter(|piece| !piece.is_empty()) {
            text.push_str(piece);
            pieces += 1;
        }
        finish = choice["finish_reason"].as_str().map(str::to_owned).or(finish);
    }
    // Each frame is a piece; a busy gateway may join some, but one that holds everything back does not stream.
    if pieces * 2 < frames {
        return Err(format!("{pieces} pieces for {frames} frames").into());
    }
    if text != expected {
        return Err(format!("{} of {} bytes, or other ones", text.len(), expected.len()).into());
    }
    if finish.as_deref() != Some("stop") || !done {
        return Err("all of the text, but no proper end".into());
    }
    Ok(Stream {
        first_byte: first_byte.unwrap_or_default(),
        pieces,
    })
}

/// How many are inside, and the most there ever were.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Gauge {
    fn enter(&self) -> impl Drop + '_ {
        struct Inside<'a>(&'a Gauge);
        impl Drop for Inside<'_> {
            fn drop(&mut self) {
                self.0.now.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Inside(self)
    }

    fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

/// What came of it.
struct Report {
    lines: String,
    lost: usize,
}

impl Report {
    fn new(results: Vec<Fallible<Stream>>, wall: Duration, at_once: usize, memory: Option<String>) -> Self {
        let asked = results.len();
        let (mut first_bytes, mut pieces, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(stream) => {
                    first_bytes.push(stream.first_byte);
                    pieces.push(stream.pieces);
                }
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        first_bytes.sort_unstable();
        let mut lines = format!("streams     {asked}, {at_once} of them open at once\n");
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "lost        {}", faults.len());
        for fault in faults.iter().take(5) {
            let _ = writeln!(lines, "            {fault}");
        }
        pieces.sort_unstable();
        let (fewest, most) = (pieces.first().unwrap_or(&0), pieces.last().unwrap_or(&0));
        let _ = writeln!(lines, "pieces      {fewest} to {most} in a stream");
        let (p50, p99) = (percentile(&first_bytes, 50), percentile(&first_bytes, 99));
        let _ = writeln!(lines, "first byte  p50 {p50:.1?}, p99 {p99:.1?}");
        let _ = writeln!(lines, "wall time   {wall:.2?}");
        let _ = writeln!(
            lines,
            "resident    {}",
            memory.as_deref().unwrap_or("unknown: no --pid")
        );
        Self {
            lines,
            lost: faults.len(),
        }
    }

    fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.lost > 0))
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.lines)
    }
}

/// The value at a percentile of a sorted list; zero for an empty one.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let index = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(index).copied().unwrap_or_default()
}
