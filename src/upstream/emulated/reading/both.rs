//! Two readers in a row.

use std::mem;

use super::{Ending, Plain, Reading, Repair, Verdict};
use crate::{chat::Event, error::Failure};

/// Reads for two things: `inner` gets the text that is none of `outer`'s, and decides if `outer` finds nothing.
///
/// When `inner` asks for a second turn, that one is read by its successor alone: `outer` was satisfied already.
pub(in crate::upstream::emulated) struct Both {
    outer: Box<dyn Reading>,
    inner: Box<dyn Reading>,
    /// What `outer` said last.
    passed: Vec<Event>,
}

impl Both {
    pub(in crate::upstream::emulated) fn new(outer: Box<dyn Reading>, inner: Box<dyn Reading>) -> Self {
        Self {
            outer,
            inner,
            passed: Vec::new(),
        }
    }

    /// Gives the inner reader what the outer one left of the text.
    fn pass(&mut self, out: &mut Vec<Event>) {
        for event in self.passed.drain(..) {
            match event {
                Event::Text(piece) => self.inner.push(piece, out),
                event => out.push(event),
            }
        }
    }
}

impl Reading for Both {
    fn push(&mut self, piece: String, out: &mut Vec<Event>) {
        self.outer.push(piece, &mut self.passed);
        self.pass(out);
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict {
        let verdict = self.outer.finish(ending, &mut self.passed);
        self.pass(out);
        match verdict {
            Verdict::Done => self.inner.finish(ending, out),
            Verdict::Repair(repair) => {
                let inner = mem::replace(&mut self.inner, Box::new(Plain));
                Verdict::Repair(Repair {
                    next: Box::new(Self::new(repair.next, inner)),
                    ..repair
                })
            }
            verdict => verdict,
        }
    }

    fn lost(&mut self, failure: Failure, out: &mut Vec<Event>) -> Verdict {
        let verdict = self.outer.lost(failure, &mut self.passed);
        self.pass(out);
        match verdict {
            Verdict::Done => self.inner.finish(Ending::Last, out),
            verdict => verdict,
        }
    }
}
