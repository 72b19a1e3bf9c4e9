//! Links to what only the owner's account can open: signed, so that nobody can make one up, and good for a while.
//!
//! A link is its own permission, because a browser that shows a picture sends no key. So nobody may be able to make one
//! up, not even a client with its key: what a link names is opened as the account. The signing secret is derived from the
//! account's identity cookie, which only the owner has, together with the keys: links outlive a restart, and end with
//! the session and with the keys. Nothing can be guessed from a link about either, however short a key is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;

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
    /// Links that the holders of these keys are given, each good for `lifetime`. `identity` is the account's identity
    /// cookie; where the configuration has none, the links end with the process.
    pub(crate) fn new(keyring: &Keyring, identity: Option<&SecretString>, lifetime: Duration) -> Self {
        let secret = match identity {
            Some(identity) => derived(keyring, identity.expose_secret().as_bytes()),
            // From the system's generator.
            None => derived(
                keyring,
                &[Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat(),
            ),
        };
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

    /// The reference a link was made for, and how long the link is still good for.
    ///
    /// # Errors
    /// [`Kind::MediaNotFound`] when it is none of this gateway's, or too old.
    pub(crate) fn open(&self, token: &str) -> Result<(String, Duration), Failure> {
        self.read(token, now()).ok_or_else(|| {
            Failure::new(
                Kind::MediaNotFound,
                "This link is not one of this gateway's, or it is too old. Ask for the answer again.",
            )
        })
    }

    fn read(&self, token: &str, now: Duration) -> Option<(String, Duration)> {
        let token = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = token.split_at_checked(token.len().checked_sub(SIGNATURE)?)?;
        let mut mac = self.secret.clone()?;
        mac.update(signed);
        // In constant time.
        mac.verify_slice(signature).ok()?;
        let (end, reference) = signed.split_at_checked(TIME)?;
        let end = Duration::from_secs(u64::from_be_bytes(end.try_into().ok()?));
        let left = end.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((String::from_utf8(reference.to_vec()).ok()?, left))
    }
}

/// The signing secret: nothing without keys.
fn derived(keyring: &Keyring, owners: &[u8]) -> Option<Hmac<Sha256>> {
    // Any length of key will do for HMAC.
    let mut mac = Hmac::<Sha256>::new_from_slice(owners).ok()?;
    mac.update(b"gemini-gateway media link");
    mac.update(&keyring.digest()?);
    Hmac::new_from_slice(&mac.finalize().into_bytes()).ok()
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

    fn gateway(key: &str, identity: Option<&str>) -> Links {
        let identity = identity.map(|text| SecretString::from(text.to_owned()));
        let keyring = Keyring::of(&[key]);
        Links::new(&keyring, identity.as_ref(), Duration::from_secs(60))
    }

    #[test]
    fn a_link_opens_after_a_restart_and_not_after_a_change_of_keys_or_session() {
        let token = gateway("key", Some("g.a000")).sign("reference").unwrap();
        assert_eq!(gateway("key", Some("g.a000")).open(&token).unwrap().0, "reference");
        for other in [
            gateway("other", Some("g.a000")),
            gateway("key", Some("g.a001")),
            gateway("key", None),
        ] {
            assert_eq!(other.open(&token).unwrap_err().kind(), Kind::MediaNotFound);
        }
    }

    #[test]
    fn who_knows_every_key_still_cannot_make_a_link() {
        let links = gateway("key", None);
        assert!(links.open(&links.sign("reference").unwrap()).is_ok());
        let another = gateway("key", None).sign("reference").unwrap();
        assert_eq!(links.open(&another).unwrap_err().kind(), Kind::MediaNotFound);
        assert!(
            Links::new(&Keyring::default(), None, Duration::ZERO)
                .sign("reference")
                .is_none()
        );
    }

    #[test]
    fn a_link_opens_until_its_end_and_no_longer() {
        let links = links(1);
        let token = links.sign("reference").unwrap();
        let (reference, left) = links.open(&token).unwrap();
        assert_eq!(reference, "reference");
        assert!(left <= links.lifetime && left.as_secs() >= 55, "{left:?}");
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
