//! Identifiers that must be unique and need not be secret: of requests, answers and turns.

use uuid::{Builder, Uuid};

/// A random version 4 UUID. From the thread's own generator: the system's would cost a call into the kernel each time,
/// and nobody gains anything by guessing one.
pub(crate) fn unique() -> Uuid {
    Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid()
}
