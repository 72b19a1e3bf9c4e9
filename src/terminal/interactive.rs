//! The conversation at a terminal.

use std::io::{self, Write};

use super::{
    answer::End,
    command::{HELP, Input, understand},
    editor::{LineEditor, Read},
    interrupts::Interrupts,
    options::Chat,
    screen::{Looks, Screen},
    session::Session,
    trouble::Trouble,
};

const HOW_TO_LEAVE: &str = "(Ctrl-D or `quit` leaves; /help shows what else there is)";

/// Talks until the user leaves.
///
/// # Errors
/// When there is no server to talk to, or the terminal fails.
pub(super) fn talk(chat: &Chat, looks: Looks, runtime: &tokio::runtime::Runtime) -> Result<(), Trouble> {
    let mut screen = Screen::new(io::stdout(), looks);
    let colours = looks == Looks::Coloured;
    let (mut editor, problem) = LineEditor::new(chat.history.clone(), colours).map_err(terminal)?;
    let mut session = runtime.block_on(Session::begin(chat))?;
    greet(chat, &session, problem, &mut screen).map_err(output)?;
    let interrupts = runtime.block_on(async { Interrupts::watch(hint) }).map_err(terminal)?;
    loop {
        let line = match editor.read().map_err(terminal)? {
            Read::Line(line) => line,
            Read::Interrupted => {
                screen.remark(HOW_TO_LEAVE).map_err(output)?;
                continue;
            }
            Read::End => return Ok(()),
        };
        let input = understand(&line);
        if input != Input::Empty
            && let Some(problem) = editor.remember(line.trim_end())
        {
            screen.remark(&problem).map_err(output)?;
        }
        let done = match input {
            Input::Quit => return Ok(()),
            Input::Empty => Ok(()),
            Input::Help => screen.say(HELP),
            Input::Unknown(word) => screen.remark(&format!(
                "There is no command {word}; /help shows those there are. Put a blank before it to send it as a message."
            )),
            Input::Reset => {
                session.reset();
                screen.remark("The conversation is empty again.")
            }
            Input::Status => {
                let armed = interrupts.arm();
                let status = runtime.block_on(armed.stop.run_until_cancelled(session.status()));
                status.map_or(Ok(()), |status| screen.say(&status))
            }
            Input::Message(question) => {
                let armed = interrupts.arm();
                let end = runtime.block_on(session.ask(question, &mut screen, &armed.stop));
                end.and_then(|end| report(&end, session.news(), &mut screen))
            }
        };
        done.map_err(output)?;
    }
}

fn greet<W: Write>(chat: &Chat, session: &Session, problem: Option<String>, screen: &mut Screen<W>) -> io::Result<()> {
    screen.say(&format!("{} with {}", chat.server.base.shown(), session.model()))?;
    for note in chat.notes.iter().chain(&problem) {
        screen.remark(note)?;
    }
    screen.remark("/help shows the commands. Ctrl-C stops an answer, Ctrl-D leaves.")
}

fn report<W: Write>(end: &End, news: Option<String>, screen: &mut Screen<W>) -> io::Result<()> {
    if let Some(news) = news {
        screen.remark(&news)?;
    }
    match end {
        End::Complete(None) => Ok(()),
        End::Complete(Some(remark)) => screen.remark(remark),
        End::Stopped { shown: true } => screen.remark("(stopped; what was shown stays in the conversation)"),
        End::Stopped { shown: false } => screen.remark("(stopped; the question is not kept: there is no answer to it)"),
        End::Failed(trouble) => screen.trouble(trouble),
    }?;
    // The next question stands apart.
    screen.say("")
}

/// For a terminal without line editing: there, Ctrl-C at the prompt is a signal.
fn hint() {
    let _ = write!(io::stdout().lock(), "\n{HOW_TO_LEAVE}\n> ");
    let _ = io::stdout().lock().flush();
}

fn terminal(error: impl std::fmt::Display) -> Trouble {
    Trouble::new(format!("The terminal cannot be used: {error}.")).cure("`echo … | gemini-gateway chat` needs none.")
}

fn output(error: impl std::fmt::Display) -> Trouble {
    Trouble::new(format!("Standard output cannot be written: {error}."))
}
