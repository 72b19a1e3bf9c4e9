//! From snapshots to pieces that can only be appended.
//!
//! Snapshots hold the whole text so far, and nothing says that they only grow: the upstream repeats one, takes an
//! end back or rewrites it. What a client has received cannot be taken back, so the rule is: what continues the sent
//! text goes out, what does not waits for the final text, and then everything goes out that was not sent, at the
//! price of repeating a little. Nothing is lost, and every rewrite is counted.

/// What of one text was sent.
#[derive(Default)]
pub(crate) struct Delta {
    sent: String,
    rewrites: u64,
}

impl Delta {
    /// The piece that brings the sent text up to this beginning of an unfinished text.
    pub(crate) fn advance(&mut self, stable: &str) -> Option<String> {
        if stable.starts_with(&self.sent) {
            return self.send(&stable[self.sent.len()..]);
        }
        if !self.sent.starts_with(stable) {
            self.rewrites += 1;
        }
        None
    }

    /// The piece that completes the sent text to the final one, as far as appending can.
    pub(crate) fn finish(&mut self, text: &str) -> Option<String> {
        if text.starts_with(&self.sent) {
            return self.send(&text[self.sent.len()..]);
        }
        self.rewrites += 1;
        let piece = &text[common_prefix(&self.sent, text)..];
        if piece.is_empty() {
            return None;
        }
        // From here on the client has this text: a final one may come more than once.
        self.sent = text.to_owned();
        Some(piece.to_owned())
    }

    /// Whether anything was sent.
    pub(crate) fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    /// How many snapshots contradicted what was sent.
    pub(crate) fn rewrites(&self) -> u64 {
        self.rewrites
    }

    fn send(&mut self, piece: &str) -> Option<String> {
        if piece.is_empty() {
            return None;
        }
        self.sent.push_str(piece);
        Some(piece.to_owned())
    }
}

/// How long the common beginning of two texts is, at a character boundary of both.
fn common_prefix(a: &str, b: &str) -> usize {
    let equal = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    (0..=equal)
        .rev()
        .find(|at| a.is_char_boundary(*at) && b.is_char_boundary(*at))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
