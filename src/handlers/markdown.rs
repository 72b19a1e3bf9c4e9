//! Links in Markdown, out of which nothing that they hold can break.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What ends the address of a Markdown link, or its line.
const ENDS_A_LINK: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'(')
    .add(b')')
    .add(b'<')
    .add(b'>')
    .add(b'"')
    .add(b'\\')
    .add(b'`');

/// `[text](address)`, with `otherwise` in the place of a text of which nothing is left.
pub(super) fn link(text: &str, otherwise: &str, address: &str) -> String {
    let shown = match plain(text) {
        text if text.is_empty() => plain(otherwise),
        text => text,
    };
    format!("[{shown}]({})", utf8_percent_encode(address, ENDS_A_LINK))
}

fn plain(text: &str) -> String {
    let means_nothing = |c: &char| !matches!(c, '[' | ']' | '\\' | '\n' | '\r' | '`' | '<' | '>');
    text.chars().filter(means_nothing).collect()
}
