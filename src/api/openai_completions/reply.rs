//! The events of an answer as a completion.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    api::{Meta, Reply, escape::json_string, openai_error},
    chat::{Answer, Event, FinishReason, Usage},
    error::Failure,
};

/// One answer on its way to the client.
pub(super) struct CompletionReply {
    include_usage: bool,
    /// What comes before the answer.
    echo: String,
    /// What all chunks begin with, up to the inside of `choices`.
    head: Box<[u8]>,
}

impl CompletionReply {
    pub(super) fn new(include_usage: bool, echo: String) -> Self {
        Self {
            include_usage,
            echo,
            head: Box::default(),
        }
    }

    fn chunk(&self, text: &str, finish: Option<FinishReason>, out: &mut BytesMut) {
        out.put_slice(b"data: ");
        out.put_slice(&self.head);
        put_choice(text, finish, out);
        out.put_slice(b"]}\n\n");
    }
}

impl Reply for CompletionReply {
    fn whole(&self, meta: &Meta, answer: &Answer, usage: &Usage) -> Bytes {
        let mut out = head(meta);
        let text = [self.echo.as_str(), &answer.text].concat();
        put_choice(&text, Some(answer.finish.unwrap_or(FinishReason::Length)), &mut out);
        out.put_slice(b"],\"usage\":");
        put_usage(usage, &mut out);
        out.put_slice(b"}");
        out.freeze()
    }

    fn counts_tokens(&self) -> bool {
        self.include_usage
    }

    fn begin(&mut self, meta: &Meta, out: &mut BytesMut) {
        self.head = head(meta).as_ref().into();
        if !self.echo.is_empty() {
            let echo = std::mem::take(&mut self.echo);
            self.chunk(&echo, None, out);
        }
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if let Event::Text(piece) = event {
            self.chunk(piece, None, out);
        }
    }

    fn nothing(&mut self, out: &mut BytesMut) {
        self.chunk("", None, out);
    }

    fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        self.chunk("", Some(reason), out);
        if let Some(usage) = usage {
            out.put_slice(b"data: ");
            out.put_slice(&self.head);
            out.put_slice(b"],\"usage\":");
            put_usage(usage, out);
            out.put_slice(b"}\n\n");
        }
        out.put_slice(b"data: [DONE]\n\n");
    }

    fn error(&mut self, failure: &Failure, out: &mut BytesMut) {
        out.put_slice(b"data: ");
        openai_error::put(out, failure);
        out.put_slice(b"\n\n");
    }
}

/// What an answer and each of its chunks begin with, up to the inside of `choices`.
fn head(meta: &Meta) -> BytesMut {
    let mut out = BytesMut::new();
    let (id, created) = (&meta.id, meta.created);
    out.put_slice(
        format!("{{\"id\":\"cmpl-{id}\",\"object\":\"text_completion\",\"created\":{created},\"model\":").as_bytes(),
    );
    json_string(&mut out, &meta.model);
    out.put_slice(b",\"choices\":[");
    out
}

fn put_choice(text: &str, finish: Option<FinishReason>, out: &mut BytesMut) {
    out.put_slice(b"{\"text\":");
    json_string(out, text);
    out.put_slice(b",\"index\":0,\"logprobs\":null,\"finish_reason\":");
    match finish {
        Some(reason) => json_string(out, &reason.to_string()),
        None => out.put_slice(b"null"),
    }
    out.put_slice(b"}");
}

fn put_usage(usage: &Usage, out: &mut BytesMut) {
    let (prompt, completion, total) = (usage.prompt, usage.completion, usage.total());
    let usage = format!("{{\"prompt_tokens\":{prompt},\"completion_tokens\":{completion},\"total_tokens\":{total}}}");
    out.put_slice(usage.as_bytes());
}
