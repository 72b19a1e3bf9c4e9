//! The shape of the protocol data. What each value means and where it is known from stands on its field; the
//! values themselves are in `protocol.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use url::Url;

use super::{lookup::Paths, template::Template};

/// Where the upstream's services are. The redirect rule trusts these hosts too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hosts {
    /// The web app: page, generation, RPCs.
    #[serde(deserialize_with = "base_url")]
    pub(crate) app: Url,
    /// Cookie rotation.
    #[serde(deserialize_with = "base_url")]
    pub(crate) accounts: Url,
    /// Source of anonymous cookies.
    #[serde(deserialize_with = "base_url")]
    pub(crate) google: Url,
    /// Attachments.
    #[serde(deserialize_with = "base_url")]
    pub(crate) upload: Url,
}

/// Which of several accounts of one browser session is used (protocol notes, hosts and endpoints).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChoice {
    /// 0 is the first account, and adds nothing to a request.
    pub(crate) index: u32,
    /// Put before the paths of the app when the index is above 0; `$account` is the index.
    pub(crate) path_prefix: String,
    /// Header that names the index when it is above 0.
    pub(crate) header: String,
    /// Referer when the index is above 0.
    pub(crate) referer: String,
}

/// Paths of the endpoints, each beginning with a slash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointPaths {
    pub(crate) page: String,
    pub(crate) generate: String,
    pub(crate) batch: String,
    pub(crate) rotate: String,
    pub(crate) upload: String,
}

/// What is read off the app page (protocol notes, page request).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRules {
    pub(crate) keys: PageKeys,
    /// Beginnings of build labels, searched anywhere when no key gives one.
    pub(crate) build_label_families: Vec<String>,
    pub(crate) fallback: PageFallback,
    /// How other pages are told apart; the first rule that fits wins.
    pub(crate) kinds: Vec<PageKindRule>,
}

/// Names under which the page carries each value, best first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageKeys {
    pub(crate) at: Vec<String>,
    pub(crate) build_label: Vec<String>,
    pub(crate) session_id: Vec<String>,
    pub(crate) language: Vec<String>,
    pub(crate) push_id: Vec<String>,
}

/// What is used when the page lacks a value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageFallback {
    /// None: the parameter is left out.
    pub(crate) build_label: Option<String>,
    pub(crate) language: String,
    pub(crate) push_id: String,
}

/// A page that is not the app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageKindRule {
    pub(crate) kind: OtherPage,
    /// Parts of host and path that give it away.
    pub(crate) url: Vec<String>,
    /// Parts of the body that give it away, consulted when the page has none of the app's values.
    pub(crate) body: Vec<String>,
}

/// Pages that come in place of the app.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtherPage {
    SignIn,
    Consent,
    Sorry,
}

/// Headers in wire order: the common ones, then those of the endpoint.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderSets {
    pub(crate) common: Vec<HeaderRule>,
    pub(crate) page: Vec<HeaderRule>,
    pub(crate) rpc: Vec<HeaderRule>,
    pub(crate) generate: Vec<HeaderRule>,
    pub(crate) rotate: Vec<HeaderRule>,
    pub(crate) media: Vec<HeaderRule>,
    /// Besides them the content type of the form (protocol notes, upload).
    pub(crate) upload: Vec<HeaderRule>,
}

/// One header. `$selector`, `$turn` and `$push_id` stand for the computed values of the model selector and the turn, and
/// for the page's place of uploads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderRule {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Sent only when a model is chosen, as the web app does (protocol notes, headers of a generation).
    #[serde(default)]
    pub(crate) with_model_only: bool,
}

/// Templates of a generation and of the RPC envelope (protocol notes, inner array and model selection).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestTemplates {
    /// Slots of the inner array; those not listed are null.
    pub(crate) inner_length: usize,
    pub(crate) slots: BTreeMap<usize, Template>,
    /// One attached file within `$files` of the slots: `$reference` is what its upload was answered with, `$name` and
    /// `$mime` describe it (protocol notes, reference in slot 0). The shape is the reference client's; others and the
    /// web app itself have further elements, all of them accepted.
    pub(crate) file: Template,
    /// Name and value in wire order. A parameter whose value is unknown is left out.
    pub(crate) generate_query: Vec<(String, String)>,
    pub(crate) rpc_query: Vec<(String, String)>,
    /// Model selector when the capacity travels in field 12 (index 11).
    pub(crate) selector_chat: Template,
    /// Model selector when the capacity travels in field 13: everything after it is one place further right.
    pub(crate) selector_chat_field_13: Template,
    pub(crate) selector_rpc: Template,
    /// Mirrors the turn's id of slot 59.
    pub(crate) turn_header: Template,
    /// Slot 79 when no model is chosen.
    pub(crate) default_model_number: u32,
    pub(crate) thinking_standard: u32,
    pub(crate) thinking_extended: u32,
}

/// A model known without asking the account. The ids are volatile; the account's own list always wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownModel {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) display: String,
    pub(crate) number: u32,
    pub(crate) plan: Plan,
}

/// Whom a known model's id is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plan {
    Free,
    Paid,
}

/// How account flags become the capacity value of the model selector; the first rule that fits wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapacityRules {
    pub(crate) rules: Vec<CapacityRule>,
    pub(crate) default: Capacity,
}

/// One such rule: it fits when any flag it names is set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapacityRule {
    #[serde(default)]
    pub(crate) tier: Option<u64>,
    #[serde(default)]
    pub(crate) capability: Option<u64>,
    pub(crate) value: u32,
    pub(crate) field: u32,
}

/// The capacity (paid tier) a request states.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capacity {
    pub(crate) value: u32,
    /// 12 or 13.
    pub(crate) field: u32,
}

/// The RPCs this gateway uses (protocol notes, batchexecute).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rpcs {
    /// User status and models.
    pub(crate) account: RpcRule,
    /// Turns of one chat, newest first.
    pub(crate) read_chat: RpcRule,
    pub(crate) delete_chat: RpcRule,
    /// The address of a generated image in its full size.
    pub(crate) full_size: RpcRule,
    /// Reads one preference; the web app's sign of life.
    pub(crate) activity: RpcRule,
}

/// One RPC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RpcRule {
    pub(crate) id: String,
    pub(crate) payload: Template,
    pub(crate) source_path: String,
    /// Tells several calls of one id apart.
    pub(crate) identifier: String,
}

/// What is taken out of an answer's text, outside code (protocol notes, text post-processing).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cleanup {
    /// Beginnings of addresses that stand for something shown elsewhere. Word segments and a number follow.
    pub(crate) placeholder_urls: Vec<String>,
    /// Beginnings of addresses that mean: the text is in the card.
    pub(crate) card_urls: Vec<String>,
    /// Parts of the info string of fences that hold the model's own code runs.
    pub(crate) internal_fences: Vec<String>,
    /// Tags dropped at the very end of a text.
    pub(crate) trailing_tags: Vec<String>,
    /// Texts dropped wherever they stand.
    pub(crate) literals: Vec<String>,
    /// Beginnings of `[...]` markers, dropped to the bracket that closes them.
    pub(crate) brackets: Vec<String>,
    /// Beginning and end of spans dropped with what is between.
    pub(crate) spans: Vec<(String, String)>,
}

/// What an in-stream error code means (protocol notes, errors). Message and retry rule are in `errors`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErrorClass {
    RejectedRequest,
    Temporary,
    UsageLimit,
    ModelMismatch,
    ModelUnavailable,
    IpBlocked,
    SessionRejected,
    /// Goes away after hours.
    TooMuchTraffic,
    /// A passing stop; the output before it may be all there is.
    Stopped,
}

/// What an account status means.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusClass {
    Available,
    Restricted,
    SignedOut,
    Untrusted,
    TermsPending,
    TermsOutdated,
    GuardianBlocked,
    GuardianApproval,
    Region,
}

/// Cookie rotation (protocol notes, cookie rotation). Times in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Sent as it stands: its leading zeros matter, and it is not valid JSON.
    pub(crate) body: String,
    /// First element of the answer's entry that holds the wait until the next rotation.
    pub(crate) hint_tag: String,
    pub(crate) interval_s: u64,
    /// Faster is answered 429.
    pub(crate) min_interval_s: u64,
    /// A longer hint is not believed.
    pub(crate) max_hint_s: u64,
    /// The hint that means: never rotate.
    pub(crate) never_hint: u64,
}

/// How media are fetched (protocol notes, downloading media).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Downloads {
    /// Where the full-size RPC's answer has the address.
    pub(crate) full_size_url: Paths,
    /// What that address wants at its end.
    pub(crate) full_size_suffix: String,
    /// How many answers in a row are the address of the next, before the image itself comes.
    pub(crate) full_size_hops: u32,
    /// What the plain address of a generated image wants at its end to give more than a preview.
    pub(crate) large_suffix: String,
    /// Domains that media are fetched from, with everything below them. Narrower than where redirects may lead: what an
    /// answer names is opened with the account's cookies, and elsewhere at google.com a mere GET can do things.
    pub(crate) hosts: Vec<String>,
    /// Domains whose addresses of generated images take a size.
    pub(crate) sized_hosts: Vec<String>,
    /// The most bytes that are passed on of one.
    pub(crate) bytes: u64,
}

/// Time limits in seconds, size limits in bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) connect_s: u64,
    /// From the request to the answer's first byte.
    pub(crate) first_byte_s: u64,
    /// How long a broken answer is looked for in the history.
    pub(crate) recovery_s: u64,
    /// How long the account's own word that it is signed in is good for. 0: it is asked beside every answer.
    pub(crate) signin_proof_s: u64,
    /// How long an answer is held for that word.
    pub(crate) signin_wait_s: u64,
    /// One frame of an answer. Frames hold the whole text so far.
    pub(crate) frame_bytes: usize,
    /// All frames of an answer together; they are not kept.
    pub(crate) stream_bytes: u64,
    /// The app page, or the answer of an RPC.
    pub(crate) page_bytes: usize,
    /// One upload.
    pub(crate) upload_s: u64,
    /// How long an uploaded file may be referred to. References say that they live a day; an hour of it is left for
    /// clocks and for answers that take long.
    pub(crate) reference_s: u64,
    /// The text of older messages that may be attached to a long prompt: of an attached text about 160 000 bytes are
    /// read, as users have measured.
    pub(crate) attachment_bytes: usize,
}

/// A base URL: https, or plain http to this machine only, because cookies travel on it.
fn base_url<'de, D: Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    let text = String::deserialize(from)?;
    super::checks::base_url(&text).map_err(serde::de::Error::custom)
}
