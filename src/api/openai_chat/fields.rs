//! What becomes of each field of a chat request.

use crate::{
    api::{
        Field,
        Treatment::{self, Emulated, Honoured, Ignored, Passed, Refused},
        Type,
    },
    chat::Knob,
};

const BOOLEAN: Treatment = Ignored(Some(Type::Boolean));
const ANYTHING: Treatment = Ignored(None);

/// See [`Field`]. Any other field is named as ignored.
#[rustfmt::skip]
pub(in crate::api) const FIELDS: &[Field] = &[
    Field { name: "model", treatment: Honoured, sample: r#"{"model":"m"}"#, note: "an id or alias of GET /models; may be left out when DEFAULT_MODEL is set" },
    Field { name: "messages", treatment: Honoured, sample: r#"{"messages":[{"role":"developer","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]}]}"#, note: "roles developer, system, user, assistant, tool, function; text as a string or in parts, files in parts of any role" },
    Field { name: "messages.image_url", treatment: Honoured, sample: r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}"#, note: "a data: URL, or an address the gateway fetches; a bare string is understood too" },
    Field { name: "messages.image_url.detail", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"high"}}]}]}"#, note: "the web app has no such control" },
    Field { name: "messages.input_audio", treatment: Honoured, sample: r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}]}"#, note: "the bytes decide the format" },
    Field { name: "messages.video_url", treatment: Honoured, sample: r#"{"messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"data:video/mp4;base64,aGk="}}]}]}"#, note: "as image_url" },
    Field { name: "messages.file", treatment: Honoured, sample: r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,aGk="}}]}]}"#, note: "file_data as a data: URL, in base64, or as an address; filename" },
    Field { name: "messages.file.file_id", treatment: Refused, sample: r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#, note: "no files are stored" },
    Field { name: "messages.name", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":"a","name":"b"}]}"#, note: "" },
    Field { name: "messages.cache_control", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]}"#, note: "nothing is cached" },
    Field { name: "stream", treatment: Honoured, sample: r#"{"stream":true}"#, note: "" },
    Field { name: "stream_options", treatment: Honoured, sample: r#"{"stream":true,"stream_options":{"include_usage":true}}"#, note: "include_usage; ignored without stream" },
    Field { name: "stop", treatment: Honoured, sample: r#"{"stop":["a","b"]}"#, note: "a text or up to 64 of at most 1024 bytes" },
    Field { name: "max_completion_tokens", treatment: Honoured, sample: r#"{"max_completion_tokens":5}"#, note: "by the gateway's own estimate of tokens, on the visible answer" },
    Field { name: "max_tokens", treatment: Honoured, sample: r#"{"max_tokens":5}"#, note: "the older name; ignored beside the newer" },
    Field { name: "reasoning_effort", treatment: Honoured, sample: r#"{"reasoning_effort":"high"}"#, note: "high, xhigh and max think longer, medium as usual; less than usual is not to be had, so none, minimal and low are named as ignored" },
    Field { name: "response_format", treatment: Emulated, sample: r#"{"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object"}}}}"#, note: "text, json_object, json_schema: asked for in the prompt, taken out of the answer, held against the schema (format is a hint only) and asked for again once; with json_schema a stream waits for the whole document" },
    Field { name: "tools", treatment: Emulated, sample: r#"{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}]}"#, note: "functions; arguments are held against the schema, and one further turn is spent on a call that fails; named as ignored when tool_choice is none" },
    Field { name: "tool_choice", treatment: Emulated, sample: r#"{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#, note: "none, auto, required, a function, allowed_tools; where a call must come and none does, one further turn is spent, and then the text is the answer" },
    Field { name: "parallel_tool_calls", treatment: Emulated, sample: r#"{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],"parallel_tool_calls":false}"#, note: "false: the first call is the answer, others are left out; ignored without tools" },
    Field { name: "functions", treatment: Emulated, sample: r#"{"functions":[{"name":"f","parameters":{"type":"object"}}]}"#, note: "the form before tools, answered in its own way: one function_call, finish_reason function_call; refused beside tools" },
    Field { name: "function_call", treatment: Emulated, sample: r#"{"functions":[{"name":"f"}],"function_call":{"name":"f"}}"#, note: "none, auto or a function" },
    Field { name: "n", treatment: Honoured, sample: r#"{"n":1}"#, note: "1; more is refused" },
    Field { name: "logprobs", treatment: Refused, sample: r#"{"logprobs":true}"#, note: "the web app does not tell probabilities" },
    Field { name: "top_logprobs", treatment: Refused, sample: r#"{"top_logprobs":2}"#, note: "as above" },
    Field { name: "audio", treatment: Refused, sample: r#"{"audio":{"voice":"alloy","format":"wav"}}"#, note: "answers are text" },
    Field { name: "modalities", treatment: Honoured, sample: r#"{"modalities":["text"]}"#, note: "text; anything else is refused" },
    Field { name: "temperature", treatment: Passed(Knob::Temperature), sample: r#"{"temperature":0.5}"#, note: "the web app has no such control" },
    Field { name: "top_p", treatment: Passed(Knob::TopP), sample: r#"{"top_p":0.5}"#, note: "as above" },
    Field { name: "presence_penalty", treatment: Passed(Knob::PresencePenalty), sample: r#"{"presence_penalty":0}"#, note: "as above" },
    Field { name: "frequency_penalty", treatment: Passed(Knob::FrequencyPenalty), sample: r#"{"frequency_penalty":0}"#, note: "as above" },
    Field { name: "seed", treatment: Passed(Knob::Seed), sample: r#"{"seed":1}"#, note: "as above" },
    Field { name: "logit_bias", treatment: Ignored(Some(Type::Object)), sample: r#"{"logit_bias":{}}"#, note: "as above" },
    Field { name: "store", treatment: BOOLEAN, sample: r#"{"store":false}"#, note: "nothing is stored" },
    Field { name: "user", treatment: ANYTHING, sample: r#"{"user":"u"}"#, note: "" },
    Field { name: "safety_identifier", treatment: ANYTHING, sample: r#"{"safety_identifier":"u"}"#, note: "" },
    Field { name: "prompt_cache_key", treatment: ANYTHING, sample: r#"{"prompt_cache_key":"k"}"#, note: "" },
    Field { name: "prompt_cache_retention", treatment: ANYTHING, sample: r#"{"prompt_cache_retention":"24h"}"#, note: "" },
    Field { name: "prompt_cache_options", treatment: ANYTHING, sample: r#"{"prompt_cache_options":{}}"#, note: "" },
    Field { name: "metadata", treatment: ANYTHING, sample: r#"{"metadata":{"a":"b"}}"#, note: "" },
    Field { name: "service_tier", treatment: ANYTHING, sample: r#"{"service_tier":"auto"}"#, note: "" },
    Field { name: "verbosity", treatment: ANYTHING, sample: r#"{"verbosity":"low"}"#, note: "" },
    Field { name: "prediction", treatment: ANYTHING, sample: r#"{"prediction":{}}"#, note: "" },
    Field { name: "moderation", treatment: ANYTHING, sample: r#"{"moderation":{}}"#, note: "" },
    Field { name: "web_search_options", treatment: ANYTHING, sample: r#"{"web_search_options":{}}"#, note: "the web app searches when it sees fit" },
];
