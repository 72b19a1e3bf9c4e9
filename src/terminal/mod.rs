//! `gemini-gateway chat`: a client for people, of this gateway or of any other OpenAI-compatible server.
//!
//! The conversation is kept here and sent anew with every question; the server needs no memory. Pure: `command`,
//! `conversation`, `wire`, `answer`, `screen`. The world: `transport` (the server), `editor` and `interrupts` (the terminal).

mod answer;
mod command;
mod conversation;
mod editor;
mod interactive;
mod interrupts;
mod options;
mod pipe;
mod screen;
mod session;
mod transport;
mod trouble;
mod wire;

use std::io::{self, IsTerminal};

pub use options::{BaseUrl, Chat, ChatWish, Key, Server};
use screen::Looks;

/// Talks with a server: at a terminal until the user leaves, else one question and its answer.
///
/// # Errors
/// Cause and cure, in lines, when there was no server, no whole answer or no terminal.
pub fn run(chat: &Chat) -> Result<(), String> {
    // More than one thread: what listens for Ctrl-C has to run while the main one waits for a line.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let done = if io::stdin().is_terminal() && io::stdout().is_terminal() {
        interactive::talk(chat, looks(), &runtime)
    } else {
        pipe::answer(chat, &runtime)
    };
    // A request that hangs must not keep the program.
    runtime.shutdown_background();
    done.map_err(|trouble| screen::harmless(&trouble.to_string()).into_owned())
}

fn looks() -> Looks {
    if screen::colours_wanted(|name| std::env::var_os(name)) {
        Looks::Coloured
    } else {
        Looks::Plain
    }
}
