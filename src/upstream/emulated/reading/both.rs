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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chat::FinishReason, error::Kind};

    /// Takes `!` out of the text and ends with a verdict of its own; what it sees it marks with its name.
    struct Marks(&'static str, Option<Verdict>);

    impl Reading for Marks {
        fn push(&mut self, piece: String, out: &mut Vec<Event>) {
            let text = piece.replace('!', "");
            out.push(Event::Text(format!("{}({text})", self.0)));
        }

        fn finish(&mut self, _ending: Ending, out: &mut Vec<Event>) -> Verdict {
            out.push(Event::Text(self.0.to_owned()));
            self.1.take().unwrap_or(Verdict::Done)
        }
    }

    fn marks(name: &'static str, verdict: Verdict) -> Box<dyn Reading> {
        Box::new(Marks(name, Some(verdict)))
    }

    fn repair(next: &'static str) -> Verdict {
        Verdict::Repair(Repair {
            said: "said".to_owned(),
            complaint: next.to_owned(),
            next: marks(next, Verdict::Done),
        })
    }

    fn read(mut reader: Box<dyn Reading>) -> (String, Verdict) {
        let mut out = Vec::new();
        reader.push("a".to_owned(), &mut out);
        let verdict = reader.finish(Ending::Whole, &mut out);
        (text(out), verdict)
    }

    fn text(events: Vec<Event>) -> String {
        let text = |event| match event {
            Event::Text(text) => text,
            other => panic!("{other:?}"),
        };
        events.into_iter().map(text).collect()
    }

    #[test]
    fn the_inner_reader_gets_what_the_outer_one_leaves() {
        let (text, verdict) = read(Box::new(Both::new(marks("o", Verdict::Done), marks("i", repair("r")))));
        assert_eq!(text, "i(o(a))i(o)i");
        let Verdict::Repair(repair) = verdict else { panic!() };
        // The second turn is the inner reader's own.
        assert_eq!(read(repair.next).0, "r(a)r");
    }

    #[test]
    fn the_outer_reader_decides_first() {
        let ends = Verdict::DoneWith(FinishReason::ToolCalls);
        let (text, verdict) = read(Box::new(Both::new(marks("o", ends), marks("i", repair("r")))));
        assert_eq!(text, "i(o(a))i(o)");
        assert!(matches!(verdict, Verdict::DoneWith(FinishReason::ToolCalls)));
        let (_, verdict) = read(Box::new(Both::new(marks("o", repair("r")), marks("i", Verdict::Done))));
        let Verdict::Repair(repair) = verdict else { panic!() };
        // What the outer reader asked for is read for both.
        assert_eq!(read(repair.next).0, "i(r(a))i(r)i");
    }

    #[test]
    fn a_lost_turn_is_the_outer_readers_to_judge() {
        let mut both = Both::new(marks("o", Verdict::Done), marks("i", Verdict::Done));
        let verdict = both.lost(Failure::new(Kind::UpstreamInterrupted, "Cut."), &mut Vec::new());
        assert!(matches!(verdict, Verdict::Fail(_)));
    }
}
