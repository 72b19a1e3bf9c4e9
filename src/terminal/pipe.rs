//! One question from standard input, its answer on standard output: for scripts.

use std::io::{self, IsTerminal, Read, Write};

use tokio_util::sync::CancellationToken;

use super::{
    answer::End,
    options::Chat,
    screen::{Looks, Screen, harmless},
    session::Session,
    trouble::Trouble,
};

/// The largest question, in bytes.
const LARGEST: u64 = 64 << 20;

/// Asks, and writes the answer.
///
/// # Errors
/// When there is no whole answer.
pub(super) fn answer(chat: &Chat, runtime: &tokio::runtime::Runtime) -> Result<(), Trouble> {
    for note in &chat.notes {
        remark(note);
    }
    let question = question()?;
    let mut screen = Screen::new(io::stdout(), Looks::Bare);
    let end = runtime.block_on(async {
        let mut session = Session::begin(chat).await?;
        Ok(session.ask(question, &mut screen, &CancellationToken::new()).await)
    })?;
    match end {
        Ok(End::Complete(remarkable)) => {
            if let Some(text) = remarkable {
                remark(&text);
            }
            Ok(())
        }
        Ok(End::Failed(trouble)) => Err(trouble),
        // Nothing cancels the token; if something did, there would be no whole answer.
        Ok(End::Stopped { .. }) => Err(Trouble::new("The answer was stopped.")),
        // A reader that has seen enough is no fault.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Trouble::new(format!("Standard output cannot be written: {error}."))),
    }
}

fn question() -> Result<String, Trouble> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        remark(
            "Standard output is no terminal, so this is one question: type it, Ctrl-D on a line of its own sends it.",
        );
    }
    let mut bytes = Vec::new();
    let read = stdin.lock().take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::new(format!("Standard input cannot be read: {error}.")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Trouble::new(format!(
            "Standard input holds more than {} MiB.",
            LARGEST >> 20
        )));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Trouble::new("Standard input is not text in UTF-8.").cure("Convert it, for instance with `iconv -t UTF-8`.")
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Trouble::new("Standard input is empty, so nothing was asked.")
            .cure("`echo Hello | gemini-gateway chat` asks one question; at a terminal, without the pipe, there is a conversation."));
    }
    Ok(text.to_owned())
}

fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "gemini-gateway: {}", harmless(text));
}
