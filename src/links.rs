//! Links to what only the owner's account can open: signed, so that nobody can make one up, and good for a while.
//!
//! A link is its own permission, because a browser that shows a picture sends no key. It says nothing about any key:
//! the signature is made with a secret derived from the keys' digests, so that links outlive a restart and die with the
//! keys.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    auth::Keyring,
    error::{Failure, Kind},
};

/// Makes links and reads them.
pub(crate) struct Links {
    /// None without keys: then there is nobody to give a link to.
    secret: Option<Hmac<Sha256>>,
    lifetime: Duration,
}

const SIGNATURE: usize = 32;
const TIME: usize = 8;

impl Links {
    /// Links that the holders of these keys are given, each good for `lifetime`.
    pub(crate) fn new(keyring: &Keyring, lifetime: Duration) -> Self {
        // Any length of key will do for HMAC.
        let secret = keyring.derive(b"gemini-gateway media link");
        let secret = secret.and_then(|secret| Hmac::new_from_slice(&secret).ok());
        Self { secret, lifetime }
    }

    /// The last segment of a link's path: a reference, its end and the signature of both.
    pub(crate) fn sign(&self, reference: &str) -> Option<String> {
        let end = (now() + self.lifetime).as_secs();
        let mut mac = self.secret.clone()?;
        let mut token = Vec::with_capacity(SIGNATURE + TIME + reference.len());
        token.extend_from_slice(&end.to_be_bytes());
        token.extend_from_slice(reference.as_bytes());
        mac.update(&token);
        token.extend_from_slice(&mac.finalize().into_bytes());
        Some(BASE64_URL_SAFE_NO_PAD.encode(token))
    }

    /// The reference a link was made for.
    ///
    /// # Errors
    /// [`Kind::MediaNotFound`] when it is none of this gateway's, or too old.
    pub(crate) fn open(&self, token: &str) -> Result<String, Failure> {
        self.read(token, now()).ok_or_else(|| {
            Failure::new(
                Kind::MediaNotFound,
                "This link is not one of this gateway's, or it is too old. Ask for the answer again.",
            )
        })
    }

    fn read(&self, token: &str, now: Duration) -> Option<String> {
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = token.split_at_checked(token.len().checked_sub(SIGNATURE)?)?;
        let mut mac = self.secret.clone()?;
        mac.update(signed);
        // In constant time.
        mac.verify_slice(signature).ok()?;
        let (end, reference) = signed.split_at_checked(TIME)?;
        let end = Duration::from_secs(u64::from_be_bytes(end.try_into().ok()?));
        (now < end).then(|| String::from_utf8(reference.to_vec()).ok())?
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(secret: u8) -> Links {
        Links {
            secret: Hmac::new_from_slice(&[secret; 32]).ok(),
            lifetime: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_link_opens_until_its_end_and_no_longer() {
        let links = links(1);
        let token = links.sign("reference").unwrap();
        assert_eq!(links.open(&token).unwrap(), "reference");
        assert_eq!(links.read(&token, now() + Duration::from_secs(61)), None);
    }

    #[test]
    fn no_other_text_opens() {
        let token = links(1).sign("reference").unwrap();
        assert_eq!(links(2).open(&token).unwrap_err().kind(), Kind::MediaNotFound);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(
                links(1).read(&BASE64_URL_SAFE_NO_PAD.encode(&changed), now()),
                None,
                "{at}"
            );
            assert_eq!(
                links(1).read(&BASE64_URL_SAFE_NO_PAD.encode(&bytes[..at]), now()),
                None,
                "{at}"
            );
        }
        assert_eq!(links(1).read("not base64!", now()), None);
    }
}
