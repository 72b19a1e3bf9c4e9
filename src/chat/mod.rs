//! The neutral vocabulary: what is asked and what comes back, whatever the wire format or the upstream.
//!
//! Nothing here does I/O, reads a clock or knows JSON. A wire format translates into [`Request`] and out of
//! [`Event`]; an upstream does the opposite. A whole answer is [`Answer`], a fold over the same events.

mod answer;
mod event;
mod limits;
mod request;
mod schema;
mod tokens;
mod wish;

pub use answer::Answer;
pub use event::{Citation, Event, FinishReason, Media, MediaKind, MediaSource, Note, Served};
pub use limits::{Limited, Limiter};
pub use request::{File, FileContent, FileKind, Message, Part, Request, Role, ThinkingLevel, ToolCall};
pub use schema::{Schema, Violation};
pub use tokens::{TokenCounter, Usage, estimate_tokens};
pub use wish::{Json, JsonSchema, OutputForm, Tool, ToolChoice, ToolInput, Toolbox};
