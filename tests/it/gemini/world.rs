//! A gateway, its stand-in for Gemini and a client, in one process.

use std::{path::PathBuf, sync::Arc, time::Duration};

use gemini_gateway::{
    app::App,
    config::{self, Command, Config, Sources},
    media::{Guard, Media},
    server,
    standin::{Control, Options, Settings as StandInSettings, StandIn},
    state::StateDir,
    upstream::{
        emulated::Emulated,
        gemini_web::{self, Credentials, Exit, GeminiWeb, Protocol, Settings},
        router::Router,
    },
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) const KEY: &str = "world-client-key";
pub(crate) const PSID: &str = "g.a000-world";
pub(crate) const PSIDTS: &str = "sidts-world-configured";

/// How a world differs from the ordinary one.
pub(crate) struct Plan {
    pub(crate) standin: StandInSettings,
    /// None: nothing is configured.
    pub(crate) psid: Option<&'static str>,
    pub(crate) psidts: Option<&'static str>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) temporary_chats: bool,
    pub(crate) strict_model: bool,
    pub(crate) idle_timeout: Duration,
    /// Settings beside the key.
    pub(crate) env: Vec<(&'static str, String)>,
    /// Who may be connected to for a client's files; none: the public internet, as in earnest.
    pub(crate) guard: Option<Guard>,
    /// Overlay over the protocol, beside the base addresses.
    pub(crate) overlay: Value,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            standin: StandInSettings::default(),
            psid: Some(PSID),
            psidts: Some(PSIDTS),
            state: None,
            temporary_chats: true,
            strict_model: true,
            idle_timeout: Duration::from_secs(30),
            env: Vec::new(),
            guard: None,
            overlay: json!({}),
        }
    }
}

pub(crate) struct World {
    pub(crate) control: Control,
    base: String,
    client: reqwest::Client,
    gateway: Gateway,
    _standin: StandIn,
}

/// A gateway in this process; stops when dropped.
struct Gateway {
    stop: CancellationToken,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A streamed answer, as a client puts it together.
#[derive(Debug, Default)]
pub(crate) struct Streamed {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) finish: Option<String>,
    pub(crate) error: Option<Value>,
    pub(crate) done: bool,
    pub(crate) model: Option<String>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let standin = StandIn::start(Options {
            port: 0,
            settings: plan.standin.clone(),
        })
        .await
        .unwrap();
        Self::before(standin, plan).await
    }

    /// A gateway before a stand-in that is already there.
    pub(crate) async fn before(standin: StandIn, plan: Plan) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (gateway, base) = start(&standin, &plan).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let world = Self {
            control: standin.control(),
            base,
            client,
            gateway,
            _standin: standin,
        };
        tokio::time::timeout(Duration::from_secs(20), world.settled())
            .await
            .unwrap();
        world
    }

    /// Waits until the session is up and its first rotation over, or the session known to be down: from then on,
    /// what a test counts are its own requests.
    async fn settled(&self) {
        loop {
            let (_, health) = self.get("/health").await;
            let upstream = &health["upstreams"][0];
            let next = upstream["details"]["next_rotation"].as_str();
            let rotated = upstream["state"] == "ready" && next.is_some_and(|next| next != "in 0 s");
            if rotated || upstream["state"] == "failed" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Stops this gateway and starts another before the same stand-in.
    pub(crate) async fn restart(self, plan: Plan) -> Self {
        drop(self.gateway);
        Self::before(self._standin, plan).await
    }

    pub(crate) fn port(&self) -> u16 {
        self.base.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(KEY)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn chat(&self, prompt: &str) -> (u16, Value) {
        self.ask(json!({"model": "gemini-flash", "messages": [{"role": "user", "content": prompt}]}))
            .await
    }

    pub(crate) async fn ask(&self, body: Value) -> (u16, Value) {
        let response = self.send(&body).await;
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_slice(&response.bytes().await.unwrap()).unwrap(),
        )
    }

    pub(crate) async fn send(&self, body: &Value) -> reqwest::Response {
        self.send_with(body, &[]).await
    }

    pub(crate) async fn send_with(&self, body: &Value, headers: &[(&str, &str)]) -> reqwest::Response {
        let request = self
            .client
            .post(format!("{}/v1/chat/completions", self.base))
            .bearer_auth(KEY);
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        request.send().await.unwrap()
    }

    /// Posts a body to a path.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> reqwest::Response {
        let request = self.client.post(format!("{}{path}", self.base)).bearer_auth(KEY);
        let request = request.header("content-type", "application/json");
        request.body(body.to_string()).send().await.unwrap()
    }

    /// Opens a link as a browser does: without a key.
    pub(crate) async fn open(&self, link: &str) -> reqwest::Response {
        assert!(link.starts_with(&self.base), "{link}");
        self.client.get(link).send().await.unwrap()
    }

    pub(crate) async fn stream(&self, prompt: &str) -> Streamed {
        let messages = json!([{"role": "user", "content": prompt}]);
        let response = self
            .send(&json!({"model": "gemini-flash", "stream": true, "messages": messages}))
            .await;
        let status = response.status().as_u16();
        let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        if status != 200 {
            let error: Value = serde_json::from_str(&body).unwrap();
            return Streamed {
                status,
                error: Some(error["error"].clone()),
                ..Streamed::default()
            };
        }
        body.split("\n\n")
            .filter_map(|event| event.strip_prefix("data: "))
            .fold(
                Streamed {
                    status,
                    ..Streamed::default()
                },
                Streamed::take,
            )
    }
}

impl Streamed {
    fn take(mut self, data: &str) -> Self {
        if data == "[DONE]" {
            self.done = true;
            return self;
        }
        let chunk: Value = serde_json::from_str(data).unwrap();
        if let Some(error) = chunk.get("error") {
            self.error = Some(error.clone());
            return self;
        }
        let choice = &chunk["choices"][0];
        self.text
            .push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        self.reasoning
            .push_str(choice["delta"]["reasoning_content"].as_str().unwrap_or_default());
        self.finish = choice["finish_reason"].as_str().map(str::to_owned).or(self.finish);
        self.model = chunk["model"].as_str().map(str::to_owned);
        self
    }
}

/// The text of a whole answer.
pub(crate) fn text(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"]
        .as_str()
        .unwrap_or_else(|| panic!("no text in {answer}"))
}

/// The code of an error answer.
pub(crate) fn code(answer: &Value) -> &str {
    answer["error"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no error in {answer}"))
}

/// An overlay that points every base address at `base`.
pub(crate) fn overlay(base: &str, more: &Value) -> String {
    let mut overlay = more.clone();
    overlay["hosts"] = json!({"app": base, "accounts": base, "google": base, "upload": base});
    overlay.to_string()
}

async fn start(standin: &StandIn, plan: &Plan) -> (Gateway, String) {
    let config = configuration(&plan.env);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let settings = Settings {
        credentials: plan.psid.map(|psid| Credentials {
            psid: psid.to_owned().into(),
            psidts: plan.psidts.map(|psidts| psidts.to_owned().into()),
        }),
        protocol: Protocol::with_overlay(&overlay(&standin.base_url(), &plan.overlay)).unwrap(),
        exit: Exit::default(),
        state: Arc::new(match &plan.state {
            Some(dir) => StateDir::open(Some(dir)),
            None => StateDir::memory(),
        }),
        temporary_chats: plan.temporary_chats,
        strict_model: plan.strict_model,
        max_prompt_bytes: config.max_prompt_bytes,
        attach_long_prompts: config.attach_long_prompts,
        idle_timeout: plan.idle_timeout,
    };
    let upstream = GeminiWeb::start(settings, tasks, &stop).unwrap();
    let upstream = Arc::new(Emulated::new(Arc::new(upstream)));
    let router = Router::new((gemini_web::NAME, upstream), Vec::new(), config.chains.clone());
    let mut app = App::new(&config, Arc::new(router));
    if let Some(guard) = &plan.guard {
        app.media = Media::with_guard(&config, guard.clone());
    }
    let app = Arc::new(app);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let end = stop.clone();
    tokio::spawn(async move { server::run(listener, app, async move { end.cancelled().await }).await });
    (Gateway { stop }, base)
}

fn configuration(env: &[(&'static str, String)]) -> Config {
    let environment = |name: &str| {
        let own = env.iter().find(|(known, _)| *known == name);
        let usual = match name {
            "API_KEY" => Some(KEY.into()),
            // So that what many ask for at once is under way at once.
            "MAX_CONCURRENT" => Some("64".into()),
            _ => None,
        };
        own.map(|(_, value)| value.into()).or(usual)
    };
    let sources = Sources {
        environment: &environment,
        dotenv: std::path::Path::new("/nonexistent/.env"),
    };
    match config::load(["gemini-gateway".into()], &sources) {
        Ok(Command::Serve(config)) => *config,
        other => panic!("{other:?}"),
    }
}
