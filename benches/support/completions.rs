//! What the upstream says as a server that speaks OpenAI's chat completions: bytes made once, in the shapes of vLLM.

use bytes::Bytes;

use super::wire::{self, Shape};

/// The model it has. It answers for no other: the gateway's clients ask with the upstream's name before this.
pub(super) const MODEL: &str = "bench";

const ID: &str = "chatcmpl-5ad1b0d64f0b4d0b9b7a0d3b3b1f7c11";
const CREATED: u32 = 1_795_176_562;

/// Whether this body asks for [`MODEL`], as the load generator and the gateway write it.
pub(super) fn is_for_it(body: &[u8]) -> bool {
    memchr::memmem::find(body, format!("\"model\":\"{MODEL}\"").as_bytes()).is_some()
}

/// The list of models.
pub(super) fn models() -> Bytes {
    Bytes::from(format!(
        r#"{{"object":"list","data":[{{"id":"{MODEL}","object":"model","created":{CREATED},"owned_by":"vllm","root":"{MODEL}","parent":null,"max_model_len":32768}}]}}"#
    ))
}

/// A whole answer with the text of [`Shape::Whole`].
pub(super) fn whole() -> Bytes {
    let text = Shape::Whole.text();
    Bytes::from(format!(
        r#"{{"id":"{ID}","object":"chat.completion","created":{CREATED},"model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null}},"logprobs":null,"finish_reason":"stop","stop_reason":null}}],"service_tier":null,"system_fingerprint":null,"usage":{{"prompt_tokens":21,"total_tokens":65,"completion_tokens":44,"prompt_tokens_details":null}},"prompt_logprobs":null}}"#
    ))
}

/// A streamed answer with the text of [`Shape::Stream`], an event in each chunk: the role, the pieces, the end without
/// usage, as nobody asks for it, and the mark.
pub(super) fn chunks() -> Vec<Bytes> {
    let role = event(r#"{"role":"assistant","content":""}"#, "null");
    let pieces = wire::pieces();
    let pieces = pieces
        .iter()
        .map(|piece| event(&format!(r#"{{"content":"{piece}"}}"#), "null"));
    let end = event(r#"{"content":""}"#, r#""stop","stop_reason":null"#);
    let done = Bytes::from_static(b"data: [DONE]\n\n");
    std::iter::once(role).chain(pieces).chain([end, done]).collect()
}

fn event(delta: &str, reason: &str) -> Bytes {
    Bytes::from(format!(
        "data: {{\"id\":\"{ID}\",\"object\":\"chat.completion.chunk\",\"created\":{CREATED},\"model\":\"{MODEL}\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
    ))
}
