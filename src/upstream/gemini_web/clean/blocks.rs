//! As much of Markdown's block structure as is needed to know what is code: fences, and where a paragraph ends.

/// An open fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    byte: u8,
    length: usize,
    /// Its lines are not shown.
    pub(super) hidden: bool,
}

/// What a line is to the paragraph before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Ends it.
    Blank,
    /// Ends it, and begins something else.
    Block,
    /// Goes on with it.
    Text,
    /// Too short to tell, and not yet whole.
    Undecided,
}

/// The line at `at` with its newline, and whether it has one.
pub(super) fn line_of(text: &str, at: usize) -> (&str, bool) {
    let rest = &text[at..];
    match memchr::memchr(b'\n', rest.as_bytes()) {
        Some(newline) => (&rest[..=newline], true),
        None => (rest, false),
    }
}

/// The fence this line opens, if it does. Quotes and list items may stand before it, and any indentation, because
/// models indent the code of list items as they please.
pub(super) fn opening(line: &str) -> Option<Fence> {
    let body = line.as_bytes().trim_ascii();
    let body = &body[containers(body)..];
    let byte = *body.first().filter(|byte| matches!(byte, b'`' | b'~'))?;
    let length = body.iter().take_while(|next| **next == byte).count();
    let spans = byte == b'`' && body[length..].contains(&b'`');
    (length >= 3 && !spans).then_some(Fence {
        byte,
        length,
        hidden: false,
    })
}

/// Whether a line that is not whole may still become one that opens a fence.
pub(super) fn may_open(line: &str) -> bool {
    let line = line.as_bytes().trim_ascii_start();
    let body = &line[containers(line)..];
    may_begin_block(body)
}

/// Whether this line closes the fence.
pub(super) fn closes(fence: Fence, line: &str) -> bool {
    let body = line.as_bytes().trim_ascii();
    let quotes = body.iter().take_while(|byte| matches!(byte, b'>' | b' ')).count();
    let body = &body[quotes..];
    body.len() >= fence.length && body.iter().all(|byte| *byte == fence.byte)
}

/// What the line is to the paragraph before it.
pub(super) fn classify(line: &str, whole: bool) -> Line {
    let body = line.as_bytes().trim_ascii();
    if body.is_empty() {
        return if whole { Line::Blank } else { Line::Undecided };
    }
    let inside = line.as_bytes().trim_ascii_start();
    let contained = containers(inside) > 0;
    let fence = |byte| body.starts_with(&[byte; 3]);
    let heading = body.starts_with(b"#") && body.trim_ascii_start().iter().any(|byte| *byte != b'#');
    if contained || fence(b'`') || fence(b'~') || body.starts_with(b"|") || heading {
        return Line::Block;
    }
    // A number, a bullet or the first characters of a fence: the next character decides.
    let unfinished = !whole && may_begin_block(body);
    if unfinished { Line::Undecided } else { Line::Text }
}

/// Whether a line of nothing but this may still become a list item, a heading or a fence: as many digits as a list
/// number may have, with or without what ends it; a lone bullet; or a run of one character that headings and fences
/// are made of.
fn may_begin_block(body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match (digits, body) {
        (_, []) | (0, [b'-' | b'*' | b'+']) => true,
        (0, [first @ (b'#' | b'`' | b'~'), rest @ ..]) => rest.iter().all(|byte| byte == first),
        (1..=9, _) => matches!(body[digits..], [] | [b'.' | b')']),
        _ => false,
    }
}

/// How many bytes of quote and list markers the line begins with, once its indentation is gone.
fn containers(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = container(&line[at..]) {
        at += length;
    }
    at
}

/// One marker with the white space after it.
fn container(line: &[u8]) -> Option<usize> {
    let marker = match line {
        [b'>', ..] => 1,
        [b'-' | b'*' | b'+', b' ' | b'\t', ..] => 2,
        _ => {
            let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
            match line[digits..] {
                [b'.' | b')', b' ' | b'\t', ..] if (1..=9).contains(&digits) => digits + 2,
                _ => return None,
            }
        }
    };
    let space = line[marker..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    Some(marker + space)
}
