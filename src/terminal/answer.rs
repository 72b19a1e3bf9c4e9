//! One answer while it comes, and what its end means.

use super::{
    trouble::Trouble,
    wire::{Piece, Usage},
};

/// The longest answer that is kept, in bytes: what is above it has run away.
const LONGEST: usize = 16 << 20;

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What it says.
    pub(super) text: String,
    /// Who says it.
    pub(super) model: Option<String>,
    /// What the server counted.
    pub(super) usage: Option<Usage>,
    finish: Option<String>,
    done: bool,
}

/// What of a piece is to be seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    Thought(String),
    Text(String),
}

/// How an answer ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself; with a remark, if there is something to know.
    Complete(Option<String>),
    /// The user stopped it, with some of its text shown or none.
    Stopped { shown: bool },
    /// It is not whole.
    Failed(Trouble),
}

impl Answer {
    /// Takes one piece.
    ///
    /// # Errors
    /// The failure that the piece tells of.
    pub(super) fn take(&mut self, piece: Piece) -> Result<Seen, Trouble> {
        match piece {
            Piece::Model(model) => self.model = Some(model),
            Piece::Usage(usage) => self.usage = Some(usage),
            Piece::Finish(reason) => self.finish = Some(reason),
            Piece::Done => self.done = true,
            Piece::Thought(thought) => return Ok(Seen::Thought(thought)),
            Piece::Text(text) => {
                if self.text.len() + text.len() > LONGEST {
                    return Err(Trouble::new(format!(
                        "The answer is longer than {} MiB, and the rest was not read.",
                        LONGEST >> 20
                    )));
                }
                self.text.push_str(&text);
                return Ok(Seen::Text(text));
            }
            Piece::Failed(error) => {
                let code = error.code.map(|code| format!(" ({code})")).unwrap_or_default();
                return Err(Trouble::new(format!("{}{code}", error.message)));
            }
        }
        Ok(Seen::Nothing)
    }

    /// Whether nothing more can come.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the server said that this is all.
    pub(super) fn is_whole(&self) -> bool {
        self.done || self.finish.is_some()
    }

    /// What it means that nothing more comes.
    pub(super) fn end(&self) -> End {
        if !self.is_whole() {
            return End::Failed(
                Trouble::new("The answer was cut: the stream ended without saying that it is complete.")
                    .cure("Ask again; what was shown is not all."),
            );
        }
        let reason = self.finish.as_deref().unwrap_or("stop");
        let failed = |text: &str| End::Failed(Trouble::new(text));
        match reason {
            "content_filter" => failed("The server withheld the answer, or its rest (content_filter)."),
            "error" => failed("The server ended the answer with an error it does not explain."),
            "tool_calls" | "function_call" => failed("The model wants to call a tool, and this client has none."),
            _ if self.text.is_empty() => End::Failed(
                Trouble::new(format!("The answer is empty (finish_reason {reason})."))
                    .cure("Ask again, or ask otherwise."),
            ),
            "stop" => End::Complete(None),
            "length" => End::Complete(Some(
                "The answer stops here because it reached the length limit.".to_owned(),
            )),
            other => End::Complete(Some(format!("The server ended the answer with `{other}`."))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::wire::ServerError;

    fn after(pieces: impl IntoIterator<Item = Piece>) -> Answer {
        let mut answer = Answer::default();
        for piece in pieces {
            answer.take(piece).unwrap();
        }
        answer
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.to_owned())
    }

    fn finish(reason: &str) -> Piece {
        Piece::Finish(reason.to_owned())
    }

    #[test]
    fn only_an_end_that_was_said_is_complete() {
        assert_eq!(after([text("a"), finish("stop")]).end(), End::Complete(None));
        assert_eq!(after([text("a"), Piece::Done]).end(), End::Complete(None));
        let End::Failed(cut) = after([text("a")]).end() else {
            panic!("taken for whole")
        };
        assert!(cut.cause.contains("cut"), "{cut}");
        assert!(matches!(after([]).end(), End::Failed(_)));
    }

    #[test]
    fn an_end_with_a_reason_says_it() {
        let end = |reason: &str| after([text("a"), finish(reason)]).end();
        let End::Complete(Some(remark)) = end("length") else {
            panic!("no remark")
        };
        assert!(remark.contains("length limit"));
        for reason in ["content_filter", "tool_calls", "error"] {
            assert!(matches!(end(reason), End::Failed(_)), "{reason}");
        }
        assert!(matches!(end("eos"), End::Complete(Some(_))));
    }

    #[test]
    fn an_answer_without_a_word_is_none() {
        let thought = Piece::Thought("hm".to_owned());
        let End::Failed(trouble) = after([thought, finish("stop"), Piece::Done]).end() else {
            panic!("taken for whole")
        };
        assert!(trouble.cause.contains("empty"), "{trouble}");
    }

    #[test]
    fn a_failure_within_the_stream_has_its_code() {
        let error = ServerError {
            message: "Gone.".to_owned(),
            code: Some("upstream_interrupted".to_owned()),
        };
        let mut answer = after([text("a")]);
        assert_eq!(
            answer.take(Piece::Failed(error)).unwrap_err().cause,
            "Gone. (upstream_interrupted)"
        );
        assert_eq!(answer.text, "a");
    }

    #[test]
    fn an_endless_answer_is_left() {
        let mut answer = Answer::default();
        let piece = "x".repeat(1 << 20);
        let taken = (0..100).take_while(|_| answer.take(text(&piece)).is_ok()).count();
        assert_eq!((taken, answer.text.len()), (16, LONGEST));
    }
}
