//! From arguments, environment and `.env` to a checked [`Config`].

use std::{
    borrow::Cow,
    collections::HashMap,
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Command, Config, ConfigFile, Healthcheck, LogFormat, Origins,
    command_line::{self, Outcome, Verb},
    parse,
    problems::{Problem, Problems},
    settings::{self as s, Setting, Value},
    upstreams,
};
use crate::upstream::gemini_web::Protocol;

mod chat;

/// The name of the program's own folder below a state directory.
const STATE_FOLDER: &str = "gemini-gateway";

/// What problems with the `.env` file are filed under.
const DOTENV: &str = ".env";

/// Where settings come from besides the command line. Handed in, so that tests need no process environment.
pub struct Sources<'a> {
    /// The environment: the value of a variable, if it is set.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The `.env` file; it need not exist.
    pub dotenv: &'a Path,
}

/// Reads everything and checks everything.
///
/// # Errors
/// All problems at once, by variable name and without any value.
pub fn load(args: impl IntoIterator<Item = OsString>, sources: &Sources<'_>) -> Result<Command, Problems> {
    let typed = match command_line::parse(args.into_iter().collect())? {
        Outcome::Print(text) => return Ok(Command::Print(text)),
        Outcome::Typed(typed) => typed,
    };
    let mut reader = Reader::new(typed.flags, sources);
    let command = match typed.verb {
        Verb::Healthcheck { ready } => Some(Command::Healthcheck(healthcheck(&mut reader, ready))),
        Verb::Serve => config(&mut reader).map(|config| Command::Serve(Box::new(config))),
        Verb::Explain(wish) => config(&mut reader).map(|config| Command::Explain(Box::new(config), wish)),
        Verb::Check { only } => config(&mut reader).map(|config| Command::Check(Box::new(config), only)),
        Verb::Chat(wish) => chat::read(&mut reader, wish)?.map(|chat| Command::Chat(Box::new(chat))),
        Verb::Demo => demo(&mut reader).map(|config| Command::Demo(Box::new(config))),
    };
    match command {
        Some(command) if reader.problems.is_empty() => Ok(command),
        Some(Command::Healthcheck(_)) => Err(Problems::Healthcheck(reader.problems)),
        _ => Err(Problems::Configuration(reader.problems)),
    }
}

/// Only the address matters here: a container's check must not fail for a setting, or a line of `.env`, the server
/// itself reports.
fn healthcheck(reader: &mut Reader<'_>, ready: bool) -> Healthcheck {
    reader.problems.retain(|problem| problem.variable != DOTENV);
    let host = host(reader);
    Healthcheck {
        address: super::reached_at(host, reader.number(&s::PORT)),
        ready,
    }
}

/// The demo is for a look around on one's own machine: it listens there alone, unless told otherwise.
fn demo(reader: &mut Reader<'_>) -> Option<Config> {
    let told = reader.is_set(&s::HOST);
    let mut config = config(reader)?;
    if !told {
        config.host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    }
    Some(config)
}

/// None only where a problem was noted.
fn config(reader: &mut Reader<'_>) -> Option<Config> {
    let protocol = protocol(reader);
    let psid = reader.parsed(&s::SECURE_1PSID, parse::cookie);
    let api_keys = reader.parsed(&s::API_KEY, parse::keys).unwrap_or_default();
    if parse::has_duplicates(&api_keys) {
        reader.problem(&s::API_KEY, "holds the same key twice".to_owned());
    }
    let outbound_proxy = reader.parsed(&s::OUTBOUND_PROXY, parse::proxy);
    let default_model = reader.text(&s::DEFAULT_MODEL);
    let chains = reader.parsed(&s::FALLBACK_CHAIN, upstreams::chains).unwrap_or_default();
    Some(Config {
        upstreams: upstreams::read(reader, &chains, default_model.as_deref()),
        chains,
        strict_model: auto(reader, &s::STRICT_MODEL, true),
        fetch_urls: auto(reader, &s::FETCH_URLS, outbound_proxy.is_none()),
        psid,
        psidts: reader.parsed(&s::SECURE_1PSIDTS, parse::cookie),
        api_keys,
        hf_token: reader.parsed(&s::HF_TOKEN, parse::key),
        host: host(reader),
        port: reader.number(&s::PORT),
        api_prefix: reader.parsed(&s::API_PREFIX, parse::prefix).unwrap_or_default(),
        cors: reader
            .parsed(&s::CORS_ORIGINS, parse::origins)
            .unwrap_or(Origins::Closed),
        default_model,
        model_aliases: reader.parsed(&s::MODEL_ALIASES, parse::aliases).unwrap_or_default(),
        temporary_chats: reader.switch(&s::TEMPORARY_CHATS),
        request_timeout: reader.seconds(&s::REQUEST_TIMEOUT),
        idle_timeout: reader.seconds(&s::IDLE_TIMEOUT),
        first_event_wait: reader.seconds(&s::FIRST_EVENT_WAIT),
        shutdown_timeout: reader.seconds(&s::SHUTDOWN_TIMEOUT),
        max_body_bytes: reader.number(&s::MAX_BODY_BYTES),
        max_prompt_bytes: reader.number(&s::MAX_PROMPT_BYTES),
        attach_long_prompts: attach_long_prompts(reader),
        max_files: reader.number(&s::MAX_FILES),
        max_file_bytes: reader.number(&s::MAX_FILE_BYTES),
        max_files_bytes: reader.number(&s::MAX_FILES_BYTES),
        max_held_bytes: reader.number(&s::MAX_HELD_BYTES),
        max_connections: reader.number(&s::MAX_CONNECTIONS),
        max_concurrent: reader.number(&s::MAX_CONCURRENT),
        state_dir: state_dir(reader),
        outbound_proxy,
        extra_ca: reader.file(&s::EXTRA_CA_FILE),
        public_url: reader.parsed(&s::PUBLIC_URL, parse::public_url),
        cookie_updates: reader.switch(&s::COOKIE_UPDATES),
        citation_footnotes: reader.switch(&s::CITATION_FOOTNOTES),
        media_link_lifetime: reader.seconds(&s::MEDIA_LINK_LIFETIME),
        log_format: log_format(reader),
        debug: reader.switch(&s::DEBUG),
        // Last, so that nothing above is left unchecked.
        protocol: protocol?,
    })
}

/// The protocol's facts under the overlay, each of whose problems is one of the configuration.
fn protocol(reader: &mut Reader<'_>) -> Option<Protocol> {
    let overlay = reader.file(&s::PROTOCOL_FILE);
    let text = overlay.as_ref().map_or("{}", |file| file.text.as_str());
    Protocol::with_overlay(text)
        .map_err(|problems| {
            problems
                .into_iter()
                .for_each(|problem| reader.problem(&s::PROTOCOL_FILE, problem))
        })
        .ok()
}

fn host(reader: &mut Reader<'_>) -> IpAddr {
    reader
        .parsed(&s::HOST, parse::host)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// A switch with a third position, which is decided by something else.
fn auto(reader: &mut Reader<'_>, setting: &Setting, otherwise: bool) -> bool {
    let chosen = reader.parsed(setting, |value| {
        if value.eq_ignore_ascii_case("auto") {
            return Ok(otherwise);
        }
        parse::switch(value).map_err(|text| format!("{text}, or auto"))
    });
    chosen.unwrap_or(otherwise)
}

fn attach_long_prompts(reader: &mut Reader<'_>) -> bool {
    let attach = reader.parsed(&s::LONG_PROMPTS, |value| match value.to_ascii_lowercase().as_str() {
        "attach" => Ok(true),
        "refuse" => Ok(false),
        _ => Err("must be attach or refuse".to_owned()),
    });
    attach.unwrap_or(true)
}

fn log_format(reader: &mut Reader<'_>) -> LogFormat {
    let format = reader.parsed(&s::LOG_FORMAT, |value| match value.to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    });
    format.unwrap_or(LogFormat::Text)
}

fn state_dir(reader: &mut Reader<'_>) -> Option<PathBuf> {
    if let Some(explicit) = reader.text(&s::STATE_DIR) {
        return Some(PathBuf::from(explicit));
    }
    // A relative XDG path is to be ignored, says the base directory specification.
    let absolute = |name: &str| {
        let path = PathBuf::from((reader.sources.environment)(name)?);
        path.is_absolute().then_some(path)
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/state")))
        .map(|base| base.join(STATE_FOLDER))
}

/// Finds values and collects problems.
pub(super) struct Reader<'a> {
    flags: HashMap<&'static str, OsString>,
    sources: &'a Sources<'a>,
    dotenv: HashMap<String, String>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn new(flags: HashMap<&'static str, OsString>, sources: &'a Sources<'a>) -> Self {
        let (dotenv, problem) = dotenv(sources.dotenv);
        let problem = problem.map(|text| Problem {
            variable: DOTENV.into(),
            text,
        });
        let problems = problem.into_iter().collect();
        Self {
            flags,
            sources,
            dotenv,
            problems,
        }
    }

    pub(super) fn problem(&mut self, setting: &Setting, text: String) {
        self.problem_at(setting.env, text);
    }

    pub(super) fn problem_at(&mut self, variable: impl Into<Cow<'static, str>>, text: String) {
        self.problems.push(Problem {
            variable: variable.into(),
            text,
        });
    }

    /// The value of a variable that has no row of its own, since part of its name is the owner's. It has no flag.
    ///
    /// # Errors
    /// When a problem was noted.
    pub(super) fn named<T>(
        &mut self,
        variable: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ()> {
        let given = (self.sources.environment)(variable).filter(|value| !value.is_empty());
        let text = match given.map(OsString::into_string) {
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => {
                self.problem_at(variable.to_owned(), "is not valid UTF-8".to_owned());
                return Err(());
            }
            None => self.dotenv.get(variable).cloned(),
        };
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let parsed = text.map(|text| parse(&text)).transpose();
        parsed.map_err(|problem| self.problem_at(variable.to_owned(), problem))
    }

    /// Whether a setting has a value of its own.
    pub(super) fn is_set(&self, setting: &Setting) -> bool {
        let here = |value: &OsString| !value.is_empty();
        self.flags.get(setting.env).is_some_and(here)
            || (self.sources.environment)(setting.env).is_some_and(|value| here(&value))
            || self.dotenv.get(setting.env).is_some_and(|value| !value.is_empty())
    }

    /// The text of a setting, trimmed; none when it is set nowhere and has no default.
    fn text(&mut self, setting: &Setting) -> Option<String> {
        let filled = |value: &OsString| !value.is_empty();
        let given = self.flags.get(setting.env).cloned().filter(filled);
        let given = given.or_else(|| (self.sources.environment)(setting.env).filter(filled));
        let text = match given.map(OsString::into_string) {
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => {
                self.problem(setting, "is not valid UTF-8".to_owned());
                None
            }
            None => self.dotenv.get(setting.env).cloned(),
        };
        let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        text.or_else(|| setting.default.map(str::to_owned))
    }

    pub(super) fn parsed<T>(&mut self, setting: &Setting, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(setting)?;
        parse(&text).map_err(|problem| self.problem(setting, problem)).ok()
    }

    fn switch(&mut self, setting: &Setting) -> bool {
        self.parsed(setting, parse::switch).unwrap_or_default()
    }

    /// A number within the table's bounds. Falls back to the least value where a problem was noted.
    fn number<T: TryFrom<u64> + Default>(&mut self, setting: &Setting) -> T {
        let Value::Number { min, max, .. } = setting.value else {
            return T::default();
        };
        let number = self.parsed(setting, |text| {
            let number = text.parse::<u64>().ok().filter(|number| (min..=max).contains(number));
            let number = number.and_then(|number| T::try_from(number).ok());
            number.ok_or_else(|| format!("must be a whole number, {}", setting.value.bounds()))
        });
        number.unwrap_or_default()
    }

    pub(super) fn seconds(&mut self, setting: &Setting) -> Duration {
        Duration::from_secs(self.number(setting))
    }

    fn file(&mut self, setting: &Setting) -> Option<ConfigFile> {
        self.parsed(setting, |path| {
            let path = PathBuf::from(path);
            match std::fs::read_to_string(&path) {
                Ok(text) => Ok(ConfigFile { path, text }),
                Err(error) => Err(format!("names a file that cannot be read: {}", error.kind())),
            }
        })
    }
}

/// The `.env` file as a map, as far as it can be read, and what is wrong with the rest. The process environment is never
/// changed.
fn dotenv(path: &Path) -> (HashMap<String, String>, Option<String>) {
    let mut values = HashMap::new();
    let entries = match dotenvy::from_path_iter(path) {
        Ok(entries) => entries,
        Err(error) if error.not_found() => return (values, None),
        Err(_) => return (values, Some("the file exists but cannot be read".to_owned())),
    };
    let mut problem = None;
    for entry in entries {
        match entry {
            Ok((name, value)) => {
                values.insert(name, value);
            }
            // The error's own text repeats the line, which may hold a secret.
            Err(error) => {
                problem = Some(
                    "holds a line that is not NAME=value; put values with blanks, `$` or quotes into single quotes"
                        .to_owned(),
                );
                if !matches!(error, dotenvy::Error::LineParse(..)) {
                    // A file that cannot be read further would fail for ever.
                    break;
                }
            }
        }
    }
    (values, problem)
}
