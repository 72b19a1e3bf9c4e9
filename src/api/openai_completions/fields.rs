//! What becomes of each field of a completion request.

use crate::{
    api::{
        Field,
        Treatment::{Honoured, Ignored, Passed, Refused},
        Type,
    },
    chat::Knob,
};

/// See [`Field`]. Any other field is named as ignored.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    Field { name: "model", treatment: Honoured, sample: r#"{"model":"m"}"#, note: "an id or alias of GET /models; may be left out when DEFAULT_MODEL is set" },
    Field { name: "prompt", treatment: Honoured, sample: r#"{"prompt":["p"]}"#, note: "one text, as a string or alone in an array; several, or tokens, are refused" },
    Field { name: "stream", treatment: Honoured, sample: r#"{"stream":true}"#, note: "" },
    Field { name: "stream_options", treatment: Honoured, sample: r#"{"stream":true,"stream_options":{"include_usage":true}}"#, note: "include_usage; ignored without stream" },
    Field { name: "stop", treatment: Honoured, sample: r#"{"stop":["a","b"]}"#, note: "a text or up to 64 of at most 1024 bytes" },
    Field { name: "max_tokens", treatment: Honoured, sample: r#"{"max_tokens":5}"#, note: "by the gateway's own estimate; without it nothing is cut, unlike OpenAI's 16" },
    Field { name: "echo", treatment: Honoured, sample: r#"{"echo":true}"#, note: "the prompt comes first" },
    Field { name: "n", treatment: Honoured, sample: r#"{"n":1}"#, note: "1; more is refused" },
    Field { name: "best_of", treatment: Honoured, sample: r#"{"best_of":1}"#, note: "1; more is refused" },
    Field { name: "suffix", treatment: Refused, sample: r#"{"suffix":"s"}"#, note: "the web app cannot fill a gap" },
    Field { name: "logprobs", treatment: Refused, sample: r#"{"logprobs":1}"#, note: "the web app does not tell probabilities" },
    Field { name: "temperature", treatment: Passed(Knob::Temperature), sample: r#"{"temperature":0.5}"#, note: "the web app has no such control" },
    Field { name: "top_p", treatment: Passed(Knob::TopP), sample: r#"{"top_p":0.5}"#, note: "as above" },
    Field { name: "presence_penalty", treatment: Passed(Knob::PresencePenalty), sample: r#"{"presence_penalty":0}"#, note: "as above" },
    Field { name: "frequency_penalty", treatment: Passed(Knob::FrequencyPenalty), sample: r#"{"frequency_penalty":0}"#, note: "as above" },
    Field { name: "seed", treatment: Passed(Knob::Seed), sample: r#"{"seed":1}"#, note: "as above" },
    Field { name: "logit_bias", treatment: Ignored(Some(Type::Object)), sample: r#"{"logit_bias":{}}"#, note: "as above" },
    Field { name: "user", treatment: Ignored(None), sample: r#"{"user":"u"}"#, note: "" },
];
