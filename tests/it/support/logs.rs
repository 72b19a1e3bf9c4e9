//! The log of one test, caught.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, Once},
};

use gemini_gateway::{config::LogFormat, telemetry};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

static BACKGROUND: Once = Once::new();

/// Everything logged at debug on this thread while it lives. A test's runtime has no other thread.
pub(crate) struct Logs {
    sink: Sink,
    _guard: DefaultGuard,
}

impl Logs {
    pub(crate) fn catch(format: LogFormat) -> Self {
        // A call site that first runs on another test's thread, while only one log exists, would be switched off for
        // good; with a log of the same filter behind all threads it never is.
        BACKGROUND.call_once(|| {
            let background = telemetry::subscriber(format, true, io::sink);
            tracing::subscriber::set_global_default(background).unwrap();
        });
        let sink = Sink::default();
        let subscriber = telemetry::subscriber(format, true, sink.clone());
        Self {
            sink,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.sink.0.lock().unwrap().clone()).unwrap()
    }

    /// The access lines, in JSON form.
    pub(crate) fn access(&self) -> Vec<serde_json::Value> {
        let text = self.text();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &serde_json::Value| line["target"] == "access")
            .collect()
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Sink {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
