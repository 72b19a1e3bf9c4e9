//! The gateway side by side with a bare hyper reverse proxy, before the same light upstream.
//!
//! `cargo bench --bench gateway` runs it in under four minutes, `cargo bench --bench gateway -- --quick` in under
//! three quarters of one; the result is Markdown on standard output. Linux only: CPU and memory are read from `/proc`.
//!
//! # What runs
//! This executable starts itself again as the upstream and as the proxy, and starts the gateway's own binary, so that
//! CPU time and memory of each are counted apart; the parent is the load generator. All of it talks plain HTTP/1.1 on
//! loopback. The upstream speaks the Gemini web protocol, and OpenAI's chat completions as a local model server does,
//! from precomputed bytes; the proxy streams both ways and does nothing else.
//!
//! # How to read it
//! Everything shares the machine's cores, so requests/s and latencies move with the load generator and the
//! neighbours; CPU microseconds hardly do. The two targets take turns (A B A B), and what the gateway adds is the
//! median of the differences within each turn. Every answer is checked to the last byte, and one wrong answer fails
//! the run: a benchmark of errors says nothing.

mod support;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use support::options::{Options, Role};

fn main() -> ExitCode {
    // `cargo test --benches` starts this too, without the flag `cargo bench` adds: nothing to test then.
    if !Options::wanted() {
        return ExitCode::SUCCESS;
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "the benchmark failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> support::Result<()> {
    match options.role {
        Role::Parent => {
            let report = support::measure::run(options)?;
            io::stdout().write_all(report.as_bytes())?;
            Ok(())
        }
        Role::Upstream { port } => support::upstream::run(port),
        Role::Proxy { port, upstream } => support::proxy::run(port, upstream),
    }
}
