//! Reads an answer for calls.

use std::{mem, sync::Arc};

use serde_json::Value;

use super::{
    super::reading::{Ending, Reading, Repair, Verdict},
    arguments::{Checker, Found},
    extract::{Block, Extractor, Piece},
};
use crate::{
    chat::{Event, FinishReason, Note, Request, ToolCall, ToolChoice},
    error::Failure,
};

/// Reads the first turn.
///
/// Text goes out as it comes and calls when their block is closed, up to the first block that is no valid call: from
/// there on everything is held back, because it will be said again. When a call must come, all text is held back
/// until one has.
///
/// Text keeps all its white space. Only what stands between the calls, or between a call and the beginning or the end
/// of the answer, and is nothing but white space, belongs to the calls and goes with them.
pub(super) struct First {
    checker: Checker,
    extractor: Extractor,
    pieces: Vec<Piece>,
    /// All of the text, for the model to see again.
    said: String,
    /// White space of which it is not known yet whether text follows.
    space: String,
    /// Nothing but white space has come since the beginning or the last call.
    at_edge: bool,
    calls: Calls,
    /// What is wrong with the first block that is no call.
    fault: Option<String>,
    /// What is held back because of it, or because a call must come first.
    held: String,
}

/// The calls that went out.
struct Calls {
    made: Vec<ToolCall>,
    /// Whether there may be several.
    parallel: bool,
    /// Whether there must be one.
    required: bool,
}

impl Calls {
    fn new(request: &Request) -> Self {
        let toolbox = request.tools.as_ref();
        Self {
            made: Vec::new(),
            parallel: toolbox.is_none_or(|toolbox| toolbox.parallel),
            required: toolbox.is_some_and(|toolbox| toolbox.choice != ToolChoice::Auto),
        }
    }

    /// Whether no further call may come.
    fn full(&self) -> bool {
        !self.parallel && !self.made.is_empty()
    }

    /// Whether text has to wait for a call.
    fn awaited(&self) -> bool {
        self.required && self.made.is_empty()
    }

    /// Lets a call out, unless there may be no more.
    fn make(&mut self, found: Found, out: &mut Vec<Event>) {
        if self.full() {
            return;
        }
        if found.unchecked {
            out.push(Event::Note(Note {
                name: "unchecked-tool-schema",
                value: found.name.clone(),
            }));
        }
        let call = ToolCall {
            id: new_id(),
            name: found.name,
            arguments: found.arguments,
        };
        self.made.push(call.clone());
        out.push(Event::ToolCall(call));
    }

    /// How an answer ends of which nothing is left to say.
    fn verdict(&self) -> Verdict {
        if self.made.is_empty() {
            Verdict::Done
        } else {
            Verdict::DoneWith(FinishReason::ToolCalls)
        }
    }
}

impl First {
    pub(super) fn new(request: Arc<Request>) -> Self {
        Self {
            calls: Calls::new(&request),
            checker: Checker::new(request),
            extractor: Extractor::new(),
            pieces: Vec::new(),
            said: String::new(),
            space: String::new(),
            at_edge: true,
            fault: None,
            held: String::new(),
        }
    }

    fn take(&mut self, out: &mut Vec<Event>) {
        let mut pieces = mem::take(&mut self.pieces);
        for piece in pieces.drain(..) {
            match piece {
                Piece::Text(text) => self.text(text, out),
                Piece::Block(block) => self.block(block, out),
            }
        }
        // Its room is used again.
        self.pieces = pieces;
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if self.fault.is_some() || self.calls.awaited() {
            self.held.push_str(&text);
        } else if !self.at_edge {
            out.push(Event::Text(text));
        } else if text.trim_ascii().is_empty() {
            self.space.push_str(&text);
        } else {
            self.at_edge = false;
            out.push(Event::Text(mem::take(&mut self.space) + &text));
        }
    }

    fn block(&mut self, block: Block, out: &mut Vec<Event>) {
        // Where one call is wanted, the first is it, whatever the others are.
        if self.calls.full() {
            return;
        }
        if self.fault.is_some() {
            return self.held.push_str(&block.raw);
        }
        match self.checker.calls(block.inside()) {
            Ok(found) => {
                if self.calls.awaited() {
                    self.release_before_call(out);
                }
                self.space.clear();
                self.at_edge = true;
                for call in found {
                    self.calls.make(call, out);
                }
            }
            Err(fault) => {
                self.held.push_str(&mem::take(&mut self.space));
                self.held.push_str(&block.raw);
                self.fault = Some(fault);
            }
        }
    }

    /// The call that text was waiting for has come.
    fn release_before_call(&mut self, out: &mut Vec<Event>) {
        let held = mem::take(&mut self.held);
        if !held.trim_ascii().is_empty() {
            out.push(Event::Text(held));
        }
    }

    /// What the model is told of its answer, if that has to be put right.
    fn complaint(&self) -> Option<String> {
        if let Some(fault) = &self.fault {
            let before = match self.calls.made.len() {
                0 => String::new(),
                n => format!(" The first {n} of your calls were carried out: do not repeat them."),
            };
            return Some(format!(
                "A tool_call block of your last reply could not be carried out. {fault}{before} Write that call again, \
                 corrected, and all calls that came after it, each in a tool_call block and with no other text."
            ));
        }
        self.calls.awaited().then(|| {
            "Your last reply called no tool, but this time a call must come. Write it in a tool_call block, with no \
             other text."
                .to_owned()
        })
    }
}

impl Reading for First {
    fn push(&mut self, piece: String, out: &mut Vec<Event>) {
        self.said.push_str(&piece);
        self.extractor.push(piece, &mut self.pieces);
        self.take(out);
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict {
        self.extractor.finish(ending != Ending::Cut, &mut self.pieces);
        self.take(out);
        if let Some(complaint) = self.complaint().filter(|_| ending == Ending::Whole) {
            return Verdict::Repair(Repair {
                said: mem::take(&mut self.said),
                complaint,
                next: Box::new(Second::after(self)),
            });
        }
        if self.calls.made.is_empty() {
            put(out, mem::take(&mut self.space));
        }
        put(out, mem::take(&mut self.held));
        self.calls.verdict()
    }
}

/// Reads the second turn: for calls alone. Without one, the first turn's answer stands as it was.
struct Second {
    checker: Checker,
    extractor: Extractor,
    pieces: Vec<Piece>,
    calls: Calls,
    /// How many calls the first turn made.
    before: usize,
    /// What the first turn left unsaid.
    left: String,
}

impl Second {
    fn after(first: &mut First) -> Self {
        let request = first.checker.request();
        let calls = mem::replace(&mut first.calls, Calls::new(&request));
        Self {
            checker: Checker::new(request),
            extractor: Extractor::new(),
            pieces: Vec::new(),
            before: calls.made.len(),
            calls,
            left: mem::take(&mut first.held),
        }
    }

    fn take(&mut self, out: &mut Vec<Event>) {
        for piece in self.pieces.drain(..) {
            let Piece::Block(block) = piece else { continue };
            for found in self.checker.calls(block.inside()).unwrap_or_default() {
                let same = |made: &ToolCall| is_same(made, &found);
                if !self.calls.made[..self.before].iter().any(same) {
                    self.calls.make(found, out);
                }
            }
        }
    }

    /// The end of an answer that brought nothing new.
    fn settle(&mut self, out: &mut Vec<Event>) -> Verdict {
        if self.calls.made.len() == self.before {
            put(out, mem::take(&mut self.left));
        }
        self.calls.verdict()
    }
}

impl Reading for Second {
    fn push(&mut self, piece: String, out: &mut Vec<Event>) {
        self.extractor.push(piece, &mut self.pieces);
        self.take(out);
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict {
        self.extractor.finish(ending != Ending::Cut, &mut self.pieces);
        self.take(out);
        self.settle(out)
    }

    /// The first turn was an answer, if not the one that was wanted. Only calls that came in between do not go with it.
    fn lost(&mut self, failure: Failure, out: &mut Vec<Event>) -> Verdict {
        if self.calls.made.len() > self.before {
            return Verdict::Fail(failure);
        }
        tracing::info!(
            code = failure.kind().facts().code,
            "the second turn failed; the first one stands"
        );
        self.settle(out)
    }
}

/// Whether a call was made before: models repeat what they were told not to.
fn is_same(made: &ToolCall, found: &Found) -> bool {
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    made.name == found.name
        && (made.arguments == found.arguments
            || value(&made.arguments).is_some_and(|made| Some(made) == value(&found.arguments)))
}

fn put(out: &mut Vec<Event>, text: String) {
    if !text.is_empty() {
        out.push(Event::Text(text));
    }
}

/// Clients tie results to ids over a whole conversation, so no two may ever be the same.
fn new_id() -> String {
    const RANDOM: usize = 24;
    let random = std::iter::repeat_with(fastrand::alphanumeric).take(RANDOM);
    "call_".chars().chain(random).collect()
}

#[cfg(test)]
mod tests;
