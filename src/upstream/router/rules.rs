//! What follows from a failed attempt: the one table that decides whether another model is asked.
//!
//! It holds only before the first output event of an answer. After it nothing is ever asked again.

use crate::error::Kind;

/// What is done after a failure of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The failure is the answer: it is the request's own, or its owner has to hear of it.
    Stop,
    /// The next model of the chain is asked.
    Next,
    /// The model is left alone for as long as the upstream says, and the next one is asked.
    Cool,
    /// The whole upstream is left alone for as long as it says, and the next model is asked.
    CoolAll,
    /// The same model is asked again after the wait that the upstream names, if that ends before the request's
    /// deadline and it is not the fourth time; else the next one.
    Wait,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// What is done.
    pub(crate) step: Step,
    /// Whether it counts for the circuit breaker: the upstream itself is in trouble, whatever the request.
    pub(crate) counts: bool,
    /// Why.
    pub(crate) why: &'static str,
}

/// The table.
pub(crate) const fn rule(kind: Kind) -> Rule {
    let (step, counts, why) = match kind {
        Kind::UpstreamLoading => (Step::Wait, false, "the model is on its way"),
        Kind::UpstreamModelNotFound => (Step::Next, false, "another model may be there"),
        Kind::UpstreamModelUnavailable => (Step::Next, false, "another model may be open to the account"),
        Kind::ModelDowngraded => (Step::Next, false, "what answered is not what was asked for"),
        Kind::UpstreamCredential => (Step::Stop, false, "the owner has to hear whose credential it is"),
        Kind::UpstreamRateLimited => (Step::Cool, false, "asking sooner would only make it longer"),
        Kind::UpstreamUsageLimit => (Step::Cool, false, "the quota of this model is used up"),
        Kind::UpstreamIpBlocked => (Step::CoolAll, false, "the block holds for every model"),
        Kind::UpstreamNotConfigured
        | Kind::UpstreamAuthExpired
        | Kind::UpstreamDeviceBound
        | Kind::UpstreamAccountRestricted
        | Kind::UpstreamConsentRequired
        | Kind::UpstreamRegionBlocked => (
            Step::Next,
            false,
            "this session cannot answer; /health says what cures it",
        ),
        Kind::UpstreamSessionRejected => (Step::Next, true, "the session was made fresh already, in vain"),
        Kind::UpstreamUnavailable => (Step::Next, true, "after one more try"),
        Kind::UpstreamUnreachable => (Step::Next, true, "after one more try"),
        Kind::UpstreamTimeout => (Step::Next, true, "if there is time left"),
        Kind::UpstreamInterrupted => (Step::Next, true, "none of it had been delivered"),
        Kind::UpstreamEmptyAnswer => (Step::Next, false, "another model may have something to say"),
        Kind::UpstreamInvalidOutput => (Step::Next, false, "another model may keep to the form"),
        Kind::UpstreamProtocol => (Step::Next, true, "it speaks in a way that is not known"),
        Kind::UpstreamUnknownError => (Step::Next, true, "nothing is known but that it failed"),
        Kind::UpstreamRejectedRequest => (Step::Stop, false, "the request itself is refused"),
        Kind::ContextLength => (Step::Stop, false, "shortening it is the client's to decide"),
        Kind::NoImage => (Step::Stop, false, "the model's own answer to the wish"),
        _ => (Step::Stop, false, "no other upstream would change it"),
    };
    Rule { step, counts, why }
}
