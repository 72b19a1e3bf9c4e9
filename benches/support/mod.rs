//! The parts of the benchmark.

/// What is asked for on the command line, and which of its own parts a process is.
pub(crate) mod options;

/// The bytes it answers with as an OpenAI-compatible server.
mod completions;
/// The light upstream.
pub(crate) mod upstream;
/// The bytes it answers with as the Gemini web app, and the text in both.
mod wire;

/// The bare reverse proxy, the yardstick.
pub(crate) mod proxy;
/// What the two servers above share.
mod serve;

/// Child processes: started, waited for, ended.
mod child;
/// How the gateway is set up for the upstream.
mod gateway;
/// CPU time, memory and the machine's name.
mod procfs;

/// Whether an answer is complete and right.
mod check;
/// The closed loop.
mod load;
/// A process under load and the requests it gets.
mod target;

/// The run: what is measured, in which order.
pub(crate) mod measure;
/// The Markdown.
mod report;
/// Medians and percentiles.
mod stats;

/// An error ends the run and is shown as it is.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
