//! What becomes of each field of a request for a message.

use crate::{
    api::{
        Field,
        Treatment::{self, Emulated, Honoured, Ignored, Passed, Refused},
        Type,
    },
    chat::Knob,
};

const NUMBER: Treatment = Ignored(Some(Type::Number));
const OBJECT: Treatment = Ignored(Some(Type::Object));
const STRING: Treatment = Ignored(Some(Type::String));
const ANYTHING: Treatment = Ignored(None);

/// See [`Field`]. Any other field is named as ignored, with the path to it: `tools.cache_control`.
#[rustfmt::skip]
pub(in crate::api) const FIELDS: &[Field] = &[
    Field { name: "model", treatment: Honoured, sample: r#"{"model":"m"}"#, note: "an id or alias of GET /models; may be left out when DEFAULT_MODEL is set" },
    Field { name: "max_tokens", treatment: Honoured, sample: r#"{"max_tokens":5}"#, note: "by the gateway's own estimate of tokens, on the visible answer; at least 1" },
    Field { name: "messages", treatment: Honoured, sample: r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]},{"role":"assistant","content":"b"},{"role":"system","content":"c"},{"role":"user","content":"d"}]}"#, note: "roles user, assistant, system; blocks text, image, document, search_result, tool_use, tool_result; sources base64, url, text, content" },
    Field { name: "messages.is_error", treatment: Emulated, sample: r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","is_error":true}]}]}"#, note: "said in words before the result" },
    Field { name: "messages.thinking", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"b","signature":"c"},{"type":"text","text":"d"}]}]}"#, note: "earlier thoughts, redacted ones too, are not shown to the model again" },
    Field { name: "messages.server_tool_use", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"server_tool_use","id":"b","name":"web_search","input":{}},{"type":"text","text":"c"}]}]}"#, note: "what Anthropic's own tools did in earlier turns, and its results" },
    Field { name: "messages.cache_control", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}]}"#, note: "nothing is cached" },
    Field { name: "messages.citations", treatment: ANYTHING, sample: r#"{"messages":[{"role":"user","content":[{"type":"document","citations":{"enabled":true},"source":{"type":"text","media_type":"text/plain","data":"a"}}]}]}"#, note: "" },
    Field { name: "system", treatment: Honoured, sample: r#"{"system":[{"type":"text","text":"a"}]}"#, note: "a text or text blocks" },
    Field { name: "system.cache_control", treatment: ANYTHING, sample: r#"{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}"#, note: "nothing is cached" },
    Field { name: "stream", treatment: Honoured, sample: r#"{"stream":true}"#, note: "" },
    Field { name: "stop_sequences", treatment: Honoured, sample: r#"{"stop_sequences":["a","b"]}"#, note: "up to 64 of at most 1024 bytes; the one that was met is told" },
    Field { name: "thinking", treatment: Honoured, sample: r#"{"thinking":{"type":"adaptive"}}"#, note: "enabled thinks longer, adaptive and between_tools as usual; thoughts are shown only if it is one of these and display is not omitted; less than usual is not to be had, so disabled is named as ignored" },
    Field { name: "thinking.budget_tokens", treatment: NUMBER, sample: r#"{"thinking":{"type":"enabled","budget_tokens":2048}}"#, note: "the web app has no such control" },
    Field { name: "tools", treatment: Emulated, sample: r#"{"tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}]}"#, note: "tools with an input_schema; Anthropic's own client tools without one, and its MCP toolsets, are refused" },
    Field { name: "tools.web_search", treatment: ANYTHING, sample: r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#, note: "the web app searches when it sees fit" },
    Field { name: "tools.web_fetch", treatment: ANYTHING, sample: r#"{"tools":[{"type":"web_fetch_20250910","name":"web_fetch"}]}"#, note: "as above" },
    Field { name: "tools.tool_search_tool", treatment: ANYTHING, sample: r#"{"tools":[{"type":"tool_search_tool_regex_20251119","name":"tool_search_tool_regex"}]}"#, note: "all tools are offered at once" },
    Field { name: "tools.cache_control", treatment: ANYTHING, sample: r#"{"tools":[{"name":"f","input_schema":{},"cache_control":{"type":"ephemeral"}}]}"#, note: "nothing is cached" },
    Field { name: "tool_choice", treatment: Emulated, sample: r#"{"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true}}"#, note: "auto, any, tool, none" },
    Field { name: "output_config", treatment: Emulated, sample: r#"{"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"type":"object"}}}}"#, note: "format; and effort, of which xhigh and max think longer and high is as usual; less than usual is not to be had" },
    Field { name: "output_config.effort", treatment: STRING, sample: r#"{"output_config":{"effort":"low"}}"#, note: "low and medium; see above" },
    Field { name: "output_format", treatment: Emulated, sample: r#"{"output_format":{"type":"json_schema","schema":{"type":"object"}}}"#, note: "the older name of output_config.format; ignored beside it" },
    Field { name: "temperature", treatment: Passed(Knob::Temperature), sample: r#"{"temperature":0.5}"#, note: "the web app has no such control" },
    Field { name: "top_p", treatment: Passed(Knob::TopP), sample: r#"{"top_p":0.5}"#, note: "as above" },
    Field { name: "top_k", treatment: Passed(Knob::TopK), sample: r#"{"top_k":5}"#, note: "as above" },
    Field { name: "metadata", treatment: OBJECT, sample: r#"{"metadata":{"user_id":"u"}}"#, note: "" },
    Field { name: "service_tier", treatment: STRING, sample: r#"{"service_tier":"auto"}"#, note: "" },
    Field { name: "speed", treatment: STRING, sample: r#"{"speed":"fast"}"#, note: "" },
    Field { name: "cache_control", treatment: ANYTHING, sample: r#"{"cache_control":{"type":"ephemeral"}}"#, note: "nothing is cached" },
    Field { name: "context_management", treatment: OBJECT, sample: r#"{"context_management":{"edits":[]}}"#, note: "the conversation is taken as it comes" },
    Field { name: "container", treatment: ANYTHING, sample: r#"{"container":"c"}"#, note: "no code runs here" },
    Field { name: "diagnostics", treatment: OBJECT, sample: r#"{"diagnostics":{}}"#, note: "" },
    Field { name: "fallbacks", treatment: ANYTHING, sample: r#"{"fallbacks":[]}"#, note: "no other model answers than the one that was asked" },
    Field { name: "mcp_servers", treatment: Refused, sample: r#"{"mcp_servers":[{"type":"url","url":"https://example.com/","name":"n"}]}"#, note: "the gateway calls no servers; an empty list is taken" },
    Field { name: "thread", treatment: Refused, sample: r#"{"thread":{"type":"new"}}"#, note: "nothing is stored: send the whole conversation" },
    Field { name: "inference_geo", treatment: Refused, sample: r#"{"inference_geo":"us"}"#, note: "where Google answers cannot be chosen; global is taken" },
];
