//! The shape of the paths data: where in an answer each value is.

use serde::Deserialize;

use super::lookup::Paths;

/// Where the answer's values are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponsePaths {
    pub(crate) document: DocumentPaths,
    pub(crate) candidate: CandidatePaths,
    pub(crate) history: HistoryPaths,
    /// Status of a finished candidate; 1 is one in progress.
    pub(crate) complete_status: u64,
    /// Tools that keep the model silent for long.
    pub(crate) busy_tools: Vec<String>,
    /// Cookies that nearly every answer to a signed-in session renews (protocol notes, cookies).
    pub(crate) session_cookies: Vec<String>,
    pub(crate) error: ErrorPaths,
    pub(crate) media: Vec<MediaRule>,
    pub(crate) citations: CitationPaths,
    pub(crate) account: AccountPaths,
    pub(crate) model: ModelPaths,
}

/// Paths in the inner document (protocol notes, inner document).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentPaths {
    pub(crate) cid: Paths,
    pub(crate) rid: Paths,
    pub(crate) candidates: Paths,
    pub(crate) tool: Paths,
    /// Opaque token; its presence means the turn was stored.
    pub(crate) context: Paths,
    /// The model that really served, as people read it (`3.6 Flash`).
    pub(crate) label: Paths,
    /// True on closing metadata.
    pub(crate) done: Paths,
}

/// Paths in a candidate (protocol notes, candidate).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidatePaths {
    pub(crate) rcid: Paths,
    /// The whole text so far.
    pub(crate) text: Paths,
    pub(crate) status: Paths,
    /// The text to use when `text` begins with a card address.
    pub(crate) card: Paths,
    /// The whole thoughts so far.
    pub(crate) thoughts: Paths,
}

/// Paths in a `wrb.fr` entry of the outer array.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorPaths {
    pub(crate) code: Paths,
    /// A status number like gRPC's, beside the code or alone.
    pub(crate) status: Paths,
}

/// Where one kind of media is linked in a candidate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MediaRule {
    pub(crate) kind: MediaKind,
    pub(crate) at: Paths,
    /// Whether `at` is a list of such media, or one.
    pub(crate) each: bool,
    pub(crate) url: Paths,
    pub(crate) alt: Paths,
    /// Of an image of the model's: its id, by which its full size can be asked for.
    pub(crate) id: Paths,
}

/// Where a candidate names its sources (protocol notes, rich block: field 43).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CitationPaths {
    /// The list of groups: one mark in the text and the sources it stands for.
    pub(crate) groups: Paths,
    /// Within a group.
    pub(crate) marker: Paths,
    /// Within a group.
    pub(crate) sources: Paths,
    /// Within a source.
    pub(crate) url: Paths,
    /// Within a source.
    pub(crate) title: Paths,
}

/// Kinds of media.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaKind {
    /// Made by the model.
    Image,
    /// Found on the web.
    WebImage,
    Video,
    Audio,
}

/// Paths in the answer of the history RPC, newest turn first (protocol notes, batchexecute: hNvQHb).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryPaths {
    pub(crate) turns: Paths,
    /// Within a turn.
    pub(crate) rid: Paths,
    /// Within a turn.
    pub(crate) candidates: Paths,
}

/// Paths in the answer of the account RPC.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountPaths {
    pub(crate) status: Paths,
    pub(crate) models: Paths,
    pub(crate) tier: Paths,
    pub(crate) capability: Paths,
}

/// Paths in one model of that answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelPaths {
    pub(crate) id: Paths,
    pub(crate) category: Paths,
    pub(crate) display: Paths,
    pub(crate) number: Paths,
}
