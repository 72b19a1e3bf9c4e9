//! Fenced code, as far as one line shows it.

/// The info string of a block that holds a call.
pub(super) const INFO: &str = "tool_call";

/// A run of at least three fence characters at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    byte: u8,
    /// How many fence characters.
    length: usize,
    /// What stands before it.
    lead: Lead,
    /// Nothing but white space follows.
    bare: bool,
    /// A backtick follows: such a line begins a code span, not a block.
    span: bool,
}

/// What stands on a line before a fence: indentation, and the markers of quotes and list items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lead {
    bytes: usize,
    quote: bool,
    item: bool,
}

impl Fence {
    /// The fence on this line, with or without its line end.
    pub(super) fn on(line: &str) -> Option<Self> {
        let lead = lead(line.as_bytes());
        let bytes = &line.as_bytes()[lead.bytes..];
        let byte = *bytes.first().filter(|byte| matches!(byte, b'`' | b'~'))?;
        let length = run(bytes);
        let rest = &bytes[length..];
        (length >= 3).then(|| Self {
            byte,
            length,
            lead,
            bare: rest.trim_ascii().is_empty(),
            span: byte == b'`' && rest.contains(&b'`'),
        })
    }

    /// Whether a line that begins like this may still have a fence.
    pub(super) fn may_come(line: &str) -> bool {
        let rest = &line.as_bytes()[lead(line.as_bytes()).bytes..];
        let digits = digits(rest);
        match (digits, rest) {
            (_, []) | (0, [b'-' | b'*' | b'+']) => true,
            (0, [b'`' | b'~', ..]) => run(rest) >= 3 || run(rest) == rest.len(),
            (1..=9, _) => matches!(rest[digits..], [] | [b'.' | b')']),
            _ => false,
        }
    }

    /// Whether a line with this fence opens a block where none is open.
    pub(super) fn opens(&self) -> bool {
        !self.span
    }

    /// Whether a line with this fence closes a block that `opening` opened.
    pub(super) fn closes(&self, opening: &Fence) -> bool {
        self.bare && !self.lead.item && self.byte == opening.byte && self.length >= opening.length
    }

    /// Whether nothing but indentation stands before it.
    pub(super) fn is_plain(&self) -> bool {
        !self.lead.quote && !self.lead.item
    }

    /// Whether it stands as far to the left as another one.
    pub(super) fn is_out_as_far_as(&self, other: &Fence) -> bool {
        self.lead.bytes <= other.lead.bytes
    }
}

/// What the beginning of a line may be to calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    /// Text.
    No,
    /// What follows decides.
    Maybe,
    /// The line opens a block of calls.
    Yes(Fence),
}

/// Reads a line, or its beginning: with its line end it is whole. A block of calls is opened by at most three blanks,
/// at least three backticks and the info string, and nothing else.
pub(super) fn opener(line: &str) -> Opener {
    const MAX_INDENT: usize = 3;
    let fenced = line.trim_start_matches(' ');
    let info = fenced.trim_start_matches('`');
    let ticks = fenced.len() - info.len();
    if line.len() - fenced.len() > MAX_INDENT || (ticks < 3 && !info.is_empty()) {
        return Opener::No;
    }
    let named = info.trim_start_matches([' ', '\t']);
    let Some(after) = named.strip_prefix(INFO) else {
        let begun = INFO.starts_with(named);
        return if begun { Opener::Maybe } else { Opener::No };
    };
    // Models write the plural when they call several.
    let after = after.strip_prefix('s').unwrap_or(after);
    match (after.trim_ascii().is_empty(), after.ends_with('\n'), Fence::on(line)) {
        (true, true, Some(fence)) => Opener::Yes(fence),
        (true, false, _) => Opener::Maybe,
        _ => Opener::No,
    }
}

/// The longest run of backticks in this text, wherever it stands: what is before it on its line may be a quote's mark
/// or a list's.
pub(super) fn longest(text: &str) -> usize {
    let runs = text.as_bytes().chunk_by(|one, next| one == next);
    let ticks = runs.filter(|run| run.first() == Some(&b'`'));
    ticks.map(<[u8]>::len).max().unwrap_or(0)
}

fn lead(line: &[u8]) -> Lead {
    let mut lead = Lead::default();
    loop {
        let rest = &line[lead.bytes..];
        let digits = digits(rest);
        lead.bytes += match rest {
            [b' ' | b'\t', ..] => 1,
            [b'>', ..] => {
                lead.quote = true;
                1
            }
            [b'-' | b'*' | b'+', b' ' | b'\t', ..] => {
                lead.item = true;
                2
            }
            _ if (1..=9).contains(&digits) && matches!(rest[digits..], [b'.' | b')', b' ' | b'\t', ..]) => {
                lead.item = true;
                digits + 2
            }
            _ => return lead,
        };
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// How often the first byte stands in a row.
fn run(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| Some(*byte) == bytes.first()).count()
}
