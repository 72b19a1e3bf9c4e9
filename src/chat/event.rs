//! What an upstream says while it answers.

use std::fmt;

/// One step of an answer. The order is: any number of [`Event::Text`] and [`Event::Reasoning`], then one
/// [`Event::Finished`]; [`Event::Served`] may come before any of them and again when more is known. A stream that
/// ends without `Finished` was cut, and is a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Who really answers, as far as the upstream has said.
    Served(Served),
    /// A further piece of the model's thoughts. Never empty.
    Reasoning(String),
    /// A further piece of the visible answer. Never empty.
    Text(String),
    /// The answer is complete. Nothing follows.
    Finished(FinishReason),
}

impl Event {
    /// Whether this event has something for the client to see. From the first one on, nothing is ever retried.
    #[must_use]
    pub fn is_output(&self) -> bool {
        !matches!(self, Event::Served(_))
    }
}

/// Who really answered.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Served {
    /// Public id of the model.
    pub model: String,
    /// The upstream's own label, word for word (`3.6 Flash`), when it gave one. None: the model is taken on trust.
    pub label: Option<String>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model had said all, or a stop text was met.
    Stop,
    /// A length limit cut it: the client's own, or the upstream's.
    Length,
    /// The upstream withheld the rest.
    ContentFilter,
}

impl fmt::Display for FinishReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ContentFilter => "content_filter",
        })
    }
}
