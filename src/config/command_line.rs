//! The command line, made from the table of settings.

use std::{collections::HashMap, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, builder::OsStringValueParser, error::ErrorKind};

use crate::{explain::Wish, terminal::ChatWish};

use super::{
    problems::Problems,
    settings::{self, Setting},
};

/// What was typed, not yet checked.
#[derive(Debug)]
pub(super) struct Typed {
    /// The verb.
    pub(super) verb: Verb,
    /// The flags given, by environment variable.
    pub(super) flags: HashMap<&'static str, OsString>,
}

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Serve,
    Demo,
    Explain(Wish),
    Healthcheck { ready: bool },
    Check { only: Option<String> },
    Chat(ChatWish),
}

/// Either what was typed, or a text to print: the help or the version.
pub(super) enum Outcome {
    Typed(Typed),
    Print(String),
}

/// Reads the arguments, the program's name first.
pub(super) fn parse(args: Vec<OsString>) -> Result<Outcome, Problems> {
    refuse_secret_flags(&args)?;
    match command().try_get_matches_from(args) {
        Ok(matches) => Ok(Outcome::Typed(typed(&matches))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Outcome::Print(error.render().to_string()))
        }
        Err(error) => Err(Problems::Usage(error.render().to_string())),
    }
}

/// Refuses `--api-key …` and its like before anything can repeat what follows.
fn refuse_secret_flags(args: &[OsString]) -> Result<(), Problems> {
    for arg in args.iter().filter_map(|arg| arg.to_str()) {
        let Some(name) = arg.strip_prefix("--") else { continue };
        let name = name.split('=').next().unwrap_or_default().replace('-', "_");
        let secret = |setting: &&Setting| setting.secret && setting.env.eq_ignore_ascii_case(&name);
        if let Some(setting) = settings::ALL.iter().find(secret) {
            return Err(Problems::Usage(format!(
                "{0} is a secret and has no flag, because other users can read a process's arguments: set it in the environment or in .env",
                setting.env
            )));
        }
    }
    Ok(())
}

fn typed(matches: &ArgMatches) -> Typed {
    let (verb, inner) = match matches.subcommand() {
        Some(("demo", inner)) => (Verb::Demo, inner),
        Some(("explain", inner)) => {
            let format = inner.get_one::<String>("format").cloned();
            let id = inner.get_one::<String>("id").cloned();
            (Verb::Explain(Wish { format, id }), inner)
        }
        Some(("check", inner)) => {
            let only = inner.get_one::<String>("upstream").cloned();
            (Verb::Check { only }, inner)
        }
        Some(("healthcheck", inner)) => (
            Verb::Healthcheck {
                ready: inner.get_flag("ready"),
            },
            inner,
        ),
        Some(("chat", inner)) => (Verb::Chat(chat_wish(inner)), inner),
        Some((_, inner)) => (Verb::Serve, inner),
        None => (Verb::Serve, matches),
    };
    let flags = settings::ALL
        .iter()
        .filter(|setting| setting.flag.is_some())
        .filter_map(|setting| Some((setting.env, inner.get_one::<OsString>(setting.env)?.clone())))
        .collect();
    Typed { verb, flags }
}

fn command() -> clap::Command {
    let ready = Arg::new("ready")
        .long("ready")
        .action(ArgAction::SetTrue)
        .help("Ask whether it can answer, not only whether it is alive");
    clap::Command::new("gemini-gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("An authenticated OpenAI-compatible gateway to your own Gemini web session")
        .disable_help_subcommand(true)
        .after_help(secrets_help())
        .args(flags())
        .subcommand(clap::Command::new("serve").about("Serves (also without a verb)"))
        .subcommand(
            clap::Command::new("demo").about("Serves with a built-in stand-in for Gemini: no account, no cookies"),
        )
        .subcommand(explain())
        .subcommand(check())
        .subcommand(
            clap::Command::new("healthcheck")
                .about("Asks the gateway on this machine whether it is alive; exit code 0 or 1")
                .arg(ready),
        )
        .subcommand(chat())
}

fn explain() -> clap::Command {
    let format = Arg::new("format")
        .long("format")
        .value_name("NAME")
        .help("The wire format of the request, default openai-chat");
    let id = Arg::new("id")
        .long("id")
        .value_name("TEXT")
        .help("What the path of the request ends in, for formats that name the model there");
    clap::Command::new("explain")
        .about("Shows what the request on standard input would send: prompt, attachments, headers. Sends nothing")
        .args([format, id])
}

fn check() -> clap::Command {
    let upstream = Arg::new("upstream")
        .long("upstream")
        .value_name("NAME")
        .help("Only this one: gemini-web, or a name of UPSTREAMS");
    clap::Command::new("check")
        .about("Asks each upstream for its models and one word; prints a table; exit code 1 if one cannot answer")
        .arg(upstream)
}

fn chat() -> clap::Command {
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    clap::Command::new("chat")
        .about("Talks with this machine's gateway, or with --url any OpenAI-compatible server; `echo Hi | gemini-gateway chat` works too")
        .args([
            value("url", "URL", "The base URL of another server, such as http://127.0.0.1:8000/v1; its key is taken from OPENAI_API_KEY or API_KEY in the environment"),
            value("model", "MODEL", "The model, default DEFAULT_MODEL (not with --url), else the first the server lists"),
            value("system", "TEXT", "A text that stands before the conversation"),
            Arg::new("no-history")
                .long("no-history")
                .action(ArgAction::SetTrue)
                .help("Keep no file of what is typed; otherwise it is chat_history in the state directory, for its owner alone"),
        ])
}

fn chat_wish(matches: &ArgMatches) -> ChatWish {
    let text = |name: &str| matches.get_one::<String>(name).filter(|text| !text.is_empty()).cloned();
    ChatWish {
        url: text("url"),
        model: text("model"),
        system: text("system"),
        no_history: matches.get_flag("no-history"),
    }
}

fn flags() -> Vec<Arg> {
    settings::ALL
        .iter()
        .filter_map(|setting| {
            let flag = setting.flag?;
            Some(
                Arg::new(setting.env)
                    .long(flag)
                    .value_name(setting.value.name())
                    .value_parser(OsStringValueParser::new())
                    .global(true)
                    // Below what belongs to a verb alone, which would be lost among them.
                    .help_heading("Settings")
                    .help(help(setting)),
            )
        })
        .collect()
}

fn help(setting: &Setting) -> String {
    let default = match setting.default {
        Some(default) => format!(", default {default}"),
        None => String::new(),
    };
    format!("{} [{}{default}]", setting.help, setting.env)
}

fn secrets_help() -> String {
    let mut text = String::from("From the environment or .env only, secrets among them:\n");
    for setting in settings::ALL.iter().filter(|setting| setting.flag.is_none()) {
        text.push_str(&format!(
            "  {}={}\n      {}\n",
            setting.env,
            setting.value.name(),
            setting.help
        ));
    }
    text
}
