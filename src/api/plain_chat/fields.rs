//! What becomes of each field of a plain chat message.

use crate::{
    api::{
        Field,
        Treatment::{Honoured, Passed},
    },
    chat::Knob,
};

/// See [`Field`]. Any other field is named as ignored.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    Field { name: "message", treatment: Honoured, sample: r#"{"message":"m"}"#, note: "the user's next words; what was said before is kept by the gateway, see docs/plain-chat.md" },
    Field { name: "max_tokens", treatment: Honoured, sample: r#"{"max_tokens":5}"#, note: "at least 1; 512 if left out; by the gateway's own estimate where Gemini answers" },
    Field { name: "temperature", treatment: Passed(Knob::Temperature), sample: r#"{"temperature":0.5}"#, note: "0 to 2; 0.7 if left out; Gemini's web app has no such control" },
    Field { name: "model", treatment: Honoured, sample: r#"{"model":"m"}"#, note: "an id or alias of GET /models; if left out DEFAULT_MODEL, else the first model of the list" },
];
