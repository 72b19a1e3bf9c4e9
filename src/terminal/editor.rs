//! The line that is being typed, and those typed before.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

use rustyline::{ColorMode, Config, Editor, error::ReadlineError, history::FileHistory};

/// Lines that are remembered.
const REMEMBERED: usize = 1000;

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// One message, possibly of several lines.
    Line(String),
    /// Ctrl-C: what was typed is thrown away.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads lines from the terminal.
pub(super) struct LineEditor {
    editor: Editor<(), FileHistory>,
    file: Option<PathBuf>,
    colours: bool,
}

impl LineEditor {
    /// An editor that remembers in this file, and why it cannot, if it cannot.
    ///
    /// # Errors
    /// When the terminal cannot be used.
    pub(super) fn new(file: Option<PathBuf>, colours: bool) -> Result<(Self, Option<String>), ReadlineError> {
        let config = Config::builder()
            .max_history_size(REMEMBERED)?
            .history_ignore_dups(true)?
            .color_mode(if colours {
                ColorMode::Enabled
            } else {
                ColorMode::Disabled
            })
            .build();
        let mut editor = Self {
            editor: Editor::with_config(config)?,
            file,
            colours,
        };
        let problem = editor.load().err().map(|error| editor.forget(&error));
        Ok((editor, problem))
    }

    /// Reads one message. A backslash at the end of a line continues it.
    ///
    /// # Errors
    /// When the terminal fails.
    pub(super) fn read(&mut self) -> Result<Read, ReadlineError> {
        let mut message = String::new();
        loop {
            let prompt = if message.is_empty() { "> " } else { ". " };
            let styled = if self.colours {
                format!("\x1b[1;36m{prompt}\x1b[0m")
            } else {
                prompt.to_owned()
            };
            match self.editor.readline(&(prompt, styled)) {
                Ok(line) => match line.strip_suffix('\\') {
                    Some(line) => {
                        message.push_str(line);
                        message.push('\n');
                    }
                    None => {
                        message.push_str(&line);
                        return Ok(Read::Line(message));
                    }
                },
                Err(ReadlineError::Interrupted) => return Ok(Read::Interrupted),
                Err(ReadlineError::Eof) => return Ok(Read::End),
                // A terminal that was closed.
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Read::End),
                Err(error) => return Err(error),
            }
        }
    }

    /// Remembers a message at once, so that nothing is lost however the program ends. Gives the problem, once, if that
    /// does not work.
    pub(super) fn remember(&mut self, message: &str) -> Option<String> {
        // Fails for a file alone, and this is the memory.
        let _ = self.editor.add_history_entry(message);
        let file = self.file.as_ref()?;
        let appended = self.editor.append_history(file);
        appended.err().map(|error| self.forget(&error))
    }

    fn load(&mut self) -> Result<(), ReadlineError> {
        let Some(file) = &self.file else { return Ok(()) };
        if let Some(folder) = file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        match fs::exists(file) {
            Ok(true) => self.editor.load_history(file),
            Ok(false) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Goes on without the file.
    fn forget(&mut self, error: &ReadlineError) -> String {
        let file = self.file.take().unwrap_or_default();
        format!(
            "What is typed will not be remembered: {}: {error}. `--no-history` avoids this message.",
            file.display()
        )
    }
}
