//! `gemini-gateway demo`: the same server and the same way through it, with the built-in stand-in as upstream.
//!
//! Nothing else leads here: the stand-in's address is made at run time, and no setting holds it.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use secrecy::SecretString;

use crate::{
    config::Config,
    serve::{self, StartError},
    server::Outcome,
    standin::{self, StandIn},
    state::StateDir,
    upstream::{
        gemini_web::{Credentials, Exit, Protocol, Settings},
        router::Chains,
    },
};

/// What every page and `/health` says.
const NOTICE: &str = "This is the demo: the upstream is a built-in stand-in, not Gemini. No answer comes from a model.";

/// Serves the demo until SIGTERM or SIGINT. The keys are those of `API_KEY` if set, else a new random one, which goes
/// to standard output with a curl line.
///
/// # Errors
/// See [`StartError`].
pub async fn serve(config: &Config) -> Result<Outcome, StartError> {
    let mut config = config.clone();
    // Whatever answers here is the stand-in.
    config.upstreams.clear();
    config.chains = Chains::default();
    let own_key = config
        .api_keys
        .is_empty()
        .then(|| format!("demo-{}", uuid::Uuid::new_v4().simple()));
    config.api_keys.extend(own_key.clone().map(SecretString::from));
    let stand_in = start()
        .await
        .map_err(|error| StartError::Listen(config.listen(), error))?;
    let settings = settings(&config, &stand_in)?;
    let model = config
        .default_model
        .clone()
        .unwrap_or_else(|| "gemini-flash".to_owned());
    serve::serve_with(&config, settings, Some(NOTICE), |address| {
        announce(address, &config.api_prefix, own_key.as_deref(), &model)
    })
    .await
}

/// The stand-in, slowed down enough for its streaming to be seen.
async fn start() -> io::Result<StandIn> {
    let mut settings = standin::Settings::default();
    if let Ok(pace) = "delay=40".parse() {
        settings.defaults = pace;
    }
    StandIn::start(standin::Options { port: 0, settings }).await
}

fn settings(config: &Config, stand_in: &StandIn) -> Result<Settings, StartError> {
    let base = stand_in.base_url();
    let hosts = serde_json::json!({"hosts": {"app": base, "accounts": base, "google": base, "upload": base}});
    let protocol = Protocol::with_overlay(&hosts.to_string())
        .map_err(|problems| StartError::Listen(stand_in.addr(), io::Error::other(problems.join("; "))))?;
    let cookie = |text: &str| SecretString::from(text.to_owned());
    Ok(Settings {
        credentials: Some(Credentials {
            psid: cookie("demo"),
            psidts: Some(cookie("demo")),
        }),
        protocol,
        exit: Exit::default(),
        state: Arc::new(StateDir::memory()),
        temporary_chats: config.temporary_chats,
        strict_model: true,
        max_prompt_bytes: config.max_prompt_bytes,
        attach_long_prompts: config.attach_long_prompts,
        idle_timeout: config.idle_timeout,
    })
}

/// A key made for this run is printed: it opens nothing but a stand-in. One from `API_KEY` may open more.
fn announce(address: SocketAddr, prefix: &str, own_key: Option<&str>, model: &str) -> io::Result<()> {
    let (key, shown) = match own_key {
        Some(key) => (key, key),
        None => ("$API_KEY", "the value of API_KEY"),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{NOTICE}\n\n  key  {shown}\n  page http://{address}/\n\nTry:\n")?;
    writeln!(
        out,
        "  curl -N http://{address}{prefix}/chat/completions -H \"Authorization: Bearer {key}\" \\\n    -H 'Content-Type: \
         application/json' \\\n    -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\
         \"Hello!\"}}]}}'\n"
    )?;
    out.flush()
}
