//! Writes the events of a streamed response.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};

use super::{
    echo::Echo,
    items::{Call, Message, Status, Thoughts},
    kept,
    tools::Name,
    write::{Frame, State, separate},
};
use crate::{
    api::{Meta, escape::json_string, openai_error},
    chat::{Citation, FinishReason, ToolCall, Usage},
    error::Failure,
};

/// One stream. At any time at most one item is open, and items are closed in the order they were opened.
pub(super) struct Stream {
    frame: Frame,
    /// Whether later requests may refer to its items.
    keep: bool,
    /// The id of the response, without its prefix.
    id: String,
    /// The number of the next event.
    sequence: u64,
    open: Open,
    /// How many items there are, the open one included.
    items: usize,
    /// The items that are closed, as JSON separated by commas.
    closed: BytesMut,
    /// Thoughts that came amid a message: a message is never cut in two for them.
    late: String,
    /// Visible characters in the messages that are closed.
    before: usize,
    /// Sources that came while no message was open.
    sources: Vec<Citation>,
    /// Whether there is anything but thoughts.
    said: bool,
}

enum Open {
    None,
    /// With everything of a delta event before the piece.
    Message(Message, Box<[u8]>),
    Thoughts(Thoughts, Box<[u8]>),
}

impl Stream {
    pub(super) fn new(meta: &Meta, echo: Echo, keep: bool) -> Self {
        Self {
            frame: Frame::new(meta, echo),
            keep,
            id: meta.id.clone(),
            sequence: 0,
            open: Open::None,
            items: 0,
            closed: BytesMut::new(),
            late: String::new(),
            before: 0,
            sources: Vec::new(),
            said: false,
        }
    }

    pub(super) fn begin(&mut self, out: &mut BytesMut) {
        self.lifecycle("response.created", State::InProgress, None, out);
        self.in_progress(out);
    }

    /// Says that the response is in progress: once at its beginning, and again as a sign of life.
    pub(super) fn in_progress(&mut self, out: &mut BytesMut) {
        self.lifecycle("response.in_progress", State::InProgress, None, out);
    }

    /// A piece of the visible answer.
    pub(super) fn text(&mut self, piece: &str, out: &mut BytesMut) {
        if !matches!(self.open, Open::Message(..)) {
            self.close(Status::Completed, out);
            self.open_message(out);
        }
        let Open::Message(message, head) = &mut self.open else {
            return;
        };
        out.reserve(head.len() + piece.len() + 40);
        out.put_slice(head);
        message.push(piece, out);
        end(&mut self.sequence, out);
    }

    /// A piece of the model's thoughts.
    pub(super) fn thoughts(&mut self, piece: &str, out: &mut BytesMut) {
        match self.open {
            Open::Message(..) => return self.late.push_str(piece),
            Open::None => self.open_thoughts(out),
            Open::Thoughts(..) => {}
        }
        let Open::Thoughts(thoughts, head) = &mut self.open else {
            return;
        };
        out.put_slice(head);
        thoughts.text.push(piece, out);
        end(&mut self.sequence, out);
    }

    /// A call of a tool, whole: its arguments come in one piece.
    pub(super) fn call(&mut self, call: &ToolCall, names: &[Name], out: &mut BytesMut) {
        self.close(Status::Completed, out);
        let said = call;
        let call = Call::new(&self.id, self.items, names, said);
        if self.keep {
            kept::call(&call.place.id, said);
        }
        self.items += 1;
        self.said = true;
        let (index, id) = (call.place.index, call.place.id.as_str());
        let (delta, done) = if call.custom {
            (
                "response.custom_tool_call_input.delta",
                "response.custom_tool_call_input.done",
            )
        } else {
            (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
            )
        };
        self.event("response.output_item.added", out, |out| {
            put_item(out, index, |out| call.put(Status::InProgress, out));
        });
        self.event(delta, out, |out| {
            put_place(out, id, index);
            out.put_slice(b",\"delta\":");
            call.put_arguments(out);
        });
        self.event(done, out, |out| {
            put_place(out, id, index);
            if !call.custom {
                out.put_slice(b",\"name\":");
                call.put_name(out);
            }
            out.put_slice(format!(",\"{}\":", call.field()).as_bytes());
            call.put_arguments(out);
        });
        self.close_item(index, out, |out| call.put(Status::Completed, out));
    }

    /// A source of the answer: of the message that is open, or else of the next one.
    pub(super) fn cite(&mut self, citation: &Citation, out: &mut BytesMut) {
        let Open::Message(message, _) = &mut self.open else {
            return self.sources.push(citation.clone());
        };
        let name = "response.output_text.annotation.added";
        begin(name, out);
        put_place(out, &message.place.id, message.place.index);
        out.put_slice(
            format!(
                ",\"content_index\":0,\"annotation_index\":{},\"annotation\":",
                message.cited
            )
            .as_bytes(),
        );
        message.cite(citation, out);
        end(&mut self.sequence, out);
    }

    /// The end of a complete answer.
    pub(super) fn finish(&mut self, reason: FinishReason, usage: Option<&Usage>, out: &mut BytesMut) {
        let state = State::of(reason);
        if !self.said {
            self.close(Status::Completed, out);
            self.open_message(out);
        }
        self.close(state.of_the_last_item(), out);
        let name = match state {
            State::Incomplete(_) => "response.incomplete",
            _ => "response.completed",
        };
        self.lifecycle(name, state, usage, out);
    }

    /// The end of an answer that broke off. What was open stays open.
    pub(super) fn fail(&mut self, failure: &Failure, out: &mut BytesMut) {
        self.event("error", out, |out| put_error(failure, out));
        self.lifecycle("response.failed", State::Failed(failure), None, out);
    }

    fn open_message(&mut self, out: &mut BytesMut) {
        let message = Message::new(&self.id, self.items, self.before);
        self.items += 1;
        self.said = true;
        let (id, index) = (message.place.id.clone(), message.place.index);
        self.event("response.output_item.added", out, |out| {
            put_item(out, index, |out| message.put(Status::InProgress, out));
        });
        self.event("response.content_part.added", out, |out| {
            put_place(out, &id, index);
            out.put_slice(b",\"content_index\":0,\"part\":");
            message.put_part(out);
        });
        let mut head = BytesMut::new();
        begin("response.output_text.delta", &mut head);
        put_place(&mut head, &id, index);
        head.put_slice(b",\"content_index\":0,\"logprobs\":[],\"delta\":");
        self.open = Open::Message(message, head.as_ref().into());
    }

    fn open_thoughts(&mut self, out: &mut BytesMut) {
        let thoughts = Thoughts::new(&self.id, self.items);
        self.items += 1;
        let (id, index) = (thoughts.place.id.clone(), thoughts.place.index);
        self.event("response.output_item.added", out, |out| {
            put_item(out, index, |out| thoughts.put(false, out));
        });
        self.event("response.reasoning_summary_part.added", out, |out| {
            put_place(out, &id, index);
            out.put_slice(b",\"summary_index\":0,\"part\":");
            thoughts.put_part(out);
        });
        let mut head = BytesMut::new();
        begin("response.reasoning_summary_text.delta", &mut head);
        put_place(&mut head, &id, index);
        head.put_slice(b",\"summary_index\":0,\"delta\":");
        self.open = Open::Thoughts(thoughts, head.as_ref().into());
    }

    /// Closes what is open. Thoughts that came amid a message follow it.
    fn close(&mut self, status: Status, out: &mut BytesMut) {
        if matches!(self.open, Open::Message(..)) {
            for source in std::mem::take(&mut self.sources) {
                self.cite(&source, out);
            }
        }
        match std::mem::replace(&mut self.open, Open::None) {
            Open::None => {}
            Open::Message(message, _) => {
                self.close_message(&message, status, out);
                let late = std::mem::take(&mut self.late);
                if !late.is_empty() {
                    self.thoughts(&late, out);
                    self.close(Status::Completed, out);
                }
            }
            Open::Thoughts(thoughts, _) => self.close_thoughts(&thoughts, out),
        }
    }

    fn close_message(&mut self, message: &Message, status: Status, out: &mut BytesMut) {
        let (id, index) = (message.place.id.as_str(), message.place.index);
        self.before += message.chars;
        if self.keep {
            kept::message(id, message.text.plain());
        }
        self.event("response.output_text.done", out, |out| {
            put_place(out, id, index);
            out.put_slice(b",\"content_index\":0,\"logprobs\":[],\"text\":");
            message.text.put(out);
        });
        self.event("response.content_part.done", out, |out| {
            put_place(out, id, index);
            out.put_slice(b",\"content_index\":0,\"part\":");
            message.put_part(out);
        });
        self.close_item(index, out, |out| message.put(status, out));
    }

    fn close_thoughts(&mut self, thoughts: &Thoughts, out: &mut BytesMut) {
        let (id, index) = (thoughts.place.id.as_str(), thoughts.place.index);
        self.event("response.reasoning_summary_text.done", out, |out| {
            put_place(out, id, index);
            out.put_slice(b",\"summary_index\":0,\"text\":");
            thoughts.text.put(out);
        });
        self.event("response.reasoning_summary_part.done", out, |out| {
            put_place(out, id, index);
            out.put_slice(b",\"summary_index\":0,\"part\":");
            thoughts.put_part(out);
        });
        self.close_item(index, out, |out| thoughts.put(true, out));
    }

    /// Writes the end of an item, and keeps it for the end of the response.
    fn close_item(&mut self, index: usize, out: &mut BytesMut, item: impl FnOnce(&mut BytesMut)) {
        separate(&mut self.closed);
        let from = self.closed.len();
        item(&mut self.closed);
        begin("response.output_item.done", out);
        put_item(out, index, |out| out.put_slice(&self.closed[from..]));
        end(&mut self.sequence, out);
    }

    fn lifecycle(&mut self, name: &str, state: State<'_>, usage: Option<&Usage>, out: &mut BytesMut) {
        begin(name, out);
        out.put_slice(b"\"response\":");
        self.frame.put(state, &self.closed, usage, out);
        end(&mut self.sequence, out);
    }

    fn event(&mut self, name: &str, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
        begin(name, out);
        body(out);
        end(&mut self.sequence, out);
    }
}

/// The beginning of an event, up to its own fields.
fn begin(name: &str, out: &mut BytesMut) {
    for piece in ["event: ", name, "\ndata: {\"type\":\"", name, "\","] {
        out.put_slice(piece.as_bytes());
    }
}

/// The end of an event: its number, which rises by one.
fn end(sequence: &mut u64, out: &mut BytesMut) {
    // Writing to a buffer that grows cannot fail.
    let _ = write!(out, ",\"sequence_number\":{sequence}}}\n\n");
    *sequence += 1;
}

fn put_place(out: &mut BytesMut, id: &str, index: usize) {
    out.put_slice(b"\"item_id\":");
    json_string(out, id);
    out.put_slice(format!(",\"output_index\":{index}").as_bytes());
}

fn put_item(out: &mut BytesMut, index: usize, item: impl FnOnce(&mut BytesMut)) {
    out.put_slice(format!("\"output_index\":{index},\"item\":").as_bytes());
    item(out);
}

/// The fields of an `error` event, in both forms there are: flat, as documented, and as an object, which is what the
/// official libraries look for.
pub(super) fn put_error(failure: &Failure, out: &mut BytesMut) {
    openai_error::put_flat(out, failure);
    out.put_slice(b",\"error\":");
    openai_error::put_object(out, failure);
}
