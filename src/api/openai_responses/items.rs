//! The items of an output: what they are named, and how they are written.

use bytes::{BufMut, BytesMut};

use super::tools::Name;
use crate::{
    api::escape::json_string,
    chat::{Citation, ToolCall},
};

/// How the ids of thoughts begin: a later request may refer to them, and is told from others by it.
pub(super) const THOUGHTS: &str = "rs_";
const MESSAGE: &str = "msg_";
const FUNCTION_CALL: &str = "fc_";
const CUSTOM_CALL: &str = "ctc_";

/// The state of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Status::InProgress => "in_progress",
            Status::Completed => "completed",
            Status::Incomplete => "incomplete",
        }
    }
}

/// Which item of which response: its id and its place among the others.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) index: usize,
}

impl Place {
    fn new(prefix: &str, response: &str, index: usize) -> Self {
        Self {
            id: format!("{prefix}{response}_{index}"),
            index,
        }
    }
}

/// A text that grows, kept as JSON: it is needed again when the item is done, and when the response is.
#[derive(Clone, Debug, Default)]
pub(super) struct Growing {
    escaped: BytesMut,
}

impl Growing {
    /// Adds a piece, and appends it to `out` as a JSON string.
    pub(super) fn push(&mut self, piece: &str, out: &mut BytesMut) {
        let from = out.len();
        json_string(out, piece);
        self.escaped.put_slice(&out[from + 1..out.len() - 1]);
    }

    /// All of it, as it came.
    pub(super) fn plain(&self) -> String {
        let mut json = BytesMut::new();
        self.put(&mut json);
        // It was written as JSON here, so it is some.
        serde_json::from_slice(&json).unwrap_or_default()
    }

    /// All of it as a JSON string.
    pub(super) fn put(&self, out: &mut BytesMut) {
        out.reserve(self.escaped.len() + 2);
        out.put_u8(b'"');
        out.put_slice(&self.escaped);
        out.put_u8(b'"');
    }
}

/// A message of the assistant, with one part.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) place: Place,
    pub(super) text: Growing,
    /// The text's length in Unicode characters.
    pub(super) chars: usize,
    /// The answer's visible characters before this message.
    before: usize,
    /// JSON, separated by commas.
    annotations: BytesMut,
    pub(super) cited: usize,
}

impl Message {
    pub(super) fn new(response: &str, index: usize, before: usize) -> Self {
        Self {
            place: Place::new(MESSAGE, response, index),
            text: Growing::default(),
            chars: 0,
            before,
            annotations: BytesMut::new(),
            cited: 0,
        }
    }

    /// Adds a piece, and appends it to `out` as a JSON string.
    pub(super) fn push(&mut self, piece: &str, out: &mut BytesMut) {
        self.text.push(piece, out);
        self.chars += piece.chars().count();
    }

    /// Adds a source, and appends it to `out`.
    pub(super) fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        let within = |at: usize| at.saturating_sub(self.before).min(self.chars);
        let (start, end) = citation
            .passage
            .map_or((0, self.chars), |(start, end)| (within(start), within(end)));
        let from = out.len();
        out.put_slice(
            format!("{{\"type\":\"url_citation\",\"start_index\":{start},\"end_index\":{end},\"url\":").as_bytes(),
        );
        json_string(out, &citation.url);
        out.put_slice(b",\"title\":");
        json_string(out, &citation.title);
        out.put_u8(b'}');
        if self.cited > 0 {
            self.annotations.put_u8(b',');
        }
        self.annotations.put_slice(&out[from..]);
        self.cited += 1;
    }

    /// The part that holds the text.
    pub(super) fn put_part(&self, out: &mut BytesMut) {
        out.put_slice(b"{\"type\":\"output_text\",\"annotations\":[");
        out.put_slice(&self.annotations);
        out.put_slice(b"],\"logprobs\":[],\"text\":");
        self.text.put(out);
        out.put_u8(b'}');
    }

    /// The item. One in progress has no content yet.
    pub(super) fn put(&self, status: Status, out: &mut BytesMut) {
        put_head(out, &self.place.id, "message");
        put_status(out, status);
        out.put_slice(b",\"role\":\"assistant\",\"content\":[");
        if status != Status::InProgress {
            self.put_part(out);
        }
        out.put_slice(b"]}");
    }
}

/// Thoughts, told as a summary of one part: they are no more than that, and clients show nothing else.
#[derive(Clone, Debug)]
pub(super) struct Thoughts {
    pub(super) place: Place,
    pub(super) text: Growing,
}

impl Thoughts {
    pub(super) fn new(response: &str, index: usize) -> Self {
        Self {
            place: Place::new(THOUGHTS, response, index),
            text: Growing::default(),
        }
    }

    pub(super) fn put_part(&self, out: &mut BytesMut) {
        out.put_slice(b"{\"type\":\"summary_text\",\"text\":");
        self.text.put(out);
        out.put_u8(b'}');
    }

    /// The item, with its summary when it is `done`.
    pub(super) fn put(&self, done: bool, out: &mut BytesMut) {
        put_head(out, &self.place.id, "reasoning");
        out.put_slice(b",\"summary\":[");
        if done {
            self.put_part(out);
        }
        out.put_slice(b"]}");
    }
}

/// A call of one of the client's tools.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    pub(super) place: Place,
    pub(super) custom: bool,
    name: &'a str,
    namespace: Option<&'a str>,
    call: &'a ToolCall,
}

impl<'a> Call<'a> {
    /// A tool that is not among the names is a function of its own name.
    pub(super) fn new(response: &str, index: usize, names: &'a [Name], call: &'a ToolCall) -> Self {
        let known = names.iter().find(|name| name.known_as == call.name);
        let custom = known.is_some_and(|name| name.custom);
        let prefix = if custom { CUSTOM_CALL } else { FUNCTION_CALL };
        Self {
            place: Place::new(prefix, response, index),
            custom,
            name: known.map_or(&call.name, |name| &name.name),
            namespace: known.and_then(|name| name.namespace.as_deref()),
            call,
        }
    }

    /// What its arguments are called.
    pub(super) fn field(&self) -> &'static str {
        if self.custom { "input" } else { "arguments" }
    }

    pub(super) fn put_name(&self, out: &mut BytesMut) {
        json_string(out, self.name);
    }

    pub(super) fn put_arguments(&self, out: &mut BytesMut) {
        json_string(out, &self.call.arguments);
    }

    /// The item. One in progress has empty arguments.
    pub(super) fn put(&self, status: Status, out: &mut BytesMut) {
        put_head(
            out,
            &self.place.id,
            if self.custom {
                "custom_tool_call"
            } else {
                "function_call"
            },
        );
        put_status(out, status);
        out.put_slice(b",\"call_id\":");
        json_string(out, &self.call.id);
        if let Some(namespace) = self.namespace {
            out.put_slice(b",\"namespace\":");
            json_string(out, namespace);
        }
        out.put_slice(b",\"name\":");
        self.put_name(out);
        out.put_slice(format!(",\"{}\":", self.field()).as_bytes());
        if status == Status::InProgress {
            out.put_slice(b"\"\"");
        } else {
            self.put_arguments(out);
        }
        out.put_u8(b'}');
    }
}

fn put_head(out: &mut BytesMut, id: &str, kind: &str) {
    out.put_slice(b"{\"id\":");
    json_string(out, id);
    out.put_slice(format!(",\"type\":\"{kind}\"").as_bytes());
}

fn put_status(out: &mut BytesMut, status: Status) {
    out.put_slice(format!(",\"status\":\"{}\"", status.word()).as_bytes());
}
