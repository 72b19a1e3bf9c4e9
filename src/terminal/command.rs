//! What a typed line means.

/// The commands, as `/help` shows them.
pub(super) const HELP: &str = "\
reset   forgets the conversation; the system text stays
status  shows the server, the model that answered, messages and tokens
quit    leaves, as Ctrl-D does
/help   shows this; /reset, /status and /quit work too

Ctrl-C stops an answer; what was shown of it stays in the conversation.
A backslash at the end of a line continues the message on the next one.
A line that begins with a blank is always a message, never a command.";

/// One line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing.
    Empty,
    /// Something to be said.
    Message(String),
    Reset,
    Status,
    Help,
    Quit,
    /// A slash and a word that is no command.
    Unknown(String),
}

/// Understands a line. Commands are whole lines: within a sentence their words are words.
pub(super) fn understand(line: &str) -> Input {
    if line.trim().is_empty() {
        return Input::Empty;
    }
    if line.starts_with([' ', '\t']) {
        return Input::Message(line.trim().to_owned());
    }
    let word = line.trim();
    match word.to_ascii_lowercase().as_str() {
        "reset" | "/reset" => Input::Reset,
        "status" | "/status" => Input::Status,
        "quit" | "/quit" | "exit" | "/exit" => Input::Quit,
        "/help" | "/?" => Input::Help,
        _ if looks_like_a_command(word) => Input::Unknown(word.to_owned()),
        _ => Input::Message(word.to_owned()),
    }
}

/// `/word` and nothing more. A path has a second slash, a question has a second word.
fn looks_like_a_command(word: &str) -> bool {
    let name = word.strip_prefix('/').unwrap_or_default();
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_commands() {
        for (line, meant) in [
            ("reset", Input::Reset),
            ("/reset", Input::Reset),
            ("Status ", Input::Status),
            ("quit", Input::Quit),
            ("/exit", Input::Quit),
            ("/help", Input::Help),
            ("  ", Input::Empty),
            ("/stauts", Input::Unknown("/stauts".to_owned())),
        ] {
            assert_eq!(understand(line), meant, "{line:?}");
        }
    }

    #[test]
    fn everything_else_is_said() {
        for (line, said) in [
            ("reset my password, please", "reset my password, please"),
            (" status", "status"),
            (" /stauts", "/stauts"),
            ("/etc/hosts: what is it?", "/etc/hosts: what is it?"),
            ("/what is this", "/what is this"),
            ("help", "help"),
            ("a\nb\n", "a\nb"),
        ] {
            assert_eq!(understand(line), Input::Message(said.to_owned()), "{line:?}");
        }
    }
}
