//! A gateway on a real socket in front of a scripted upstream, and a client that sees every byte.

mod client;
mod logs;
pub(crate) mod sse;
mod upstream;

use std::{collections::HashMap, ffi::OsString, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use gemini_gateway::{
    app::{App, Limits},
    config::{self, Command, Config, Sources},
    server::{self, Outcome},
    upstream::{Upstream, emulated::Emulated, openai_compatible::OpenAiCompatible, router::Router},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) use client::{Connection, Reply};
pub(crate) use logs::Logs;
pub(crate) use upstream::{Piece, Scripted, Step, text};

/// The key of every test gateway, unless a test configures others.
pub(crate) const KEY: &str = "test-key-0123456789";

/// The longest any step of a test may take: a hang becomes a failure that says where.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running gateway. Dropped without [`Gateway::stop`] it ends with the test's runtime.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Arc<Scripted>,
    pub(crate) app: Arc<App>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Outcome>,
}

type Change = Box<dyn FnOnce(&mut Limits)>;

/// What a test changes before the gateway starts.
#[derive(Default)]
pub(crate) struct Setup {
    env: HashMap<&'static str, String>,
    limits: Option<Change>,
    stand_in: Option<&'static str>,
}

impl Setup {
    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.to_owned());
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits) + 'static) -> Self {
        self.limits = Some(Box::new(change));
        self
    }

    pub(crate) fn stand_in(mut self, notice: &'static str) -> Self {
        self.stand_in = Some(notice);
        self
    }

    pub(crate) async fn start(mut self) -> Gateway {
        self.env.entry("API_KEY").or_insert_with(|| KEY.to_owned());
        let config = config(&[], &self.env);
        let upstream = Arc::new(Scripted::default());
        let scripted = Arc::new(Emulated::new(Arc::clone(&upstream) as _));
        let named = config.upstreams.iter().map(|settings| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let upstream = OpenAiCompatible::new(settings.clone(), &config.exit()).unwrap();
            (settings.name.clone(), Arc::new(upstream) as Arc<dyn Upstream>)
        });
        let router = Router::new(("scripted", scripted), named.collect(), config.chains.clone());
        let mut app = App::new(&config, Arc::new(router));
        if let Some(change) = self.limits {
            change(&mut app.limits);
        }
        if let Some(notice) = self.stand_in {
            app = app.with_stand_in(notice);
        }
        let app = Arc::new(app);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server::run(listener, Arc::clone(&app), async {
            let _ = stopped.await;
        }));
        Gateway {
            address,
            upstream,
            app,
            stop,
            server,
        }
    }
}

impl Gateway {
    /// With the defaults and one key.
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// One request on a connection of its own, with the key.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Reply {
        self.send_with(method, path, &[("authorization", &format!("Bearer {KEY}"))], body)
            .await
    }

    /// One request on a connection of its own, with these headers and no others of consequence.
    pub(crate) async fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut connection = self.connect().await;
        connection.request(method, path, headers, body).await;
        connection.reply(method).await
    }

    /// Sends the stop signal.
    pub(crate) fn begin_stop(self) -> JoinHandle<Outcome> {
        self.stop.send(()).unwrap();
        self.server
    }

    /// The value of a metric's line, by the text before its value.
    pub(crate) fn metric(&self, line: &str) -> Option<String> {
        let text = self.app.metrics.encode();
        text.lines()
            .find_map(|each| each.strip_prefix(line)?.strip_prefix(' ').map(str::to_owned))
    }

    /// Waits until no answer is being generated and every permit is back.
    pub(crate) async fn until_idle(&self, permits: usize) {
        eventually("every permit is back and every upstream stream dropped", || {
            self.app.permits.available_permits() == permits
                && self.upstream.live() == 0
                && self.metric("gemini_gateway_generations_in_flight").as_deref() == Some("0")
        })
        .await;
    }
}

/// Waits for a condition that another task brings about, checking often and giving up after [`PATIENCE`].
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What `load` makes of these arguments and this environment, without any `.env`.
pub(crate) fn load(args: &[&str], env: &HashMap<&'static str, String>) -> Result<Command, config::Problems> {
    let lookup = |name: &str| env.get(name).map(OsString::from);
    let sources = Sources {
        environment: &lookup,
        dotenv: Path::new("/nonexistent/.env"),
    };
    let args = std::iter::once("gemini-gateway")
        .chain(args.iter().copied())
        .map(OsString::from);
    config::load(args, &sources)
}

fn config(args: &[&str], env: &HashMap<&'static str, String>) -> Config {
    match load(args, env) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("not a configuration to serve with: {other:?}"),
    }
}

/// A chat request with one user message.
pub(crate) fn chat(more: &str) -> String {
    format!(r#"{{"model":"gemini-flash","messages":[{{"role":"user","content":"Hi"}}]{more}}}"#)
}
