//! What all generations have in common, made once: the address, the headers, and all of the inner array but its
//! placeholders.

use http::{HeaderMap, HeaderValue};
use url::Url;

use super::{
    Computed,
    form::{FieldWriter, TextWriter},
    headers, unwritable,
};
use crate::{
    error::Failure,
    upstream::gemini_web::protocol::{Fills, Protocol, Template},
};

/// What stands in the headers until the request is known.
const SELECTOR: &str = "$selector";
const TURN: &str = "$turn";

/// The common part of every generation; the headers are those of one that names its model.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    /// Without a query.
    pub(super) url: Url,
    /// With the placeholders still in the places of their values.
    headers: HeaderMap,
    inner: Vec<Piece>,
}

/// A part of the inner array.
#[derive(Clone, Debug)]
enum Piece {
    /// Written out, as it goes into the form.
    Written(Vec<u8>),
    /// One slot that depends on the request.
    Open(Template),
}

impl Fixed {
    /// Makes it from the protocol in force.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`], when the protocol data cannot be written.
    pub(crate) fn new(protocol: &Protocol) -> Result<Self, Failure> {
        let computed = Computed {
            turn: Some(TURN),
            ..Computed::selecting(Some(SELECTOR))
        };
        Ok(Self {
            url: protocol.generate_url(),
            headers: headers(protocol, &protocol.headers.generate, &computed)?,
            inner: inner(protocol).map_err(unwritable)?,
        })
    }

    /// The headers of a request with this model selector and turn.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`], when one of the two is no header value.
    pub(super) fn headers(&self, selector: &str, turn: &str) -> Result<HeaderMap, Failure> {
        let mut headers = self.headers.clone();
        for value in headers.values_mut() {
            let text = match value.as_bytes() {
                text if text == SELECTOR.as_bytes() => selector,
                text if text == TURN.as_bytes() => turn,
                _ => continue,
            };
            *value = HeaderValue::from_str(text).map_err(unwritable)?;
        }
        Ok(headers)
    }

    /// Writes `[null,"<inner array as a JSON text>"]` straight into the form.
    pub(super) fn write(&self, fills: &Fills<'_>, form: &mut Vec<u8>) -> serde_json::Result<()> {
        form.extend_from_slice(b"%5Bnull%2C%22");
        for piece in &self.inner {
            match piece {
                Piece::Written(bytes) => form.extend_from_slice(bytes),
                Piece::Open(slot) => write_slot(slot, fills, form)?,
            }
        }
        form.extend_from_slice(b"%22%5D");
        Ok(())
    }
}

/// The inner array: the template's slots, null between them.
fn inner(protocol: &Protocol) -> serde_json::Result<Vec<Piece>> {
    let request = &protocol.request;
    let mut pieces = Vec::new();
    let mut written = b"%5B".to_vec();
    for slot in 0..request.inner_length {
        if slot > 0 {
            written.extend_from_slice(b"%2C");
        }
        match request.slots.get(&slot) {
            None => written.extend_from_slice(b"null"),
            Some(slot) if slot.is_constant() => write_slot(slot, &[], &mut written)?,
            Some(slot) => {
                pieces.push(Piece::Written(std::mem::take(&mut written)));
                pieces.push(Piece::Open(slot.clone()));
            }
        }
    }
    written.extend_from_slice(b"%5D");
    pieces.push(Piece::Written(written));
    Ok(pieces)
}

fn write_slot(slot: &Template, fills: &Fills<'_>, form: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(TextWriter(FieldWriter(form)), &slot.filled(fills))
}
