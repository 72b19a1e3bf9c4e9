//! Identifiers: of requests, answers and turns.

use uuid::{Builder, Uuid};

/// A random version 4 UUID that must be unique and need not be secret. From the thread's own generator: the system's
/// would cost a call into the kernel each time, and nobody gains anything by guessing one.
pub(crate) fn unique() -> Uuid {
    Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid()
}

/// A random version 4 UUID that nobody can guess: of an answer, whose parts a later request may refer to.
pub(crate) fn secret() -> Uuid {
    Uuid::new_v4()
}
