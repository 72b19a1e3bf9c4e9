//! Writers that escape on the way, so that a long prompt is written once: JSON text within JSON text within a form.

use std::io::{self, Write};

use url::form_urlencoded;

/// Form-encodes what is written to it.
pub(super) struct FieldWriter<'a>(pub(super) &'a mut Vec<u8>);

/// Escapes what is written to it as the inside of a JSON text.
pub(super) struct TextWriter<W>(pub(super) W);

/// Appends `bytes`, form-encoded.
pub(super) fn encode(bytes: &[u8], to: &mut Vec<u8>) {
    for piece in form_urlencoded::byte_serialize(bytes) {
        to.extend_from_slice(piece.as_bytes());
    }
}

impl Write for FieldWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        encode(bytes, self.0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Write for TextWriter<W> {
    /// Only quotes and backslashes need care: what comes here is JSON, which has no control characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
            self.0.write_all(&rest[..at])?;
            self.0.write_all(&[b'\\', rest[at]])?;
            rest = &rest[at + 1..];
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
