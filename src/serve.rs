//! From a configuration to a running server, and to its end.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::App,
    config::Config,
    server::{self, Outcome},
    state::StateDir,
    upstream::{
        Upstream,
        emulated::Emulated,
        gemini_web::{self, Credentials, ExitError, GeminiWeb, Settings},
        openai_compatible::OpenAiCompatible,
        router::Router,
    },
};

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configured way out cannot be used.
    #[error("{0}")]
    Exit(#[from] ExitError),
    /// The address cannot be listened on, or the system refuses something else.
    #[error("{0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
}

/// Listens where the configuration says and serves the owner's session until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// See [`StartError`].
pub async fn serve(config: &Config) -> Result<Outcome, StartError> {
    let state = Arc::new(StateDir::open(config.state_dir.as_deref()));
    serve_with(config, settings(config, state), None, |_| Ok(())).await
}

/// Serves with these settings of the upstream. `ready` is called once the port is open.
pub(crate) async fn serve_with(
    config: &Config,
    settings: Settings,
    stand_in: Option<&'static str>,
    ready: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> Result<Outcome, StartError> {
    let listen = |error| StartError::Listen(config.listen(), error);
    // Before anything is started: a port in use must not cost a rotation.
    let listener = TcpListener::bind(config.listen()).await.map_err(listen)?;
    let mut signals = StopSignals::new().map_err(listen)?;
    let background = Background::default();
    let state = settings.state.describe();
    let router = background.start(config, settings)?;
    let mut app = App::new(config, Arc::new(router));
    app.stand_in = stand_in;
    let at_once = app.at_once.clone();
    announce(config, &app, &state, &listener).map_err(listen)?;
    ready(listener.local_addr().map_err(listen)?).map_err(listen)?;
    let (stop, stopped) = oneshot::channel();
    let server = server::run(listener, Arc::new(app), async move {
        // An error means that the sender is gone, and the server with it.
        let _ = stopped.await;
    });
    let mut server = pin!(server);
    let outcome = tokio::select! {
        outcome = &mut server => outcome,
        () = signals.next() => {
            let _ = stop.send(());
            tokio::select! {
                outcome = &mut server => outcome,
                // Whoever asks twice does not want to wait.
                () = signals.next() => {
                    at_once.cancel();
                    server.await
                }
            }
        }
    };
    background.end().await;
    Ok(outcome)
}

/// What the upstream needs of the configuration.
pub(crate) fn settings(config: &Config, state: Arc<StateDir>) -> Settings {
    Settings {
        credentials: config.psid.clone().map(|psid| Credentials {
            psid,
            psidts: config.psidts.clone(),
        }),
        protocol: config.protocol.clone(),
        exit: config.exit(),
        state,
        temporary_chats: config.temporary_chats,
        strict_model: config.strict_model,
        max_prompt_bytes: config.max_prompt_bytes,
        attach_long_prompts: config.attach_long_prompts,
        idle_timeout: config.idle_timeout,
    }
}

/// The upstreams besides Gemini, in the order of their configuration.
pub(crate) fn named(config: &Config) -> Result<Vec<OpenAiCompatible>, ExitError> {
    let settings = config.upstreams.iter();
    settings
        .map(|settings| OpenAiCompatible::new(settings.clone(), &config.exit()))
        .collect()
}

/// All upstreams as one.
pub(crate) fn router(config: &Config, gemini: GeminiWeb, named: Vec<OpenAiCompatible>) -> Router {
    let settings = config.upstreams.iter().map(|settings| settings.name.clone());
    let named = settings
        .zip(named)
        .map(|(name, upstream)| (name, Arc::new(upstream) as Arc<dyn Upstream>));
    let gemini = Arc::new(Emulated::new(Arc::new(gemini)));
    Router::new((gemini_web::NAME, gemini), named.collect(), config.chains.clone())
}

/// The upstream's background work.
#[derive(Default)]
struct Background {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Background {
    /// Every upstream, at work.
    fn start(&self, config: &Config, settings: Settings) -> Result<Router, ExitError> {
        let gemini = GeminiWeb::start(settings, self.tracker.clone(), &self.stop)?;
        let named = named(config)?;
        for upstream in &named {
            upstream.keep_list(&self.tracker, &self.stop);
        }
        Ok(router(config, gemini, named))
    }

    /// Ends it; most often at once. A rotation in flight is waited for: between Google's answer and the disk it must not be cut.
    async fn end(self) {
        /// As long as one rotation may take.
        const PATIENCE: Duration = Duration::from_secs(35);
        self.stop.cancel();
        self.tracker.close();
        if timeout(PATIENCE, self.tracker.wait()).await.is_err() {
            tracing::warn!("background work did not end in time");
        }
    }
}

/// A key of fewer bytes is worth guessing at.
const SHORT_KEY: usize = 12;

/// What the owner should know at start-up; never a value of a secret.
fn announce(config: &Config, app: &App, state: &str, listener: &TcpListener) -> io::Result<()> {
    let upstreams = app.upstream.health();
    let names: Vec<&str> = upstreams.iter().map(|health| &*health.name).collect();
    tracing::info!(
        address = %listener.local_addr()?,
        version = env!("CARGO_PKG_VERSION"),
        keys = config.api_keys.len() + usize::from(config.hf_token.is_some()),
        upstream = names.join(", "),
        exit = config.outbound_proxy.as_ref().map_or("direct", |proxy| proxy.shown.as_str()),
        state,
        "listening"
    );
    if let Some(notice) = app.stand_in {
        tracing::warn!("{notice}");
    }
    if config.api_keys.iter().any(|key| key.expose_secret().len() < SHORT_KEY) {
        tracing::warn!("a key of API_KEY is so short that it could be guessed: use a long random one");
    }
    if app.keyring.is_empty() {
        tracing::warn!("no client key is configured, so nobody is served: set API_KEY and restart");
    }
    // Without a code it is only just starting, which is no news.
    for health in &upstreams {
        if let (Some(code), Some(reason)) = (health.code, &health.reason) {
            tracing::warn!(upstream = &*health.name, code, "{reason}");
        }
    }
    Ok(())
}

/// SIGTERM and SIGINT. Registered at once, so that a signal that comes early is not lost.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
