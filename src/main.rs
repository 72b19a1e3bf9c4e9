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
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("gemini-gateway: TLS was set up twice");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("gemini-gateway: no runtime: {error}")),
    };
    match runtime.block_on(server) {
        // A drain that ran out of time is logged; for whoever sent the signal it is a stop like another.
        Ok(_outcome) => ExitCode::SUCCESS,
        Err(error @ StartError::Exit(_)) => {
            say(&format!("gemini-gateway: {error}"));
            ExitCode::from(config::EX_CONFIG)
        }
        Err(error) => fail(&format!("gemini-gateway: {error}")),
    }
}

/// Writes the explanation, or the refusal a client would read, to standard output.
fn explained(config: &Config, wish: &Wish) -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("gemini-gateway: TLS was set up twice");
    }
    match explain::explain(config, wish, io::stdin().lock()) {
        Ok(text) => print(&text),
        Err(ExplainError::Refused(body)) => {
            print(&format!("{body}\n"));
            ExitCode::FAILURE
        }
        Err(error @ ExplainError::Format(_)) => {
            say(&format!("gemini-gateway: {error}"));
            ExitCode::from(config::EX_USAGE)
        }
        Err(error @ ExplainError::Start(_)) => {
            say(&format!("gemini-gateway: {error}"));
            ExitCode::from(config::EX_CONFIG)
        }
        Err(error @ ExplainError::Input(_)) => fail(&format!("gemini-gateway: {error}")),
    }
}

/// Writes what the upstreams are worth to standard output. 1 where one cannot answer.
fn checked(config: &Config, only: Option<&str>) -> ExitCode {
    start_log(config);
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("gemini-gateway: TLS was set up twice");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("gemini-gateway: no runtime: {error}")),
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
        Err(error @ CheckError::Unknown(_)) => {
            say(&format!("gemini-gateway: {error}"));
            ExitCode::from(config::EX_USAGE)
        }
        Err(error @ CheckError::Exit(_)) => {
            say(&format!("gemini-gateway: {error}"));
            ExitCode::from(config::EX_CONFIG)
        }
    }
}

/// Has the conversation. The exit code says whether it could be had, and in a pipe whether the answer is whole.
fn talked(chat: &Chat) -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("gemini-gateway: TLS was set up twice");
    }
    match terminal::run(chat) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => fail(&format!("gemini-gateway: {trouble}")),
    }
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

fn fail(line: &str) -> ExitCode {
    say(line);
    ExitCode::FAILURE
}
