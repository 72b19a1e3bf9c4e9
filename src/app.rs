//! What every request can reach.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderName, Method};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::{
    auth::Keyring,
    chat::Dialect,
    config::{Config, Origins},
    conversations::{self, Conversations},
    links::Links,
    media::Media,
    room::Room,
    telemetry::{metrics::Metrics, troubles::Troubles},
    upstream::{Speaks, Upstream},
};

/// The running gateway. One per process, shared by all connections; holds no lock that is kept across an await.
pub struct App {
    /// The path in front of the API: empty, or with a leading slash and no trailing one.
    pub prefix: String,
    /// Who may come in.
    pub keyring: Keyring,
    /// Who answers.
    pub upstream: Arc<dyn Upstream>,
    /// Every figure.
    pub metrics: Arc<Metrics>,
    /// What has failed lately.
    pub(crate) troubles: Arc<Troubles>,
    /// One permit for each answer that may be generated at a time.
    pub permits: Arc<Semaphore>,
    /// The model of a request that names none.
    pub default_model: Option<String>,
    /// Further names for models.
    pub aliases: BTreeMap<String, String>,
    /// Where clients reach the gateway, if its owner has said so: `https://host`, without a slash at the end.
    pub public_url: Option<String>,
    /// One place for each link that may be open at a time: who opens one need not have a key.
    pub(crate) downloads: Arc<Semaphore>,
    /// Whether new cookies may be entered while the gateway runs.
    pub(crate) cookie_updates: bool,
    /// Whether sources stand below the text of an answer too.
    pub footnotes: bool,
    /// Makes and reads links to what only the account can open.
    pub(crate) links: Links,
    /// What was said in plain chats.
    pub(crate) conversations: Conversations,
    /// Room for the bytes of requests.
    pub(crate) room: Arc<Room>,
    /// What is done with the files of a request.
    pub media: Media,
    /// Sizes and times.
    pub limits: Limits,
    /// The CORS rules; none: closed.
    pub cors: Option<CorsLayer>,
    /// When the gateway started.
    pub started: Instant,
    /// Cancelled when the gateway stops: what still waits for a permit then fails at once.
    pub closing: CancellationToken,
    /// Cancelled shortly before the end of the drain: an answer that is still running then fails with an error its
    /// client can read, instead of a cut connection.
    pub ending: CancellationToken,
    /// Cancel it to cut a drain short: what is still running ends at once.
    pub at_once: CancellationToken,
    /// Set when the upstream is a stand-in: every answer carries `x-gateway-stand-in`, and the status page and
    /// `/health` show this text.
    pub stand_in: Option<&'static str>,
}

/// Links open at a time. Each costs the account up to five requests and may last as long as a request.
const DOWNLOADS: usize = 16;

impl App {
    /// The gateway as configured, in front of this upstream.
    #[must_use]
    pub fn new(config: &Config, upstream: Arc<dyn Upstream>) -> Self {
        let keyring = Keyring::new(config);
        Self {
            prefix: config.api_prefix.clone(),
            public_url: config.public_url.clone(),
            cookie_updates: config.cookie_updates,
            footnotes: config.citation_footnotes,
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
            links: Links::new(&keyring, config.psid.as_ref(), config.media_link_lifetime),
            keyring,
            upstream,
            metrics: Arc::new(Metrics::new()),
            troubles: Arc::default(),
            permits: Arc::new(Semaphore::new(config.max_concurrent)),
            default_model: config.default_model.clone(),
            aliases: config.model_aliases.clone(),
            conversations: Conversations::new(),
            room: Room::new(config.room()),
            media: Media::new(config),
            limits: Limits::new(config),
            cors: cors(&config.cors),
            started: Instant::now(),
            closing: CancellationToken::new(),
            ending: CancellationToken::new(),
            at_once: CancellationToken::new(),
            stand_in: None,
        }
    }

    /// Whether any model's answers come in this wire format, so that requests in it may be handed on as they are.
    pub(crate) fn passes_on(&self, dialect: Dialect) -> bool {
        self.upstream.speaks(None, dialect) != Speaks::No
    }

    /// Says on every answer that the upstream is a stand-in, with this text where there is room for one.
    #[must_use]
    pub fn with_stand_in(mut self, notice: &'static str) -> Self {
        self.stand_in = Some(notice);
        self
    }
}

/// Bounds on sizes, times and numbers. Those without a setting are choices that no owner should have to make;
/// tests shorten them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Bytes of a request body.
    pub body_bytes: usize,
    /// Silence within a request body. 30 s is what header reading gets too.
    pub body_idle: Duration,
    /// From the request's head to the end of its answer, the body included.
    pub request: Duration,
    /// How long the head of a stream waits for the first output, queueing included.
    pub first_event_wait: Duration,
    /// How long who opens a link waits for a place.
    pub download_wait: Duration,
    /// Silence after which a stream gets a comment line: well under the 60 s after which proxies cut.
    pub comment_after: Duration,
    /// Silence after which a stream gets an empty delta, for clients whose clock ignores comments (some stop at 120 s).
    pub empty_delta_after: Duration,
    /// How long a whole request head may take.
    pub head_read: Duration,
    /// What is kept of plain chats.
    pub conversations: conversations::Bounds,
    /// How much of a body nobody wants is read before the refusal is sent, in bytes.
    pub drain_bytes: u64,
    /// And for how long.
    pub drain_time: Duration,
    /// How long a client may take nothing of what is sent to it: as long as a whole request.
    pub write_stall: Duration,
    /// How long running answers may take to finish after a stop signal.
    pub shutdown: Duration,
}

impl Limits {
    fn new(config: &Config) -> Self {
        /// A client that sends twice the limit gets to read its 413; more is not an honest mistake.
        const DRAIN_FACTOR: u64 = 2;
        Self {
            connections: config.max_connections,
            body_bytes: config.max_body_bytes,
            body_idle: Duration::from_secs(30),
            request: config.request_timeout,
            first_event_wait: config.first_event_wait,
            download_wait: Duration::from_secs(30),
            comment_after: Duration::from_secs(12),
            empty_delta_after: Duration::from_secs(60),
            head_read: Duration::from_secs(30),
            conversations: conversations::Bounds::default(),
            drain_bytes: (config.max_body_bytes as u64).saturating_mul(DRAIN_FACTOR).max(4 << 20),
            drain_time: Duration::from_secs(30),
            write_stall: config.request_timeout,
            shutdown: config.shutdown_timeout,
        }
    }
}

/// The rules for web pages. The requested headers are mirrored, because SDKs send many of their own and `*` does not
/// cover `Authorization`. Credentials in the browser's sense (cookies) are never allowed: the gateway has none.
fn cors(origins: &Origins) -> Option<CorsLayer> {
    let allowed = match origins {
        Origins::Closed => return None,
        Origins::Any => AllowOrigin::any(),
        Origins::List(list) => AllowOrigin::list(list.to_vec()),
    };
    let exposed = [
        "x-request-id",
        "request-id",
        "retry-after",
        "x-should-retry",
        "x-gateway-requested-model",
        "x-gateway-served-label",
        "x-gateway-ignored-params",
        "x-gateway-emulated",
        "x-gateway-repaired",
        "x-gateway-unchecked-tool-schema",
        "x-gateway-prompt-attachment",
        "x-gateway-upstream",
        "x-gateway-attempts",
        "x-gateway-conversation-length",
        "x-gateway-stand-in",
    ];
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
            .allow_headers(AllowHeaders::mirror_request())
            .allow_private_network(true)
            .expose_headers(exposed.map(HeaderName::from_static))
            .max_age(Duration::from_secs(3600)),
    )
}
