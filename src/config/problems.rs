//! What is wrong with a configuration, all of it at once and never with a value.

use std::{borrow::Cow, fmt};

/// Exit code of a wrong command line, as in `sysexits.h`.
pub const EX_USAGE: u8 = 64;

/// Exit code of an unusable configuration, as in `sysexits.h`.
pub const EX_CONFIG: u8 = 78;

/// Everything that is wrong, and the exit code that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problems {
    /// The command line cannot be understood.
    Usage(String),
    /// These settings are unusable.
    Configuration(Vec<Problem>),
    /// These settings are unusable for a health check.
    Healthcheck(Vec<Problem>),
}

impl Problems {
    /// The exit code that says which of them it is. A health check has one code for all that keeps it from an answer,
    /// because container platforms give meanings of their own to others.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Problems::Usage(_) => EX_USAGE,
            Problems::Configuration(_) => EX_CONFIG,
            Problems::Healthcheck(_) => 1,
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problems::Usage(text) => f.write_str(text.trim_end()),
            Problems::Configuration(list) | Problems::Healthcheck(list) => {
                f.write_str("the configuration cannot be used:")?;
                list.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

/// One unusable setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable's name.
    pub variable: Cow<'static, str>,
    /// What is wrong and what would be right. Never the value: it may be a secret pasted into the wrong place.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.text)
    }
}
