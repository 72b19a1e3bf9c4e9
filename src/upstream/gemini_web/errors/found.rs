//! Failures that Google does not name: the gateway finds them out by itself.

use super::{NEW_COOKIES, changed, session_rejected};
use std::time::Duration;

use crate::error::{Failure, Kind, Retry};

/// The log-in is over, or never was.
pub(crate) fn signed_out() -> Failure {
    let text = format!("The Gemini session is signed out: its cookies are no longer valid. {NEW_COOKIES}");
    Failure::new(Kind::UpstreamAuthExpired, text)
}

/// The log-in is over and could never have been renewed here.
pub(crate) fn device_bound() -> Failure {
    let text = format!(
        "The Gemini session is bound to the device that logged in, so no server can renew it, and it is over. Chrome \
         on Windows makes such sessions. {NEW_COOKIES}"
    );
    Failure::new(Kind::UpstreamDeviceBound, text)
}

/// Signed out as it seems, but Google did not let the cookies be renewed just now.
pub(crate) fn not_renewed_yet(wait: Option<Duration>) -> Failure {
    const AGAIN: Duration = Duration::from_secs(60);
    Failure::new(
        Kind::UpstreamUnavailable,
        "The Gemini session has to be renewed, and Google does not allow that just now. The gateway tries again in a \
         minute.",
    )
    .retry(Retry::Never)
    .retry_after(wait.unwrap_or(AGAIN).max(AGAIN))
}

/// Another family of models answered than the one asked for.
pub(crate) fn downgraded(requested: &str, label: &str) -> Failure {
    // The label comes from outside and goes into a message: printable and short.
    let label: String = label.chars().filter(|c| !c.is_control()).take(64).collect();
    let text = format!(
        "Google answered with {label} instead of {requested}. The account may not have this model, its quota may be \
         used up, or the session has become a guest's: see /health. Ask for another model, or set STRICT_MODEL=false \
         to accept other models' answers."
    );
    Failure::new(Kind::ModelDowngraded, text)
}

/// The answer ended, and there was no text in it.
pub(crate) fn empty_answer() -> Failure {
    Failure::new(
        Kind::UpstreamEmptyAnswer,
        "Gemini ended its answer without any text. It may have refused the prompt, or slowed this address down. Change \
         the prompt, or try again in some minutes.",
    )
}

/// The answer is complete and shows no image, though one was asked for.
pub(crate) fn no_image() -> Failure {
    Failure::new(
        Kind::NoImage,
        "Gemini answered with text instead of an image. It may have refused the prompt, or the account may have used up \
         its images for today. Change the prompt, or ask for it in a chat to read what Gemini says.",
    )
}

/// The answer ended before its end.
pub(crate) fn interrupted() -> Failure {
    Failure::new(
        Kind::UpstreamInterrupted,
        "Gemini's answer broke off before it was complete. The text so far is not the whole answer; ask again.",
    )
}

/// An answer to a remote call that cannot be read.
pub(crate) fn unreadable() -> Failure {
    changed("an account that cannot be read")
}

/// An answer to an upload that is no reference.
pub(crate) fn unreadable_upload() -> Failure {
    changed("an upload that cannot be referred to")
}

/// A remote call refused with a status number: 7 and 16 mean that the caller is not signed in (protocol notes,
/// batchexecute).
pub(crate) fn call_rejected(status: u64) -> Failure {
    match status {
        7 | 16 => signed_out(),
        _ => session_rejected(&format!("a call of the account (status {status})")),
    }
}
