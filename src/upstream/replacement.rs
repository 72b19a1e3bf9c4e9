//! What became of new credentials, in words that fit any upstream.

use serde::Serialize;

/// The outcome of a trial of new credentials. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replacement {
    /// What they turned out to be.
    pub verdict: Verdict,
    /// Whether requests are answered with them from now on.
    pub in_use: bool,
    /// Whether a restart finds them again; only ever true for those in use.
    pub kept: bool,
    /// Code of the failure that the trial met, where it met one.
    pub code: Option<&'static str>,
    /// What that means, and what to do next.
    pub message: String,
    /// What was found in the text that was given, by names.
    pub found: Vec<String>,
}

/// What credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// They are the ones in use, and those work.
    Unchanged,
    /// They work and were renewed once.
    Renewable,
    /// They work; whether they can be renewed is not known yet.
    Unproven,
    /// Bound to a device: they may work for hours, and no server can renew them.
    DeviceBound,
    /// They work, and the upstream refuses to renew them: a copy that was renewed elsewhere.
    Stale,
    /// The upstream takes them for nobody's.
    Guest,
    /// The upstream does not serve this address or account; it says nothing about the cookies.
    Blocked,
    /// The upstream could not be asked, or not now.
    Unreachable,
    /// The trial failed in another way.
    Failed,
}
