//! From frames to the steps of an answer: pieces of text and thoughts, who served, how it ended.

mod history;
mod media;
mod sources;

use std::sync::Arc;

use serde_json::Value;

use self::sources::SourceGroup;
pub(crate) use self::{media::Media, sources::Source};
use super::{
    clean::{Cleaner, without_provisional_end},
    delta::Delta,
    frames::Frame,
    protocol::{Cleanup, Paths, Protocol, field},
};

/// One step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A further piece of the visible answer. Never empty.
    Text(String),
    /// A further piece of the thoughts. Never empty.
    Reasoning(String),
    /// The label of the model that serves, word for word. Comes again if it changes.
    Served(String),
    /// The upstream queues the request, thinks or runs a tool: silence is no sign of death.
    Busy,
    /// The answer is complete: its last pieces came before this. Metadata may follow.
    Complete,
    /// The upstream broke the answer off. Never after [`Step::Complete`].
    Failed(StreamError),
}

/// An error among the frames, inside an HTTP 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamError {
    /// The web app's own code, with the status number beside it.
    Code { code: u32, status: Option<u32> },
    /// Only a status number, like gRPC's.
    Status(u32),
    /// An HTTP status in place of an answer.
    Http(u16),
}

/// Reads one answer. Only the first candidate counts. No Debug: it would print the answer.
pub(crate) struct Reply {
    protocol: Arc<Protocol>,
    incremental: bool,
    text: Track,
    thoughts: Track,
    cid: Option<String>,
    rid: Option<String>,
    rcid: Option<String>,
    label: Option<String>,
    context: Option<String>,
    media: Vec<Media>,
    sources: Vec<SourceGroup>,
    done: bool,
    complete: bool,
    saw_end: bool,
    late_error: Option<StreamError>,
}

/// One growing text: its latest snapshot, and what of it went out.
#[derive(Default)]
struct Track {
    latest: String,
    cleaner: Cleaner,
    delta: Delta,
}

impl Reply {
    /// A reader for one answer. Unless `incremental`, nothing goes out before the text is final, and then all of it.
    pub(crate) fn new(protocol: Arc<Protocol>, incremental: bool) -> Self {
        Self {
            protocol,
            incremental,
            text: Track::default(),
            thoughts: Track::default(),
            cid: None,
            rid: None,
            rcid: None,
            label: None,
            context: None,
            media: Vec::new(),
            sources: Vec::new(),
            done: false,
            complete: false,
            saw_end: false,
            late_error: None,
        }
    }

    /// Takes a frame and appends the steps it makes to `out`. What cannot be read is skipped.
    pub(crate) fn feed(&mut self, frame: &Frame, out: &mut Vec<Step>) {
        for entry in &frame.0 {
            match entry.get(0).and_then(Value::as_str) {
                Some("wrb.fr") => self.answer(entry, out),
                Some("er") => {
                    let status = entry
                        .get(5)
                        .and_then(Value::as_u64)
                        .and_then(|status| u16::try_from(status).ok());
                    self.fail(StreamError::Http(status.unwrap_or_default()), out);
                }
                Some("e") => self.saw_end = true,
                _ => {}
            }
        }
    }

    /// The body is over: what was held back of an answer that never was marked complete goes out as it stands.
    pub(crate) fn final_flush(&mut self, out: &mut Vec<Step>) {
        // A complete answer holds nothing back, and need not be cleaned again to know that.
        if self.complete {
            return;
        }
        let rules = &self.protocol.cleanup;
        out.extend(self.thoughts.finish(rules).map(Step::Reasoning));
        out.extend(self.text.finish(rules).map(Step::Text));
    }

    /// Whether the upstream marked the answer complete.
    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    /// Whether the closing frame came: the body is whole.
    pub(crate) fn saw_end(&self) -> bool {
        self.saw_end
    }

    /// Whether the closing metadata came, which follows a whole answer even if no completion mark did.
    pub(crate) fn done(&self) -> bool {
        self.done
    }

    /// The conversation's id, known before any text.
    pub(crate) fn cid(&self) -> Option<&str> {
        self.cid.as_deref()
    }

    /// The context token; its presence means that the upstream stored the turn, so that it can be read back.
    pub(crate) fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// Links to media of the answer, in its order.
    pub(crate) fn media(&self) -> &[Media] {
        &self.media
    }

    /// The sources of the answer, each with the mark in the text that stands for it. Known when the text is final.
    pub(crate) fn sources(&mut self) -> Vec<Source> {
        if self.sources.is_empty() {
            return Vec::new();
        }
        let rules = &self.protocol.cleanup;
        let cleaned = self.text.cleaner.clean(rules, &self.text.latest, true);
        sources::placed(&self.sources, cleaned.text)
    }

    /// Conversation, turn and candidate, if all are known.
    pub(crate) fn turn(&self) -> Option<[&str; 3]> {
        Some([self.cid.as_deref()?, self.rid.as_deref()?, self.rcid.as_deref()?])
    }

    /// Whether any visible text went out.
    pub(crate) fn has_text(&self) -> bool {
        self.text.delta.has_sent()
    }

    /// Whether any text or thought was received, gone out or not.
    pub(crate) fn has_started(&self) -> bool {
        !self.text.latest.is_empty() || !self.thoughts.latest.is_empty()
    }

    /// How many snapshots contradicted text that had gone out.
    pub(crate) fn rewrites(&self) -> u64 {
        self.text.delta.rewrites() + self.thoughts.delta.rewrites()
    }

    /// An error that came after the complete answer, and so does not matter.
    pub(crate) fn late_error(&self) -> Option<StreamError> {
        self.late_error
    }

    /// An entry of the answer: a document, an error, or a sign of life.
    fn answer(&mut self, entry: &Value, out: &mut Vec<Step>) {
        if let Some(error) = self.error_of(entry) {
            self.fail(error, out);
            return;
        }
        let document = entry.get(2).and_then(Value::as_str);
        match document.map(serde_json::from_str::<Value>) {
            Some(Ok(document)) => self.document(&document, out),
            Some(Err(_)) => {}
            None if field(entry, 5)
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty()) =>
            {
                out.push(Step::Busy);
            }
            None => {}
        }
    }

    fn error_of(&self, entry: &Value) -> Option<StreamError> {
        let paths = &self.protocol.response.error;
        let number = |paths: &Paths| paths.number(entry).and_then(|number| u32::try_from(number).ok());
        let status = number(&paths.status);
        if let Some(code) = number(&paths.code) {
            return Some(StreamError::Code { code, status });
        }
        let status = status.filter(|status| self.protocol.statuses.contains_key(status))?;
        Some(StreamError::Status(status))
    }

    fn fail(&mut self, error: StreamError, out: &mut Vec<Step>) {
        if self.complete {
            self.late_error = Some(error);
        } else {
            out.push(Step::Failed(error));
        }
    }

    fn document(&mut self, document: &Value, out: &mut Vec<Step>) {
        let protocol = Arc::clone(&self.protocol);
        let paths = &protocol.response.document;
        set(&mut self.cid, paths.cid.text(document));
        set(&mut self.rid, paths.rid.text(document));
        set(&mut self.context, paths.context.text(document));
        if set(&mut self.label, paths.label.text(document)) {
            out.extend(self.label.clone().map(Step::Served));
        }
        self.done |= paths.done.get(document) == Some(&Value::Bool(true));
        if let Some(tool) = paths.tool.text(document)
            && protocol.response.busy_tools.iter().any(|busy| busy == tool)
        {
            out.push(Step::Busy);
        }
        if let Some(candidate) = self.candidate_of(&protocol, document) {
            self.candidate(&protocol, candidate, out);
        }
    }

    /// The candidate this answer follows: the first that has an id, and from then on that one.
    fn candidate_of<'a>(&mut self, protocol: &Protocol, document: &'a Value) -> Option<&'a Value> {
        let list = protocol.response.document.candidates.list(document)?;
        let rcid = &protocol.response.candidate.rcid;
        let known = |candidate: &&Value| rcid.text(candidate) == self.rcid.as_deref();
        let candidate = match self.rcid {
            Some(_) => list.iter().find(known),
            None => None,
        };
        let candidate = candidate.or_else(|| list.iter().find(|candidate| rcid.text(candidate).is_some()))?;
        set(&mut self.rcid, rcid.text(candidate));
        Some(candidate)
    }

    fn candidate(&mut self, protocol: &Protocol, candidate: &Value, out: &mut Vec<Step>) {
        let paths = &protocol.response.candidate;
        let finished = paths.status.number(candidate) == Some(protocol.response.complete_status);
        if self.complete && !finished {
            return;
        }
        set_all(&mut self.media, media::of(protocol, candidate));
        set_all(&mut self.sources, sources::of(protocol, candidate));
        let rules = &protocol.cleanup;
        let live = self.incremental;
        if let Some(thoughts) = paths.thoughts.text(candidate) {
            self.thoughts.set(thoughts);
            out.extend(self.thoughts.advance(rules, finished, live).map(Step::Reasoning));
        } else if finished {
            out.extend(self.thoughts.finish(rules).map(Step::Reasoning));
        }
        let text = paths.text.text(candidate).unwrap_or_default();
        let is_card = protocol
            .cleanup
            .card_urls
            .iter()
            .any(|url| text.starts_with(url.as_str()));
        let card = if is_card { paths.card.text(candidate) } else { None };
        if !text.is_empty() {
            self.text.set(card.unwrap_or(text));
            out.extend(self.text.advance(rules, finished, live).map(Step::Text));
        } else if finished {
            out.extend(self.text.finish(rules).map(Step::Text));
        } else if self.has_started() && !self.has_text() {
            out.push(Step::Busy);
        }
        if finished && !self.complete {
            self.complete = true;
            out.push(Step::Complete);
        }
    }
}

impl Track {
    fn set(&mut self, snapshot: &str) {
        self.latest.clear();
        self.latest.push_str(snapshot);
    }

    fn advance(&mut self, rules: &Cleanup, finished: bool, live: bool) -> Option<String> {
        if finished {
            return self.finish(rules);
        }
        if !live {
            return None;
        }
        let cleaned = self.cleaner.clean(rules, without_provisional_end(&self.latest), false);
        self.delta.advance(&cleaned.text[..cleaned.stable])
    }

    fn finish(&mut self, rules: &Cleanup) -> Option<String> {
        let cleaned = self.cleaner.clean(rules, &self.latest, true);
        self.delta.finish(cleaned.text)
    }
}

/// A later list replaces an earlier one, because each snapshot has them all; an empty one does not.
fn set_all<T>(place: &mut Vec<T>, list: Vec<T>) {
    if !list.is_empty() {
        *place = list;
    }
}

/// Keeps a value if there is one; says whether it is new.
fn set(place: &mut Option<String>, value: Option<&str>) -> bool {
    match value {
        Some(value) if place.as_deref() != Some(value) => {
            *place = Some(value.to_owned());
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
