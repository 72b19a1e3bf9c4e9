//! What went wrong, in words for whoever sits before the screen.

use std::{error::Error, fmt};

/// A failure: its cause, and what cures it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) cause: String,
    pub(super) cure: Option<String>,
}

impl Trouble {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            cure: None,
        }
    }

    pub(super) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)?;
        match &self.cure {
            Some(cure) => write!(f, "\n{cure}"),
            None => Ok(()),
        }
    }
}

/// The innermost reason of an error: `Connection refused` rather than `error sending request`.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    deepest.to_string()
}
