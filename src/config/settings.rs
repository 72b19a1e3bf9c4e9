//! The one table of settings: `--help`, the configuration page and the parser are all made from it.

/// One setting, as its owner meets it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable, and the name in every problem report.
    pub env: &'static str,
    /// The command-line flag without its dashes. Secrets have none: other users can read a process's arguments.
    pub flag: Option<&'static str>,
    /// What applies when it is set nowhere, written as an owner would write it.
    pub default: Option<&'static str>,
    /// What a value has to look like.
    pub value: Value,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// What it does, in one or two sentences.
    pub help: &'static str,
}

/// The form of a setting's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text with a name for it in the help.
    Text(&'static str),
    /// Yes or no, in any of the usual spellings.
    Switch,
    /// A whole number within bounds (both included).
    Number {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
        /// What is counted; empty for a plain number.
        unit: &'static str,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Value {
    /// The name of the value in the help.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Value::Text(name) => name,
            Value::Switch => "true|false",
            Value::Number { unit: "", .. } => "NUMBER",
            Value::Number { unit, .. } => unit,
            Value::Choice(_) => "WORD",
        }
    }

    /// Its bounds, in words; empty when any text will do.
    #[must_use]
    pub fn bounds(self) -> String {
        match self {
            Value::Text(_) => String::new(),
            Value::Switch => "true, false, 1, 0, yes, no, on or off".to_owned(),
            Value::Number { min, max, unit } => format!("{min} to {max} {unit}").trim_end().to_owned(),
            Value::Choice(words) => words.join(", "),
        }
    }
}

const fn secret(env: &'static str, name: &'static str, help: &'static str) -> Setting {
    Setting {
        env,
        flag: None,
        default: None,
        value: Value::Text(name),
        secret: true,
        help,
    }
}

const fn open(
    env: &'static str,
    flag: &'static str,
    default: Option<&'static str>,
    value: Value,
    help: &'static str,
) -> Setting {
    Setting {
        env,
        flag: Some(flag),
        default,
        value,
        secret: false,
        help,
    }
}

/// A setting with an upstream's name in its own: no secret, and yet without a flag.
const fn variable(env: &'static str, name: &'static str, help: &'static str) -> Setting {
    Setting {
        env,
        flag: None,
        default: None,
        value: Value::Text(name),
        secret: false,
        help,
    }
}

const fn number(min: u64, max: u64, unit: &'static str) -> Value {
    Value::Number { min, max, unit }
}

macro_rules! settings {
    ($($name:ident = $setting:expr;)*) => {
        $(pub(crate) const $name: Setting = $setting;)*

        /// Every setting, in the order in which the help and the configuration page show them.
        pub const ALL: &[Setting] = &[$($name),*];
    };
}

settings! {
    SECURE_1PSID = secret("SECURE_1PSID", "COOKIE",
        "The value of the cookie __Secure-1PSID of your own Gemini web session. Without it the gateway starts, says what is missing, and answers no chat.");
    SECURE_1PSIDTS = secret("SECURE_1PSIDTS", "COOKIE",
        "The value of the cookie __Secure-1PSIDTS of the same session. The gateway renews it by itself.");
    API_KEY = secret("API_KEY", "KEY[,KEY...]",
        "The keys clients present, separated by commas; long random ones. Without API_KEY and HF_TOKEN nothing but liveness and the status page is served.");
    HF_TOKEN = secret("HF_TOKEN", "TOKEN",
        "A further key, compared after those of API_KEY: on a private Hugging Face Space one token can open the platform's door and the gateway's.");
    HOST = open("HOST", "host", Some("0.0.0.0"), Value::Text("ADDRESS"),
        "The IP address to listen on, or `localhost`.");
    PORT = open("PORT", "port", Some("7860"), number(0, 65535, ""),
        "The TCP port to listen on; 0 lets the system choose one.");
    API_PREFIX = open("API_PREFIX", "api-prefix", Some("/v1"), Value::Text("PATH"),
        "The path in front of the API. Requests without it are understood too.");
    CORS_ORIGINS = open("CORS_ORIGINS", "cors-origins", None, Value::Text("ORIGIN[,ORIGIN...]"),
        "The origins of web pages that may call the API from a browser, separated by commas, or `*` for all. Closed by default.");
    HF_API_TOKEN = secret("HF_API_TOKEN", "TOKEN",
        "What the Hugging Face router is shown, as the upstream `hf`; without it HF_TOKEN is. Setting it turns the upstream on. The token needs the right to call inference providers.");
    HF_BASE_URL = open("HF_BASE_URL", "hf-base-url", Some("https://router.huggingface.co/v1"), Value::Text("URL"),
        "Where the upstream `hf` is. Setting it turns the upstream on.");
    HF_API_URL = open("HF_API_URL", "hf-api-url", None, Value::Text("URL"),
        "One fixed address for the chats of the upstream `hf`, such as that of an inference endpoint; `{model}` in it stands for the model. Setting it turns the upstream on, and it lists DEFAULT_MODEL or HF_MODELS alone.");
    LOCAL_BASE_URL = open("LOCAL_BASE_URL", "local-base-url", None, Value::Text("URL"),
        "Where a server of your own is that speaks OpenAI's format (vLLM, llama.cpp, TGI, Ollama), as the upstream `local`: `http://127.0.0.1:8080/v1`.");
    LOCAL_API_KEY = secret("LOCAL_API_KEY", "KEY",
        "What the upstream `local` is shown, if it wants a key.");
    OPENAI_API_KEY = secret("OPENAI_API_KEY", "KEY",
        "What the upstream `openai` is shown. It is turned on by UPSTREAMS alone, since this variable is often set for other programs.");
    UPSTREAMS = open("UPSTREAMS", "upstreams", None, Value::Text("NAME[,NAME...]"),
        "Further upstreams that speak OpenAI's format, by names of your own (a-z, 0-9, -) or of the presets hf, openai, local. Each has the variables below, its name in capitals and with _ for -.");
    NAME_BASE_URL = variable("<NAME>_BASE_URL", "URL",
        "Where the upstream NAME is, up to the part before `/chat/completions`. Its models are called `name:model`.");
    NAME_API_KEY = secret("<NAME>_API_KEY", "KEY",
        "What it is shown as a bearer token (HF_API_TOKEN for hf).");
    NAME_MODELS = variable("<NAME>_MODELS", "ID[,ID...]",
        "The only models of it that are offered, by its own ids. Without it: all that it lists.");
    NAME_HEADERS = secret("<NAME>_HEADERS", "JSON",
        "Further headers of every request to it, as a JSON object of texts. Nothing of a client's headers ever goes there.");
    NAME_TIMEOUT = variable("<NAME>_TIMEOUT", "SECONDS",
        "The most time it may stay silent, 1 to 3600. Without it: IDLE_TIMEOUT.");
    FALLBACK_CHAIN = open("FALLBACK_CHAIN", "fallback-chain", None, Value::Text("MODEL[,MODEL...]"),
        "Who is asked when a model fails before its first word: `gemini-pro,gemini-flash,hf:org/model`. A model of the chain goes on behind its place, any other one goes through all of it. `model=a,b` is a chain for one model alone; several are separated by semicolons. What failures lead on: docs/upstreams.md.");
    DEFAULT_MODEL = open("DEFAULT_MODEL", "default-model", None, Value::Text("MODEL"),
        "The model of a request that names none. Without it such a request is refused.");
    MODEL_ALIASES = open("MODEL_ALIASES", "model-aliases", None, Value::Text("NAME=MODEL[,...]"),
        "Further names for models, for clients that insist on a name of their own: `gpt-4o=gemini-pro`.");
    STRICT_MODEL = open("STRICT_MODEL", "strict-model", Some("auto"), Value::Choice(&["auto", "true", "false"]),
        "Whether an answer by another model than the requested one is an error. `auto`: yes, for answers of the owner's session.");
    TEMPORARY_CHATS = open("TEMPORARY_CHATS", "temporary-chats", Some("true"), Value::Switch,
        "Whether chats are temporary, so that they do not appear in the account's history.");
    REQUEST_TIMEOUT = open("REQUEST_TIMEOUT", "request-timeout", Some("300"), number(1, 3600, "seconds"),
        "The most time one request may take, queueing and retries included.");
    IDLE_TIMEOUT = open("IDLE_TIMEOUT", "idle-timeout", Some("120"), number(1, 3600, "seconds"),
        "The most time the upstream may stay silent within an answer.");
    FIRST_EVENT_WAIT = open("FIRST_EVENT_WAIT", "first-event-wait", Some("10"), number(0, 300, "seconds"),
        "How long the head of a streamed answer waits for the upstream's first output, so that early failures keep their HTTP status.");
    SHUTDOWN_TIMEOUT = open("SHUTDOWN_TIMEOUT", "shutdown-timeout", Some("25"), number(0, 3600, "seconds"),
        "How long running answers may take to finish after a stop signal.");
    MAX_BODY_BYTES = open("MAX_BODY_BYTES", "max-body-bytes", Some("20971520"), number(1024, 1_073_741_824, "bytes"),
        "The largest request body.");
    MAX_PROMPT_BYTES = open("MAX_PROMPT_BYTES", "max-prompt-bytes", Some("128000"), number(1, 1_073_741_824, "bytes"),
        "The longest rendered prompt, in bytes of UTF-8. The upstream cuts longer ones silently near 130000.");
    LONG_PROMPTS = open("LONG_PROMPTS", "long-prompts", Some("attach"), Value::Choice(&["attach", "refuse"]),
        "What becomes of a prompt over that limit. `attach`: its older messages go into an attached text, which a response header says. `refuse`: it is an error.");
    MAX_FILES = open("MAX_FILES", "max-files", Some("10"), number(0, 1000, "files"),
        "The most files (images, recordings, documents) of one request, those of older messages included.");
    MAX_FILE_BYTES = open("MAX_FILE_BYTES", "max-file-bytes", Some("20971520"), number(1, 1_073_741_824, "bytes"),
        "The largest file of a request, sent along or fetched. One sent along has to fit into the body in base64 too.");
    MAX_FILES_BYTES = open("MAX_FILES_BYTES", "max-files-bytes", Some("52428800"), number(1, 1_073_741_824, "bytes"),
        "The most bytes of all files of one request together.");
    MAX_HELD_BYTES = open("MAX_HELD_BYTES", "max-held-bytes", Some("536870912"), number(0, 1_099_511_627_776, "bytes"),
        "The most bytes of bodies and fetched files that unanswered requests hold together; what comes on top gets a 503. The first 64 KiB of a request are not counted, and one request within the limits above always fits. The memory in use can be three times as much, since contents are decoded.");
    FETCH_URLS = open("FETCH_URLS", "fetch-urls", Some("auto"), Value::Choice(&["auto", "true", "false"]),
        "Whether files that clients name by an http or https address are fetched, from the public internet only. `auto`: yes, unless OUTBOUND_PROXY is set: the proxy looks names up, so the gateway cannot see where they lead.");
    MAX_CONNECTIONS = open("MAX_CONNECTIONS", "max-connections", Some("1024"), number(1, 65536, "connections"),
        "The most open client connections; further ones get a short 503.");
    MAX_CONCURRENT = open("MAX_CONCURRENT", "max-concurrent", Some("8"), number(1, 1024, "answers"),
        "The most answers generated at a time; further requests wait. One account is one rate-limited resource.");
    STATE_DIR = open("STATE_DIR", "state-dir", None, Value::Text("DIRECTORY"),
        "Where the renewed cookie is kept across restarts. Without it: $XDG_STATE_HOME/gemini-gateway, else $HOME/.local/state/gemini-gateway, else memory only.");
    OUTBOUND_PROXY = secret("OUTBOUND_PROXY", "URL",
        "The proxy for all traffic to the upstream (http, https, socks5 or socks5h). The usual proxy variables are not consulted. Counts as a secret because it may hold a password.");
    EXTRA_CA_FILE = open("EXTRA_CA_FILE", "extra-ca-file", None, Value::Text("FILE"),
        "PEM certificates to trust besides the system's, for instance those of a corporate proxy.");
    PROTOCOL_FILE = open("PROTOCOL_FILE", "protocol-file", None, Value::Text("FILE"),
        "A JSON overlay over the built-in facts of the Gemini web protocol, base URLs included.");
    PUBLIC_URL = open("PUBLIC_URL", "public-url", None, Value::Text("URL"),
        "Where clients reach the gateway, for the links to images in its answers: `https://gateway.example`. By default as the request's own headers say.");
    COOKIE_UPDATES = open("COOKIE_UPDATES", "cookie-updates", Some("true"), Value::Switch,
        "Whether new cookies may be entered on the page and by POST /session/cookies. Whoever has a client key may then point the gateway at another account, so switch it off where keys are in many hands.");
    CITATION_FOOTNOTES = open("CITATION_FOOTNOTES", "citation-footnotes", Some("false"), Value::Switch,
        "Whether the sources of an answer stand below its text as a list too, for clients that show no annotations.");
    MEDIA_LINK_LIFETIME = open("MEDIA_LINK_LIFETIME", "media-link-lifetime", Some("86400"), number(60, 31_536_000, "seconds"),
        "How long a link to an image, a film or a recording in an answer can be opened. The link itself is the permission. It ends earlier when a key or SECURE_1PSID changes.");
    LOG_FORMAT = open("LOG_FORMAT", "log-format", Some("text"), Value::Choice(&["text", "json"]),
        "The form of the log on standard error.");
    DEBUG = open("DEBUG", "debug", Some("false"), Value::Switch,
        "Whether the gateway's own messages are logged at debug level. No prompt, cookie or key is logged at any level.");
}
