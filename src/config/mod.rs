//! Configuration: every setting is defined once, in [`settings`], and checked once, here, into typed values.
//!
//! Sources, the first that has a value wins: command-line flag, environment variable, the file `.env` in the working
//! directory, the default. An empty value counts as none.

mod command_line;
mod docs;
mod load;
mod parse;
mod problems;
pub mod settings;
mod upstreams;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use http::HeaderValue;
use secrecy::SecretString;

use crate::{
    explain::Wish,
    terminal::Chat,
    upstream::{
        gemini_web::{Exit, Protocol},
        openai_compatible,
        router::Chains,
    },
};

pub use docs::markdown;
pub use load::{Sources, load};
pub use problems::{EX_CONFIG, EX_USAGE, Problem, Problems};

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Serve with the owner's session.
    Serve(Box<Config>),
    /// Serve with the built-in stand-in as upstream.
    Demo(Box<Config>),
    /// Explain the request on standard input.
    Explain(Box<Config>, Wish),
    /// Check every upstream, or only the one of this name.
    Check(Box<Config>, Option<String>),
    /// Ask a running gateway how it is, and exit with 0 or 1.
    Healthcheck(Healthcheck),
    /// Talk with a server at the terminal.
    Chat(Box<Chat>),
    /// Write this text to standard output: the help or the version.
    Print(String),
}

/// Whom `healthcheck` asks, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Healthcheck {
    /// The gateway's address.
    pub address: SocketAddr,
    /// Whether it must be able to answer (`/health`), or only be alive (`/livez`).
    pub ready: bool,
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `SECURE_1PSID`, if set.
    pub psid: Option<SecretString>,
    /// `SECURE_1PSIDTS`, if set.
    pub psidts: Option<SecretString>,
    /// `API_KEY`: the keys, in order.
    pub api_keys: Vec<SecretString>,
    /// `HF_TOKEN`: a further key.
    pub hf_token: Option<SecretString>,
    /// `HOST`.
    pub host: IpAddr,
    /// `PORT`; 0 lets the system choose.
    pub port: u16,
    /// `API_PREFIX`, normalised: empty, or a leading slash and no trailing one.
    pub api_prefix: String,
    /// `CORS_ORIGINS`.
    pub cors: Origins,
    /// `DEFAULT_MODEL`, if set.
    pub default_model: Option<String>,
    /// `MODEL_ALIASES`: the name a client sends, and the model it means.
    pub model_aliases: BTreeMap<String, String>,
    /// The upstreams besides Gemini.
    pub upstreams: Vec<openai_compatible::Settings>,
    /// `FALLBACK_CHAIN`.
    pub chains: Chains,
    /// `STRICT_MODEL`, with `auto` resolved.
    pub strict_model: bool,
    /// `TEMPORARY_CHATS`.
    pub temporary_chats: bool,
    /// `REQUEST_TIMEOUT`: all of one request.
    pub request_timeout: Duration,
    /// `IDLE_TIMEOUT`: silence of the upstream within an answer.
    pub idle_timeout: Duration,
    /// `FIRST_EVENT_WAIT`: how long the head of a stream waits for the first output.
    pub first_event_wait: Duration,
    /// `SHUTDOWN_TIMEOUT`: what running answers get after a stop signal.
    pub shutdown_timeout: Duration,
    /// `MAX_BODY_BYTES`.
    pub max_body_bytes: usize,
    /// `MAX_PROMPT_BYTES`: of the rendered prompt, in UTF-8.
    pub max_prompt_bytes: usize,
    /// `LONG_PROMPTS`: whether the older messages of a longer one are attached; if not, it is refused.
    pub attach_long_prompts: bool,
    /// `MAX_FILES`: of one request.
    pub max_files: usize,
    /// `MAX_FILE_BYTES`: of each file.
    pub max_file_bytes: usize,
    /// `MAX_FILES_BYTES`: of all files of one request.
    pub max_files_bytes: usize,
    /// `MAX_HELD_BYTES`: of the bodies and fetched files of all requests.
    pub max_held_bytes: usize,
    /// `FETCH_URLS`, with `auto` resolved.
    pub fetch_urls: bool,
    /// `MAX_CONNECTIONS`.
    pub max_connections: usize,
    /// `MAX_CONCURRENT`: answers at a time.
    pub max_concurrent: usize,
    /// Where state is kept; none: in memory only.
    pub state_dir: Option<PathBuf>,
    /// `OUTBOUND_PROXY`, if set.
    pub outbound_proxy: Option<OutboundProxy>,
    /// `EXTRA_CA_FILE`, read.
    pub extra_ca: Option<ConfigFile>,
    /// The facts of the upstream's protocol, `PROTOCOL_FILE` applied.
    pub protocol: Protocol,
    /// `PUBLIC_URL`, without a slash at the end.
    pub public_url: Option<String>,
    /// `COOKIE_UPDATES`.
    pub cookie_updates: bool,
    /// `CITATION_FOOTNOTES`.
    pub citation_footnotes: bool,
    /// `MEDIA_LINK_LIFETIME`.
    pub media_link_lifetime: Duration,
    /// `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `DEBUG`.
    pub debug: bool,
}

impl Config {
    /// Whether the owner's session is configured, and so a signed-in answer can be expected.
    #[must_use]
    pub fn has_cookies(&self) -> bool {
        self.psid.is_some()
    }

    /// Bytes that requests may hold in memory together: enough for one of any size in any case.
    #[must_use]
    pub(crate) fn room(&self) -> usize {
        let one = self.max_body_bytes.saturating_add(self.max_files_bytes);
        self.max_held_bytes.max(one)
    }

    /// How the outside is reached.
    #[must_use]
    pub fn exit(&self) -> Exit {
        Exit {
            proxy: self.outbound_proxy.as_ref().map(|proxy| proxy.url.clone()),
            extra_ca: self.extra_ca.as_ref().map(|file| file.text.clone().into_bytes()),
        }
    }

    /// Where a gateway that listens there is reached from this machine.
    #[must_use]
    pub fn reached_at(&self) -> SocketAddr {
        reached_at(self.host, self.port)
    }

    /// Where to listen.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

/// Where what listens there is reached from this machine.
fn reached_at(host: IpAddr, port: u16) -> SocketAddr {
    let host = match host {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        specific => specific,
    };
    SocketAddr::new(host, port)
}

/// Which web pages may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// None: no CORS header is ever sent.
    Closed,
    /// All of them. Safe with keys, because no cookie of the gateway exists.
    Any,
    /// These.
    List(Vec<HeaderValue>),
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A file named by a setting, read at start-up so that its absence is reported with all other problems.
#[derive(Clone)]
pub struct ConfigFile {
    /// Where it was.
    pub path: PathBuf,
    /// What it held.
    pub text: String,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.text.len())
    }
}

/// The way out. Shows its scheme, host and port only: the URL may hold a password.
#[derive(Clone)]
pub struct OutboundProxy {
    /// The whole URL.
    pub url: SecretString,
    /// Scheme, host and port, to be shown.
    pub shown: String,
}

impl fmt::Debug for OutboundProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
