//! The frames of one answer: planned first, written one at a time when their turn comes, so that a long answer in many
//! growing snapshots never stands in memory as a whole.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    account::candidate,
    rpc::slots,
    text::cuts,
    token::unix_seconds,
    wire::{self, Wire},
    words::Plan,
};

/// One text frame for so many characters of text, at most [`DEFAULT_FRAMES`] of them.
const CHARS_PER_FRAME: usize = 24;
const DEFAULT_FRAMES: usize = 20;
/// How many characters a shorter snapshot lacks, and how many a draft has wrong.
const SHRINK: usize = 10;
const DRAFT: &str = "DRAFT~";
/// By how many units a wrong length is wrong.
const EXCESS: usize = 7;

/// One answer.
pub(super) struct Script {
    pub(super) cid: String,
    pub(super) rid: String,
    pub(super) rcid: String,
    /// Of a new conversation.
    pub(super) title: Option<String>,
    /// Name of the model that served.
    pub(super) label: String,
    /// The context token, if the turn is stored.
    pub(super) context: Option<String>,
    pub(super) text: Arc<str>,
    pub(super) thoughts: Arc<str>,
    /// What stands beside the text.
    pub(super) rich: Option<Value>,
    pub(super) steps: Vec<Step>,
}

/// One frame to come.
pub(super) struct Step {
    /// How long to wait before it.
    pub(super) wait: Duration,
    what: What,
}

enum What {
    /// The ids, without text.
    Ids,
    /// "Still queueing."
    Queue,
    Snapshot(Snapshot),
    /// A frame of the right length whose JSON is broken.
    Malformed,
    Title,
    Error {
        code: u32,
        grpc: u32,
    },
    /// Bookkeeping.
    Trailer,
    /// The last frame, with the total.
    End,
}

/// The answer so far.
#[derive(Clone, Copy, Default)]
struct Snapshot {
    /// Where the text is cut, in bytes.
    text: usize,
    /// What stands after it that is not part of the answer.
    suffix: &'static str,
    /// Where the thoughts are cut, in bytes.
    thoughts: usize,
    complete: bool,
    wrong_length: bool,
}

impl Script {
    /// Fills in the steps.
    pub(super) fn plan(&mut self, plan: &Plan, error: Option<u32>) {
        let mut steps = Vec::new();
        let mut add = |what| steps.push(Step { wait: plan.delay, what });
        let fault = error.map(|code| What::Error {
            code,
            grpc: plan.grpc.unwrap_or(13),
        });
        match fault {
            Some(fault) if plan.error_replaces_answer() => add(fault),
            fault => {
                add(What::Ids);
                (0..plan.queue).for_each(|_| add(What::Queue));
                self.snapshots(plan, fault, &mut add);
            }
        }
        if let Some(first) = steps.first_mut() {
            first.wait = plan.first;
        }
        if !plan.no_trailer {
            steps.extend([What::Trailer, What::End].map(Step::at_once));
        }
        self.steps = steps;
    }

    /// How long all of it takes.
    pub(super) fn duration(&self) -> Duration {
        self.steps
            .iter()
            .fold(Duration::ZERO, |sum, step| sum.saturating_add(step.wait))
    }

    /// One frame in bytes.
    pub(super) fn write(&self, step: &Step, wire: &mut Wire) -> String {
        match &step.what {
            What::Ids => wire.frame(&wire::answer_entry(&self.document(json!({"18": self.rid}), []))),
            What::Queue => wire.frame(r#"[["wrb.fr",null,null,null,null,[1]]]"#),
            What::Snapshot(snapshot) => self.write_snapshot(snapshot, wire),
            What::Malformed => wire.frame(r#"[["wrb.fr",null,"[null,[\"c_broken"#),
            What::Title => {
                let data = json!({"11": [self.title], "44": true});
                wire.frame(&wire::answer_entry(&self.document(data, [])))
            }
            What::Error { code, grpc } => wire.frame(&json!([wire::error_entry(*code, *grpc)]).to_string()),
            What::Trailer => wire.frame(r#"[["di",1203],["af.httprm",1203,"-6402145873359213478",35]]"#),
            What::End => wire.close(),
        }
    }

    /// Thoughts, then text, then what comes after it. Faults are numbered by these frames, from 1.
    fn snapshots(&self, plan: &Plan, mut fault: Option<What>, add: &mut impl FnMut(What)) {
        let steps = match plan.empty {
            true => Vec::new(),
            false => self.growth(plan),
        };
        let last = steps.len();
        for (number, mut snapshot) in (1..).zip(steps) {
            snapshot.complete = number == last && !plan.no_complete;
            snapshot.wrong_length = number == plan.bad_length;
            if number == plan.malformed {
                add(What::Malformed);
            }
            add(What::Snapshot(snapshot));
            if number == plan.error_at
                && let Some(fault) = fault.take()
            {
                return add(fault);
            }
        }
        if self.title.is_some() && last > 0 {
            add(What::Title);
        }
        if let Some(fault) = fault {
            add(fault);
        }
    }

    /// The snapshots of thoughts and text, with the unevenness asked for.
    fn growth(&self, plan: &Plan) -> Vec<Snapshot> {
        let count = self.text.chars().count();
        let frames = plan
            .frames
            .unwrap_or((count / CHARS_PER_FRAME).clamp(1, DEFAULT_FRAMES));
        let cuts = match plan.empty_text {
            true => vec![0],
            false => cuts(&self.text, frames),
        };
        let mut steps = Vec::new();
        if !self.thoughts.is_empty() {
            let thinking = self::cuts(&self.thoughts, (frames / 2).max(1)).into_iter();
            steps.extend(thinking.map(|thoughts| Snapshot {
                thoughts,
                ..Snapshot::default()
            }));
        }
        let last = cuts.len();
        for (number, cut) in (1..).zip(cuts) {
            let mut snapshot = Snapshot {
                text: cut,
                thoughts: self.thoughts.len(),
                ..Snapshot::default()
            };
            if number < plan.rewrite {
                snapshot.text = self.back(cut, DRAFT.len());
                snapshot.suffix = DRAFT;
            }
            if plan.flicker && number < last {
                snapshot.suffix = if number % 2 == 0 { "\\*" } else { "\n```" };
            }
            steps.push(snapshot);
            if number == plan.shrink && number < last {
                let text = self.back(snapshot.text, SHRINK);
                steps.push(Snapshot { text, ..snapshot });
            }
            if number == plan.dup {
                steps.push(snapshot);
            }
        }
        steps
    }

    /// The place so many characters before a cut, or the start.
    fn back(&self, cut: usize, characters: usize) -> usize {
        let before = self.text[..cut].char_indices().rev();
        before.take(characters).last().map_or(0, |(at, _)| at)
    }

    fn write_snapshot(&self, snapshot: &Snapshot, wire: &mut Wire) -> String {
        let text = [&self.text[..snapshot.text], snapshot.suffix].concat();
        let thoughts = &self.thoughts[..snapshot.thoughts];
        let rich = self.rich.clone().filter(|_| snapshot.complete);
        let candidate = candidate(&self.rcid, &text, thoughts, snapshot.complete, rich);
        let stored = self.context.as_ref().filter(|_| snapshot.complete);
        let closing = stored.map(|context| {
            [
                (25, json!(context)),
                (27, json!([[[null, null, null, [unix_seconds(), 0]]]])),
            ]
        });
        let fields = [(4, json!([candidate])), (42, json!(self.label))];
        let fields = fields.into_iter().chain(closing.into_iter().flatten());
        let document = self.document(Value::Null, fields);
        let excess = if snapshot.wrong_length { EXCESS } else { 0 };
        wire.frame_claiming(&wire::answer_entry(&document), excess)
    }

    /// The inner document: ids, the sparse fields, the positional ones. (Protocol notes, "Inner document".)
    fn document(&self, sparse: Value, fields: impl IntoIterator<Item = (usize, Value)>) -> Value {
        let ids = [(1, json!([self.cid, self.rid])), (2, sparse)];
        slots(43, ids.into_iter().chain(fields))
    }
}

impl Step {
    fn at_once(what: What) -> Self {
        Self {
            wait: Duration::ZERO,
            what,
        }
    }
}
