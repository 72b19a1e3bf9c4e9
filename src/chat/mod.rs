//! The neutral vocabulary: what is asked and what comes back, whatever the wire format or the upstream.
//!
//! Nothing here does I/O or reads a clock, and JSON is known only as what clients want: schemas, and whether a value
//! follows one. A wire format translates into [`Request`] and out of
//! [`Event`]; an upstream does the opposite. A whole answer is [`Answer`], a fold over the same events.

mod answer;
mod event;
mod limits;
mod request;
mod sampling;
mod schema;
mod tokens;
mod wish;

pub use answer::Answer;
pub use event::{Citation, Event, FinishReason, Media, MediaKind, MediaSource, Note, Served};
pub use limits::{Limited, Limiter};
pub use request::{
    Dialect, File, FileContent, FileKind, Message, Original, Part, Request, Role, ThinkingLevel, ToolCall,
};
pub use sampling::{Knob, Sampling};
pub(crate) use schema::TooMuch;
pub use schema::{Schema, Violation};
pub use tokens::{TokenCounter, Usage, estimate_tokens};
pub use wish::{Json, JsonSchema, OutputForm, Tool, ToolChoice, ToolInput, Toolbox};
