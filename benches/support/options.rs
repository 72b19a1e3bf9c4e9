//! The command line of the benchmark.

use std::net::SocketAddr;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

/// What was asked for.
pub(crate) struct Options {
    /// Fewer, shorter rounds.
    pub(crate) quick: bool,
    /// Leave the gateway out.
    pub(crate) only_proxy: bool,
    /// Let the gateway's log through instead of discarding it.
    pub(crate) show_log: bool,
    /// Which part this process is.
    pub(crate) role: Role,
}

/// The parts this executable plays.
pub(crate) enum Role {
    /// Starts the others and puts load on them.
    Parent,
    /// The light upstream.
    Upstream {
        /// Where to listen.
        port: u16,
    },
    /// The bare reverse proxy.
    Proxy {
        /// Where to listen.
        port: u16,
        /// Where to send everything.
        upstream: SocketAddr,
    },
}

impl Role {
    /// The arguments that make a child of this executable play this part.
    pub(crate) fn arguments(&self) -> Vec<String> {
        match self {
            Role::Parent => vec!["--bench".to_owned()],
            Role::Upstream { port } => vec!["--role=upstream".to_owned(), format!("--port={port}")],
            Role::Proxy { port, upstream } => vec![
                "--role=proxy".to_owned(),
                format!("--port={port}"),
                format!("--upstream={upstream}"),
            ],
        }
    }
}

impl Options {
    /// Whether this is a benchmark at all: `cargo bench` adds `--bench`, a child gets `--role`.
    pub(crate) fn wanted() -> bool {
        std::env::args().any(|argument| argument == "--bench" || argument.starts_with("--role="))
    }

    /// Reads the command line; a wrong one ends the process with the usage.
    pub(crate) fn parse() -> Self {
        let matches = command().get_matches();
        Self {
            quick: matches.get_flag("quick"),
            only_proxy: matches.get_flag("only-proxy"),
            show_log: matches.get_flag("show-log"),
            role: role(&matches),
        }
    }
}

fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let inner = |name: &'static str| Arg::new(name).long(name).hide(true);
    Command::new("gateway")
        .about("The gateway side by side with a bare hyper reverse proxy")
        .arg(flag("quick", "Fewer, shorter rounds: under 45 seconds"))
        .arg(flag("only-proxy", "Measure the proxy alone"))
        .arg(flag("show-log", "Show the gateway's log, which is discarded otherwise"))
        .arg(flag("bench", "Added by cargo bench").hide(true))
        .arg(inner("role").value_parser(["upstream", "proxy"]))
        .arg(inner("port").value_parser(value_parser!(u16)).default_value("0"))
        .arg(
            inner("upstream")
                .value_parser(value_parser!(SocketAddr))
                .required_if_eq("role", "proxy"),
        )
}

fn role(matches: &ArgMatches) -> Role {
    let port = matches.get_one("port").copied().unwrap_or_default();
    let upstream = matches.get_one("upstream").copied();
    match (matches.get_one::<String>("role"), upstream) {
        (None, _) => Role::Parent,
        (Some(_), None) => Role::Upstream { port },
        (Some(_), Some(upstream)) => Role::Proxy { port, upstream },
    }
}
