//! The gemini-gateway program.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use gemini_gateway::{
    app::App,
    config::{self, Command, Config, Sources},
    healthcheck, serve, telemetry,
    upstream::{Upstream, absent::Absent},
};

fn main() -> ExitCode {
    let environment = |name: &str| std::env::var_os(name);
    let sources = Sources {
        environment: &environment,
        dotenv: Path::new(".env"),
    };
    match config::load(std::env::args_os(), &sources) {
        Ok(Command::Serve(config)) => run(&config),
        Ok(Command::Demo(_config)) => fail("the demo is not built in yet"),
        Ok(Command::Healthcheck(check)) => match healthcheck::ask(check) {
            Ok(line) => say(&line),
            Err(line) => fail(&line),
        },
        Ok(Command::Print(text)) => print(&text),
        Err(problems) => {
            say(&format!("gemini-gateway: {problems}"));
            ExitCode::from(problems.exit_code())
        }
    }
}

fn run(config: &Config) -> ExitCode {
    start_log(config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("gemini-gateway: no runtime: {error}")),
    };
    let served = runtime.block_on(serve::serve(config, App::new(config, upstream(config))));
    match served {
        // A drain that ran out of time is logged; for whoever sent the signal it is a stop like another.
        Ok(_outcome) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("gemini-gateway: {}: {error}", config.listen())),
    }
}

/// Who answers.
fn upstream(_config: &Config) -> Arc<dyn Upstream> {
    Arc::new(Absent::new())
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
