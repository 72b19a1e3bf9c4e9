//! How the stand-in behaves towards every request, changeable while it runs.

use std::time::Duration;

use bytes::Bytes;

use super::words::Fault;

/// The stand-in's behaviour. The default is a healthy service that takes any cookie as a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a `__Secure-1PSID` never seen before is a session. If not, only seeded ones are.
    pub accept_unknown: bool,
    /// Whether a session without `__Secure-1PSIDTS` counts as signed out.
    pub require_psidts: bool,
    /// What a live session gets for the app page.
    pub page: Page,
    /// What everybody else gets for it. [`Page::App`] is then a guest's page: without the token.
    pub dead_page: Page,
    /// When the page carries the anti-forgery token. Real pages often do not.
    pub page_token: PageToken,
    /// Size in bytes of a padding header on the app page. Real ones exceed 16 KiB.
    pub page_header_bytes: usize,
    /// The build label of the page.
    pub build_label: String,
    /// Whether a request with another build label is refused with 405.
    pub check_build_label: bool,
    /// Whether a live session's request needs the right token. If not, any or none will do.
    pub require_token: bool,
    /// Whether the 400 for a wrong token carries the right one.
    pub token_in_400: bool,
    /// How `RotateCookies` answers.
    pub rotation: Rotation,
    /// Seconds until the next rotation, as its answer tells the client.
    pub rotation_hint: u64,
    /// How long the cookie before the newest one is still good.
    pub rotation_grace: Duration,
    /// Two rotations closer together than this: the second gets 429.
    pub rotation_min_gap: Duration,
    /// Whether a rotation also makes a new anti-forgery token.
    pub rotation_changes_token: bool,
    /// Whether answers to a live session renew its side cookies (`SIDCC` and the like).
    pub side_cookies: bool,
    /// What a dead session gets for a prompt.
    pub dead_prompt: DeadPrompt,
    /// The account status of live sessions: 1000 is available, 1016 unauthenticated.
    pub status: u32,
    /// What the account pays for.
    pub tier: Tier,
    /// Language of the page, as a tag such as `en`.
    pub language: String,
    /// Whether the continuation of an unknown conversation starts a new one. If not, error 1097.
    pub unknown_chat_is_new: bool,
    /// How many times a film is asked for before it is rendered.
    pub unfinished_films: u32,
    /// Every prompt is answered with exactly these bytes: the body of an answer recorded elsewhere.
    pub replay: Option<Bytes>,
    /// The error code of a prompt that refers to a file nobody has uploaded.
    pub unknown_file_error: u32,
    /// Magic words that hold for every prompt, below those of rules and of the prompt itself.
    pub defaults: Fault,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_unknown: true,
            require_psidts: false,
            page: Page::App,
            dead_page: Page::App,
            page_token: PageToken::Always,
            page_header_bytes: 2000,
            build_label: "boq_assistant-bard-web-server_20260929.03_p0".to_owned(),
            check_build_label: false,
            require_token: true,
            token_in_400: true,
            rotation: Rotation::Renew,
            rotation_hint: 600,
            rotation_grace: Duration::ZERO,
            rotation_min_gap: Duration::ZERO,
            rotation_changes_token: false,
            side_cookies: true,
            dead_prompt: DeadPrompt::Status(401),
            status: 1000,
            tier: Tier::Free,
            language: "en".to_owned(),
            unknown_chat_is_new: false,
            unfinished_films: 1,
            replay: None,
            unknown_file_error: 1003,
            defaults: Fault::default(),
        }
    }
}

/// What `GET /app` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The app, of a session or of a guest.
    App,
    /// A redirect to the sign-in page.
    SignInRedirect,
    /// The sign-in page itself, with status 200.
    SignIn,
    /// A redirect to the consent page.
    ConsentRedirect,
    /// A redirect to the "unusual traffic" page, which answers 429.
    SorryRedirect,
    /// An error with this HTTP status.
    Status(u16),
}

/// When the app page carries the anti-forgery token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageToken {
    /// On every load.
    Always,
    /// On no load.
    Never,
    /// On every n-th load.
    Every(u64),
}

/// How `RotateCookies` answers. (Protocol notes, "Cookie rotation".)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// 200 with a new `__Secure-1PSIDTS`.
    Renew,
    /// 200 with other cookies only: nothing was due.
    NotIssued,
    /// 401: the cookies are refused.
    Refused,
    /// 403 with the hint that means "never".
    Forbidden,
    /// 429: too fast.
    Throttled,
    /// 503.
    Unavailable,
    /// 401 with the challenge of a device-bound session.
    DeviceBound,
    /// No answer at all.
    Hang,
}

/// What a dead session gets for a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadPrompt {
    /// This HTTP status.
    Status(u16),
    /// An answer as to a guest, by a smaller model.
    Guest,
    /// 200 with "permission denied" inside.
    Denied,
    /// 400 with a guest's token.
    FreshToken,
}

/// What an account pays for: decides its models and the flags from which a client derives its capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Nothing.
    Free,
    /// The smallest plan.
    Plus,
    /// The middle plan.
    Pro,
    /// The largest plan.
    Ultra,
}
