//! Answers that are one JSON document and nothing else.
//!
//! The model is asked for a document in a code block. What comes back is searched for it: a fence, an introduction and
//! what follows the document are left out, and the document itself keeps its bytes (`syntax` names the two faults that
//! are mended on the way, `entities` a third one). It is then held against the schema. If there is none to be found, or
//! it breaks the schema, the model is told so and asked once more; after that the request fails, since a client that
//! asked for a document would fail on anything else, and later.
//!
//! A stream cannot take back what went out. So where there is a schema, the document is held until it is complete and
//! follows it. Where any object will do, it is passed on as it comes, from the point on where it is one beyond doubt;
//! if it then breaks off, the stream ends in an error. How a text is cut into pieces changes nothing of a document that
//! is complete; of one that breaks off it decides whether it can be asked for again.

mod find;
mod syntax;
mod words;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use serde_json::Value;

use self::find::{Document, Found, Progress, Search, unfenced};
use super::{
    entities,
    reading::{Ending, Reading, Repair, Verdict},
};
use crate::{
    chat::{Event, OutputForm, Request, Schema, Violation},
    error::{Failure, Kind},
};

/// Adds to a request what the model has to know of the form of its answer; nothing where that is plain text.
pub(super) fn prepare(request: &mut Request) {
    if request.form.is_document() {
        words::add(request);
    }
}

/// A reader for the answer to this request; none where it is plain text. `live`: an object may go out as it comes.
///
/// # Errors
/// When the schema is none. Formats look at that when they read a request, so this one was made by other means.
pub(super) fn reader(request: &Request, live: bool) -> Result<Option<DocumentReader>, Failure> {
    let wanted = match &request.form {
        OutputForm::Text | OutputForm::Image => return Ok(None),
        OutputForm::JsonObject => Wanted::Object,
        OutputForm::JsonSchema(wanted) => {
            let unusable = |flaw| Failure::new(Kind::InvalidRequest, format!("The schema cannot be used: {flaw}."));
            Wanted::Following(Schema::new(&wanted.schema).map_err(unusable)?)
        }
    };
    let live = live && matches!(wanted, Wanted::Object);
    Ok(Some(DocumentReader::new(Arc::new(wanted), live, None)))
}

/// Reads an answer for the document in it.
pub(super) struct DocumentReader {
    wanted: Arc<Wanted>,
    /// All that was said, until something went out.
    said: String,
    live: Live,
    /// What was wrong with the first answer, if this is the second.
    earlier: Option<String>,
}

/// What goes out before the end.
enum Live {
    /// Nothing.
    Never,
    /// Nothing yet.
    Looking(Search),
    /// This document.
    Passing(Document),
    /// All of one.
    Complete,
    /// What turned out to be no document.
    Broken,
}

impl DocumentReader {
    fn new(wanted: Arc<Wanted>, live: bool, earlier: Option<String>) -> Self {
        Self {
            wanted,
            said: String::new(),
            live: if live {
                Live::Looking(Search::new())
            } else {
                Live::Never
            },
            earlier,
        }
    }

    /// Passes on what belongs to the document.
    fn pass(&mut self, mut document: Document, piece: &str, out: &mut Vec<Event>) {
        let mut text = String::new();
        self.live = match document.push(piece, &mut text) {
            Progress::Open => Live::Passing(document),
            Progress::Ended(_) => Live::Complete,
            Progress::Broken => Live::Broken,
        };
        say(text, out);
    }

    /// Looks for an object that may go out.
    fn look(&mut self, mut search: Search, out: &mut Vec<Event>) {
        while let Some(found) = search.next(&self.said) {
            let sure = matches!(found, Found::Open | Found::Complete { proven: true });
            if sure && search.text().starts_with('{') {
                self.said = String::new();
                let (document, text) = search.into_open();
                self.live = document.map_or(Live::Complete, Live::Passing);
                return say(text, out);
            }
            if found == Found::Open {
                break;
            }
        }
        self.live = Live::Looking(search);
    }

    /// The end of an answer of which nothing went out.
    fn settle(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict {
        let said = std::mem::take(&mut self.said);
        let fault = match self.wanted.find(&said) {
            Ok(document) => {
                say(document, out);
                return Verdict::Done;
            }
            Err(fault) => fault,
        };
        match ending {
            Ending::Whole => {
                let live = !matches!(self.live, Live::Never);
                Verdict::Repair(Repair {
                    said: shown_again(said),
                    complaint: words::complaint(&fault),
                    next: Box::new(Self::new(Arc::clone(&self.wanted), live, Some(fault))),
                })
            }
            Ending::Last => Verdict::Fail(refused(&fault)),
            Ending::Cut => {
                say(begun(&said), out);
                Verdict::Done
            }
        }
    }
}

impl Reading for DocumentReader {
    fn push(&mut self, piece: String, out: &mut Vec<Event>) {
        match std::mem::replace(&mut self.live, Live::Never) {
            Live::Never => self.said.push_str(&piece),
            Live::Looking(search) => {
                self.said.push_str(&piece);
                self.look(search, out);
            }
            Live::Passing(document) => self.pass(document, &piece, out),
            // What follows a document is no part of the answer.
            ended @ (Live::Complete | Live::Broken) => self.live = ended,
        }
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict {
        match &self.live {
            Live::Never | Live::Looking(_) => self.settle(ending, out),
            Live::Complete => Verdict::Done,
            Live::Passing(_) if ending == Ending::Cut => Verdict::Done,
            Live::Passing(_) => Verdict::Fail(broken_off("it ends before the JSON object does")),
            Live::Broken => Verdict::Fail(broken_off("it goes on as no JSON object can")),
        }
    }

    fn lost(&mut self, failure: Failure, _out: &mut Vec<Event>) -> Verdict {
        Verdict::Fail(match &self.earlier {
            // It is the gateway that made the conversation longer: the client can shorten nothing.
            Some(fault) if failure.kind() == Kind::ContextLength => refused(fault),
            _ => failure,
        })
    }
}

/// What the document has to be.
enum Wanted {
    Object,
    Following(Schema),
}

impl Wanted {
    /// The document in a text that has ended, or what is wrong, as the end of a sentence.
    fn find(&self, said: &str) -> Result<String, String> {
        self.find_in(said).or_else(|fault| {
            let read = entities::read(said);
            read.and_then(|said| self.find_in(&said).ok()).ok_or(fault)
        })
    }

    fn find_in(&self, said: &str) -> Result<String, String> {
        let whole = unfenced(said);
        // As it stands: it need not have brackets, and what has is not looked into.
        let mut fault = match self.fault(whole) {
            None => return Ok(whole.to_owned()),
            Some(fault) => fault,
        };
        // Then the fault to tell is that of what may be a document in it.
        let with_more = matches!(fault, Fault::Syntax(_)) && !whole.starts_with(['{', '[']);
        if with_more {
            fault = Fault::Absent;
        }
        let mut doubtful = None;
        let mut search = Search::new();
        while let Some(found) = search.next(said) {
            let text = search.text();
            let (complete, proven) = match found {
                Found::Complete { proven } => (true, proven),
                Found::Open | Found::Broken => (false, true),
            };
            let wrong = match found {
                Found::Broken => Some(Fault::Broken(text.chars().count())),
                Found::Open | Found::Complete { .. } => self.fault(text),
            };
            match wrong {
                None if proven => return Ok(text.to_owned()),
                None => doubtful = doubtful.or_else(|| Some(text.to_owned())),
                Some(wrong) if proven && (complete || with_more) => fault = wrong,
                Some(_) => {}
            }
            if found == Found::Open {
                break;
            }
        }
        doubtful.ok_or_else(|| fault.to_string())
    }

    /// Why this text is not the document.
    fn fault(&self, text: &str) -> Option<Fault> {
        /// As many rules as a model puts right at a time.
        const MOST: usize = 5;
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => return Some(Fault::Syntax(error)),
        };
        match self {
            Wanted::Object if value.is_object() => None,
            Wanted::Object => Some(Fault::NoObject),
            Wanted::Following(schema) => {
                let broken = schema.violations(&value, MOST);
                (!broken.is_empty()).then_some(Fault::Rules(broken))
            }
        }
    }
}

/// What is wrong with an answer. It shows nothing of it but names of fields.
enum Fault {
    /// There is nothing like a document in it.
    Absent,
    /// The document is none.
    Syntax(serde_json::Error),
    /// What looked like it goes on as none does after so many characters.
    Broken(usize),
    /// It has another root.
    NoObject,
    /// It breaks these rules of the schema.
    Rules(Vec<Violation>),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Absent => f.write_str("there is no JSON document in it"),
            Fault::Syntax(error) => write!(f, "it is not valid JSON: {error}"),
            Fault::Broken(after) => write!(f, "the JSON in it is broken after its character {after}"),
            Fault::NoObject => f.write_str("it is not one JSON object"),
            Fault::Rules(broken) => {
                f.write_str("it does not follow the JSON schema")?;
                for (index, rule) in broken.iter().enumerate() {
                    let separator = if index == 0 { ": " } else { "; " };
                    write!(f, "{separator}{rule}")?;
                }
                Ok(())
            }
        }
    }
}

/// What there is of a document in a text that was cut; without one, the text.
fn begun(said: &str) -> String {
    let mut search = Search::new();
    while let Some(found) = search.next(said) {
        if found == Found::Open {
            return search.text().to_owned();
        }
    }
    said.to_owned()
}

/// The faulty answer as the model sees it again. Its beginning does: the request must not outgrow what fits.
fn shown_again(mut said: String) -> String {
    const MOST: usize = 8 << 10;
    if said.len() > MOST {
        said.truncate(said.floor_char_boundary(MOST));
        said.push_str("\n[...]");
    }
    said
}

fn refused(fault: &str) -> Failure {
    Failure::new(
        Kind::UpstreamInvalidOutput,
        format!(
            "The model did not answer with the JSON document that was asked for, nor could it be brought to: {fault}. \
             Say in the prompt what the document is about, or ask for a simpler one."
        ),
    )
}

fn broken_off(fault: &str) -> Failure {
    Failure::new(
        Kind::UpstreamInvalidOutput,
        format!(
            "The answer breaks off: {fault}, and it was streamed too far to be asked for again. Ask again, without \
             streaming or with a schema: then an answer is checked before it goes out."
        ),
    )
}

fn say(text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Text(text));
    }
}
