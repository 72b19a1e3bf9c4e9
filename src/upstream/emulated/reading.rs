//! How the text of an answer is read for what was asked for.

mod both;

pub(super) use self::both::Both;
use crate::{
    chat::{Event, FinishReason},
    error::Failure,
};

/// Reads the text of one turn of the upstream. Pure: how the text is cut into pieces changes nothing of what comes
/// out but the cuts.
pub(super) trait Reading: Send {
    /// Takes a further piece of text, never empty; appends what is certain.
    fn push(&mut self, piece: String, out: &mut Vec<Event>);

    /// The text has ended: appends the rest, and says what came of it.
    fn finish(&mut self, ending: Ending, out: &mut Vec<Event>) -> Verdict;

    /// The second turn itself failed: appends what the first one leaves to give, if that is an answer.
    fn lost(&mut self, failure: Failure, _out: &mut Vec<Event>) -> Verdict {
        Verdict::Fail(failure)
    }
}

/// How a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The model had said all. Another turn may follow.
    Whole,
    /// The model had said all, and this was the second turn: [`Verdict::Repair`] is none of the answers.
    Last,
    /// The upstream cut it. Another turn would not help: [`Verdict::Repair`] is none of the answers.
    Cut,
}

/// What a text came to.
pub(super) enum Verdict {
    /// An answer that ends as the upstream ended it.
    Done,
    /// An answer that ends like this.
    DoneWith(FinishReason),
    /// Not what was asked for, but it may be put right.
    Repair(Repair),
    /// No answer.
    Fail(Failure),
}

/// What the second turn needs.
pub(super) struct Repair {
    /// The faulty answer whole, for the model to see again.
    pub(super) said: String,
    /// What is wrong and what is wanted: the model's next message from the user.
    pub(super) complaint: String,
    /// Reads the second turn, with [`Ending::Last`] or [`Ending::Cut`] at its end.
    pub(super) next: Box<dyn Reading>,
}

/// Any text will do.
pub(super) struct Plain;

impl Reading for Plain {
    fn push(&mut self, piece: String, out: &mut Vec<Event>) {
        out.push(Event::Text(piece));
    }

    fn finish(&mut self, _ending: Ending, _out: &mut Vec<Event>) -> Verdict {
        Verdict::Done
    }
}
