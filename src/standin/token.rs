//! Made-up ids and tokens. Nothing is protected by them, so an ordinary random source will do.

use std::time::{SystemTime, UNIX_EPOCH};

/// This many random letters and digits.
pub(super) fn alphanumeric(length: usize) -> String {
    (0..length).map(|_| fastrand::alphanumeric()).collect()
}

/// A random number of this many digits that does not start with zero.
pub(super) fn decimal(digits: usize) -> String {
    let mut out = fastrand::u8(1..=9).to_string();
    out.extend((1..digits).map(|_| fastrand::digit(10)));
    out
}

/// An id of the web app: a prefix and 16 hexadecimal digits.
pub(super) fn hex_id(prefix: &str) -> String {
    format!("{prefix}{:016x}", fastrand::u64(..))
}

pub(super) fn unix_seconds() -> u64 {
    since_epoch().as_secs()
}

pub(super) fn unix_millis() -> u128 {
    since_epoch().as_millis()
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
