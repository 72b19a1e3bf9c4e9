//! Magic words, checked and summed up. What each does: `words.md`, shown at [`StandIn`](super::StandIn).

use std::{fmt, str::FromStr, time::Duration};

use http::StatusCode;
use percent_encoding::percent_decode_str;

use super::{pages::Html, text::Alphabet};

const OPEN: &str = "[[stand-in:";
const CLOSE: &str = "]]";
/// Bounds what one prompt may ask for, in characters.
const MAX_LENGTH: usize = 4_000_000;
const MAX_FRAMES: usize = 10_000;
const MAX_MEDIA: usize = 20;
/// `inf` in a time.
const FOR_GOOD: Duration = Duration::from_secs(30 * 86_400);

/// Checked magic words, in order. Made from text: `"http=429 retry_after=5".parse()`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    words: Vec<(String, String)>,
}

/// A magic word the stand-in does not know, or a value that makes no sense for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWord(String);

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stand-in does not understand `{}`", self.0)
    }
}

impl std::error::Error for BadWord {}

impl FromStr for Fault {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let mut words = Vec::new();
        let mut trial = Plan::default();
        for word in text.split_ascii_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, "1"));
            let value = percent_decode_str(value).decode_utf8_lossy();
            trial.apply(key, &value).ok_or_else(|| BadWord(word.to_owned()))?;
            words.push((key.to_owned(), value.into_owned()));
        }
        Ok(Self { words })
    }
}

/// The last block of a prompt, and the prompt without any block.
pub(super) fn read(prompt: &str) -> (Result<Fault, BadWord>, String) {
    let mut clean = String::with_capacity(prompt.len());
    let mut last = "";
    let mut rest = prompt;
    while let Some((before, from)) = rest.split_once(OPEN) {
        let Some((words, after)) = from.split_once(CLOSE) else {
            break;
        };
        clean.push_str(before);
        last = words;
        rest = after;
    }
    clean.push_str(rest);
    (last.parse(), clean.trim().to_owned())
}

/// What one answer shall be like: the sum of defaults, rule and prompt.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) text: Option<String>,
    pub(super) echo: bool,
    pub(super) recall: bool,
    pub(super) files: bool,
    pub(super) length: Option<usize>,
    pub(super) alphabet: Option<Alphabet>,
    pub(super) frames: Option<usize>,
    pub(super) thoughts: usize,
    pub(super) title: Option<String>,
    pub(super) label: Option<String>,
    pub(super) head: Duration,
    pub(super) first: Duration,
    pub(super) delay: Duration,
    pub(super) split: Option<Split>,
    pub(super) queue: usize,
    pub(super) empty: bool,
    pub(super) empty_text: bool,
    pub(super) no_complete: bool,
    pub(super) no_prefix: bool,
    pub(super) no_trailer: bool,
    pub(super) no_context: bool,
    pub(super) shrink: usize,
    pub(super) rewrite: usize,
    pub(super) dup: usize,
    pub(super) flicker: bool,
    pub(super) malformed: usize,
    pub(super) bad_length: usize,
    pub(super) error: Option<u32>,
    pub(super) grpc: Option<u32>,
    pub(super) error_at: usize,
    pub(super) error_after: bool,
    pub(super) http: Option<StatusCode>,
    pub(super) retry_after: Option<u32>,
    pub(super) html: Option<Html>,
    pub(super) redirect: Option<Html>,
    pub(super) drop: bool,
    pub(super) disconnect: Option<usize>,
    pub(super) bytes: Option<usize>,
    pub(super) stall: Option<Duration>,
    pub(super) stall_at: Option<usize>,
    pub(super) forget: bool,
    pub(super) after: Duration,
    pub(super) reject: Option<u32>,
    pub(super) images: usize,
    pub(super) video: bool,
    pub(super) citations: usize,
}

/// How a body is cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// This many bytes each.
    Every(usize),
    /// 1 to 64 bytes each.
    Random,
}

impl Plan {
    /// Lays words over what is there: the later word wins.
    pub(super) fn with(mut self, fault: &Fault) -> Self {
        for (key, value) in &fault.words {
            // Every word of a Fault was tried when it was parsed.
            let _ = self.apply(key, value);
        }
        self
    }

    /// Whether an error, if there is one, stands in the place of the whole answer.
    pub(super) fn error_replaces_answer(&self) -> bool {
        self.error_at == 0 && !self.error_after
    }

    /// One word; `None` if it is unknown or its value is no good.
    fn apply(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "text" => self.text = Some(value.to_owned()),
            "echo" => self.echo = flag(value)?,
            "recall" => self.recall = flag(value)?,
            "files" => self.files = flag(value)?,
            "len" => self.length = Some(number(value, MAX_LENGTH)?),
            "alphabet" => self.alphabet = Some(Alphabet::parse(value)?),
            "frames" => self.frames = Some(number(value, MAX_FRAMES)?),
            "thoughts" => self.thoughts = number(value, MAX_LENGTH)?,
            "title" => self.title = Some(value.to_owned()),
            "label" => self.label = Some(value.to_owned()),
            "head" => self.head = time(value)?,
            "first" => self.first = time(value)?,
            "delay" => self.delay = time(value)?,
            "split" => self.split = Some(split(value)?),
            "queue" => self.queue = number(value, MAX_FRAMES)?,
            "empty" => self.empty = flag(value)?,
            "emptytext" => self.empty_text = flag(value)?,
            "nocomplete" => self.no_complete = flag(value)?,
            "noprefix" => self.no_prefix = flag(value)?,
            "notrailer" => self.no_trailer = flag(value)?,
            "nocontext" => self.no_context = flag(value)?,
            "persist" => self.forget = !flag(value)?,
            "after" => self.after = time(value)?,
            "images" => self.images = number(value, MAX_MEDIA)?,
            "video" => self.video = flag(value)?,
            "citations" => self.citations = number(value, MAX_MEDIA)?,
            _ => return self.apply_fault(key, value),
        }
        Some(())
    }

    fn apply_fault(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "shrink" => self.shrink = number(value, MAX_FRAMES)?,
            "rewrite" => self.rewrite = number(value, MAX_FRAMES)?,
            "dup" => self.dup = number(value, MAX_FRAMES)?,
            "flicker" => self.flicker = flag(value)?,
            "malformed" => self.malformed = number(value, MAX_FRAMES)?,
            "badlen" => self.bad_length = number(value, MAX_FRAMES)?,
            "error" => self.error = Some(value.parse().ok()?),
            "grpc" => self.grpc = Some(value.parse().ok()?),
            "error_at" => self.error_at = number(value, MAX_FRAMES)?,
            "error_after" => self.error_after = flag(value)?,
            "http" => self.http = Some(StatusCode::from_bytes(value.as_bytes()).ok()?),
            "retry_after" => self.retry_after = Some(value.parse().ok()?),
            "html" => self.html = Some(Html::parse(value)?),
            "redirect" => self.redirect = Some(Html::parse(value)?),
            "drop" => self.drop = flag(value)?,
            "disconnect" => self.disconnect = Some(number(value, MAX_FRAMES)?),
            "bytes" => self.bytes = Some(number(value, MAX_LENGTH)?),
            "stall" => self.stall = Some(time(value)?),
            "stall_at" => self.stall_at = Some(number(value, MAX_FRAMES)?),
            "reject" => self.reject = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "1" | "true" | "on" | "yes" => Some(true),
        "0" | "false" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn number(value: &str, max: usize) -> Option<usize> {
    value.parse().ok().filter(|n| *n <= max)
}

fn time(value: &str) -> Option<Duration> {
    if value == "inf" {
        return Some(FOR_GOOD);
    }
    let time = Duration::from_millis(value.parse().ok()?);
    (time <= FOR_GOOD).then_some(time)
}

fn split(value: &str) -> Option<Split> {
    if value == "random" {
        return Some(Split::Random);
    }
    value.parse().ok().filter(|n| *n > 0).map(Split::Every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_block_counts_and_all_are_taken_out() {
        let (fault, clean) = read("old [[stand-in: text=a]] then\nnew [[stand-in: text=b%20c echo]] end");
        assert_eq!(clean, "old  then\nnew  end");
        let plan = Plan::default().with(&fault.unwrap());
        assert_eq!(plan.text.as_deref(), Some("b c"));
        assert!(plan.echo);
    }

    #[test]
    fn an_unfinished_block_is_text() {
        let (fault, clean) = read("look: [[stand-in: text=a");
        assert_eq!(fault, Ok(Fault::default()));
        assert_eq!(clean, "look: [[stand-in: text=a");
    }

    #[test]
    fn later_words_win() {
        let low: Fault = "delay=10 frames=3".parse().unwrap();
        let high: Fault = "delay=0 flicker=0".parse().unwrap();
        let plan = Plan::default().with(&low).with(&high);
        assert_eq!(plan.delay, Duration::ZERO);
        assert_eq!(plan.frames, Some(3));
    }

    #[test]
    fn unknown_words_and_senseless_values_are_named() {
        for bad in [
            "nosuch=1",
            "frames=x",
            "len=99999999999",
            "http=99",
            "alphabet=klingon",
            "split=0",
        ] {
            let error = bad.parse::<Fault>().unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }
}
