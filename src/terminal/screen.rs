//! Where answers and remarks are written. What comes from a server can be read there, and can do nothing there.

use std::{
    borrow::Cow,
    ffi::OsString,
    io::{self, Write},
};

use super::{answer::Seen, trouble::Trouble};

const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The text without anything a terminal obeys: all control characters go but line feeds and tabs. What is left of an
/// escape sequence is text.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let obeyed = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if text.contains(obeyed) {
        Cow::Owned(text.replace(obeyed, ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a terminal shall get colours: not with NO_COLOR (<https://no-color.org>), nor if it can do nothing.
pub(super) fn colours_wanted(environment: impl Fn(&str) -> Option<OsString>) -> bool {
    let refused = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    let able = environment("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && !refused
}

/// How things are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// For a program or a file: the answer and nothing else.
    Bare,
    /// For a person.
    Plain,
    /// For a person, with colours.
    Coloured,
}

/// A place to write to.
pub(super) struct Screen<W> {
    out: W,
    looks: Looks,
    within: Within,
    /// Whether the last character was no line feed.
    open_line: bool,
}

/// What is being written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Thought,
    Text,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W, looks: Looks) -> Self {
        Self {
            out,
            looks,
            within: Within::Nothing,
            open_line: false,
        }
    }

    /// Shows a piece of an answer at once.
    pub(super) fn show(&mut self, seen: &Seen) -> io::Result<()> {
        match seen {
            Seen::Nothing => return Ok(()),
            Seen::Thought(_) if self.looks == Looks::Bare => return Ok(()),
            Seen::Thought(thought) => {
                if self.within != Within::Thought {
                    self.close()?;
                    self.within = Within::Thought;
                    self.out.write_all(self.style(DIM).as_bytes())?;
                    if self.looks == Looks::Plain {
                        self.text("(thinking) ")?;
                    }
                }
                self.text(thought)?;
            }
            Seen::Text(text) => {
                if self.within == Within::Thought {
                    self.close()?;
                    self.text("\n")?;
                }
                self.within = Within::Text;
                self.text(text)?;
            }
        }
        self.out.flush()
    }

    /// Ends an answer: the next thing begins on a line of its own.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.within == Within::Thought {
            let plain = self.style(PLAIN);
            self.out.write_all(plain.as_bytes())?;
        }
        self.within = Within::Nothing;
        if self.open_line {
            self.text("\n")?;
        }
        self.out.flush()
    }

    /// Lines of the client's own.
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.lines("", text)
    }

    /// The same, less loud.
    pub(super) fn remark(&mut self, text: &str) -> io::Result<()> {
        self.lines(DIM, text)
    }

    pub(super) fn trouble(&mut self, trouble: &Trouble) -> io::Result<()> {
        self.lines(RED, &format!("error: {}", trouble.cause))?;
        match &trouble.cure {
            Some(cure) => self.say(cure),
            None => Ok(()),
        }
    }

    fn lines(&mut self, style: &'static str, text: &str) -> io::Result<()> {
        self.close()?;
        let (on, off) = (self.style(style), if style.is_empty() { "" } else { self.style(PLAIN) });
        writeln!(self.out, "{on}{}{off}", harmless(text))?;
        self.out.flush()
    }

    fn style(&self, style: &'static str) -> &'static str {
        if self.looks == Looks::Coloured { style } else { "" }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let text = harmless(text);
        if !text.is_empty() {
            self.open_line = !text.ends_with('\n');
        }
        self.out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(looks: Looks, seen: &[Seen]) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, looks);
        seen.iter().for_each(|seen| screen.show(seen).unwrap());
        screen.close().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn text(text: &str) -> Seen {
        Seen::Text(text.to_owned())
    }

    fn thought(text: &str) -> Seen {
        Seen::Thought(text.to_owned())
    }

    #[test]
    fn an_answer_ends_with_one_line_feed() {
        assert_eq!(shown(Looks::Bare, &[text("a"), text("b")]), "ab\n");
        assert_eq!(shown(Looks::Bare, &[text("a\n")]), "a\n");
        assert_eq!(shown(Looks::Bare, &[]), "");
    }

    #[test]
    fn thoughts_are_told_from_words() {
        let seen = [thought("h"), thought("m"), text("a"), text("b")];
        assert_eq!(shown(Looks::Bare, &seen), "ab\n");
        assert_eq!(shown(Looks::Plain, &seen), "(thinking) hm\n\nab\n");
        assert_eq!(shown(Looks::Coloured, &seen), "\x1b[2mhm\x1b[0m\n\nab\n");
        // Stopped while it thinks, it does not leave the terminal dim.
        assert_eq!(shown(Looks::Coloured, &[thought("h")]), "\x1b[2mh\x1b[0m\n");
    }

    #[test]
    fn an_answer_cannot_drive_the_terminal() {
        let hostile = "\x1b]0;title\x07a\x1b[2Jb\u{9b}31mc\r\nd\te\x7f\x08f\0";
        let seen = [text(hostile), text("\x1b"), text("[31mg")];
        assert_eq!(shown(Looks::Coloured, &seen), "]0;titlea[2Jb31mc\nd\tef[31mg\n");
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Looks::Plain);
        screen.trouble(&Trouble::new("a\x1b[2J").cure("\x1b[2Jb")).unwrap();
        screen.remark("\x1bc").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "error: a[2J\n[2Jb\nc\n");
    }

    #[test]
    fn a_remark_begins_a_line() {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, Looks::Coloured);
        screen.show(&text("a")).unwrap();
        screen.remark("b").unwrap();
        screen.say("c").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a\n\x1b[2mb\x1b[0m\nc\n");
    }

    #[test]
    fn colours_are_for_terminals_that_have_them() {
        let wanted = |term: Option<&str>, no: Option<&str>| {
            colours_wanted(|name| match name {
                "TERM" => term.map(OsString::from),
                "NO_COLOR" => no.map(OsString::from),
                _ => None,
            })
        };
        assert!(wanted(Some("xterm"), None) && wanted(Some("xterm"), Some("")));
        assert!(!wanted(Some("xterm"), Some("1")) && !wanted(Some("dumb"), None) && !wanted(None, None));
    }

    proptest! {
        #[test]
        fn no_text_in_any_pieces_gets_a_control_character_through(pieces in proptest::collection::vec("\\PC*|[\\x00-\\x1f\\x7f-\\x9f]{1,4}", 0..8)) {
            let seen: Vec<Seen> = pieces.iter().map(|piece| text(piece)).collect();
            let out = shown(Looks::Coloured, &seen);
            prop_assert!(out.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')));
        }
    }
}
