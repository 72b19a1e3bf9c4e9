//! What an upstream says while it answers.

use std::fmt;

use bytes::Bytes;

use super::{ToolCall, Usage};

/// One step of an answer. The order is: any number of output events, then one [`Event::Finished`]; [`Event::Served`],
/// [`Event::Note`] and [`Event::Usage`] may come before any of them and again when more is known. A stream that ends
/// without `Finished` was cut, and is a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Who really answers, as far as the upstream has said.
    Served(Served),
    /// Something done on the client's behalf that it must be able to see.
    Note(Note),
    /// A further piece of the model's thoughts. Never empty.
    Reasoning(String),
    /// A further piece of the visible answer. Never empty.
    Text(String),
    /// A call of one of the client's tools, whole. The answer then ends in [`FinishReason::ToolCalls`].
    ToolCall(ToolCall),
    /// An image, a film or a recording.
    Media(Media),
    /// A source the answer rests on.
    Citation(Citation),
    /// A piece of the answer in the wire format of [`super::Request::original`], word for word: one event of a stream,
    /// or the whole body. An answer is either all originals or has none.
    Original(Bytes),
    /// What the upstream itself has counted. It takes the place of the gateway's estimate.
    Usage(Usage),
    /// The answer is complete. Nothing follows.
    Finished(FinishReason),
}

impl Event {
    /// Whether this event has something for the client to see. From the first one on, nothing is ever retried.
    #[must_use]
    pub fn is_output(&self) -> bool {
        !matches!(self, Event::Served(_) | Event::Note(_) | Event::Usage(_))
    }
}

/// Who really answered.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Served {
    /// Public id of the model.
    pub model: String,
    /// The upstream's own label, word for word (`3.6 Flash`), when it gave one. None: the model is taken on trust.
    pub label: Option<String>,
    /// Whether the upstream itself keeps to the stop texts, the token limit and the [`super::Sampling`] of the request.
    /// If not, the gateway applies the first two, and the third has no effect.
    pub native: bool,
}

/// A disclosure. It becomes the response header `x-gateway-<name>` when it is known before the head is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What was done, in lower case with hyphens: `prompt-attachment`.
    pub name: &'static str,
    /// How, in visible ASCII.
    pub value: String,
}

/// Something to look at or to listen to in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// What it shows, as the upstream words it. May be empty.
    pub alt: String,
    /// Where it can be had: an address, or what [`crate::upstream::Upstream::media`] understands.
    pub source: MediaSource,
}

/// Where a [`Media`] can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaSource {
    /// Anyone can open this address: http, https, or a `data:` URL.
    Url(String),
    /// Only the owner's account can: a reference of the upstream's, which the gateway has to pass on.
    Account(String),
}

/// What a [`Media`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A still image.
    Image,
    /// A film.
    Video,
    /// A recording.
    Audio,
}

impl MediaKind {
    /// Its name, which is the first half of its MIME types.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MediaKind::Image => "image",
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
        }
    }
}

/// A source of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Its address: http or https.
    pub url: String,
    /// Its title. May be empty.
    pub title: String,
    /// The passage of the visible answer that rests on it, in Unicode characters from its beginning, the end excluded.
    /// None: the answer as a whole.
    pub passage: Option<(usize, usize)>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model had said all.
    Stop,
    /// A stop text was met: the one of [`super::Request::stop`] with this index.
    StopText(usize),
    /// A length limit cut it: the client's own, or the upstream's.
    Length,
    /// The upstream withheld the rest.
    ContentFilter,
    /// The model waits for the results of the tools it called.
    ToolCalls,
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FinishReason::Stop | FinishReason::StopText(_) => "stop",
            FinishReason::Length => "length",
            FinishReason::ContentFilter => "content_filter",
            FinishReason::ToolCalls => "tool_calls",
        })
    }
}
