//! The gemini-gateway program.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use gemini_gateway::{
    check::{self, CheckError},
    config::{self, Command, Config, Sources},
    demo,
    explain::{self, ExplainError, Wish},
    healthcheck,
    serve::{self, StartError},
    server::Outcome,
    telemetry,
    terminal::{self, Chat},
};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var_os(name);
    let sources = Sources {
        environment: &environment,
        dotenv: Path::new(".env"),
    };
    match config::load(std::env::args_os(), &sources) {
        Ok(Command::Serve(config)) => run(&config, serve::serve(&config)),
        Ok(Command::Demo(config)) => run(&config, demo::serve(&config)),
        Ok(Command::Explain(config, wish)) => explained(&config, &wish),
        Ok(Command::Check(config, only)) => checked(&config, only.as_deref()),
        Ok(Command::Healthcheck(check)) => match healthcheck::ask(check) {
            Ok(line) => say(&line),
            Err(line) => fail(&line),
        },
        Ok(Command::Chat(chat)) => talked(&chat),
        Ok(Command::Print(text)) => print(&text),
        Err(problems) => {
            say(&format!("gemini-gateway: {problems}"));
            ExitCode::from(problems.exit_code())
        }
    }
}

/// Runs a server to its end. 78 where the configuration turns out unusable only now, 1 where the system refuses.
fn run(config: &Config, server: impl Future<Output = Result<Outcome, StartError>>) -> ExitCode {
    start_log(config);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("gemini-gateway: {error}")),
    };
    match runtime.block_on(server) {
        // A drain that ran out of time is logged; for whoever sent the signal it is a stop like another.
        Ok(_outcome) => ExitCode::SUCCESS,
        Err(error @ StartError::Exit(_)) => fail_with(config::EX_CONFIG, &error),
        Err(error) => fail(&format!("gemini-gateway: {error}")),
    }
}

/// Writes the explanation, or the refusal a client would read, to standard output.
fn explained(config: &Config, wish: &Wish) -> ExitCode {
    if let Err(error) = set_up_tls() {
        return fail(&format!("gemini-gateway: {error}"));
    }
    match explain::explain(config, wish, io::stdin().lock()) {
        Ok(text) => print(&text),
        Err(ExplainError::Refused(body)) => {
            print(&format!("{body}\n"));
            ExitCode::FAILURE
        }
        Err(error @ ExplainError::Format(_)) => fail_with(config::EX_USAGE, &error),
        Err(error @ ExplainError::Start(_)) => fail_with(config::EX_CONFIG, &error),
        Err(error @ ExplainError::Input(_)) => fail(&format!("gemini-gateway: {error}")),
    }
}

/// Writes what the upstreams are worth to standard output. 1 where one cannot answer.
fn checked(config: &Config, only: Option<&str>) -> ExitCode {
    start_log(config);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("gemini-gateway: {error}")),
    };
    match runtime.block_on(check::check(config, only)) {
        Ok(report) => {
            print(&report.text);
            if report.good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error @ CheckError::Unknown(_)) => fail_with(config::EX_USAGE, &error),
        Err(error @ CheckError::Exit(_)) => fail_with(config::EX_CONFIG, &error),
    }
}

/// Has the conversation. The exit code says whether it could be had, and in a pipe whether the answer is whole.
fn talked(chat: &Chat) -> ExitCode {
    if let Err(error) = set_up_tls() {
        return fail(&format!("gemini-gateway: {error}"));
    }
    match terminal::run(chat) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => fail(&format!("gemini-gateway: {trouble}")),
    }
}

/// Once in a process, before anything connects.
fn set_up_tls() -> Result<(), String> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .install_default()
        .map_err(|_| "TLS was set up twice".to_owned())
}

/// What everything asynchronous runs on, and TLS for it.
fn runtime() -> Result<Runtime, String> {
    set_up_tls()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

fn start_log(config: &Config) {
    let subscriber = telemetry::subscriber(config.log_format, config.debug, io::stderr);
    // Fails only when a log is set already, and here none is.
    let _ = tracing::subscriber::set_global_default(subscriber);
    telemetry::log_panics();
}

/// Writes a text to standard output. A reader that has gone away is no fault of the program.
fn print(text: &str) -> ExitCode {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Writes a line to standard error.
fn say(line: &str) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "{line}");
    ExitCode::SUCCESS
}

/// Says why, and ends with this code.
fn fail_with(code: u8, error: &dyn std::error::Error) -> ExitCode {
    say(&format!("gemini-gateway: {error}"));
    ExitCode::from(code)
}

fn fail(line: &str) -> ExitCode {
    say(line);
    ExitCode::FAILURE
}
