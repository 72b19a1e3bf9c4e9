//! What a chat completion says: the words of whole answers and of chunks, and the events they become.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use serde_json::{Value, value::RawValue};

use crate::chat::{Event, FinishReason, Toolbox, Usage};

use super::render;

/// A string, borrowed unless it holds escapes. (A `Cow` within an `Option` never is: serde borrows only where it sees one.)
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A chunk of a stream, as far as it has to be understood. All of it may be missing: servers differ.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk<'a> {
    #[serde(borrow)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    pub(super) usage: Option<Counted>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

/// One choice, of a chunk (`delta`) or of a whole answer (`message`).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice<'a> {
    #[serde(borrow, alias = "message")]
    pub(super) delta: Option<Said<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    logprobs: Option<IgnoredAny>,
}

/// What is said.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    content: Option<Words<'a>>,
    #[serde(borrow)]
    refusal: Option<Words<'a>>,
    /// llama.cpp, vLLM and DeepSeek.
    #[serde(borrow)]
    reasoning_content: Option<Words<'a>>,
    /// OpenRouter, newer vLLM and some of the Hub's providers.
    #[serde(borrow)]
    reasoning: Option<Words<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<CallPiece<'a>>>,
    function_call: Option<IgnoredAny>,
    audio: Option<IgnoredAny>,
}

/// Text, as a string or in parts.
enum Words<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Value>),
}

/// By hand, as this is most of every chunk: `untagged` would first make a copy of either.
impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;

        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Words<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or a list of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Words<'de>, E> {
                Ok(Words::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Words<'de>, E> {
                Ok(Words::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Words<'de>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Words::Parts)
            }
        }

        deserializer.deserialize_any(TextOrParts)
    }
}

impl Words<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Words::Text(text) => Cow::Borrowed(text),
            Words::Parts(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                Cow::Owned(texts.collect())
            }
        }
    }
}

/// A call of a tool, or a piece of one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CallPiece<'a> {
    index: Option<usize>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<FunctionPiece<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionPiece<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
}

/// What it cost.
#[derive(Deserialize)]
pub(super) struct Counted {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    completion_tokens_details: Option<CountedDetails>,
}

#[derive(Deserialize)]
struct CountedDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl Counted {
    pub(super) fn usage(&self) -> Usage {
        let details = self.completion_tokens_details.as_ref();
        Usage {
            prompt: self.prompt_tokens,
            completion: self.completion_tokens,
            reasoning: details.and_then(|details| details.reasoning_tokens).unwrap_or_default(),
        }
    }
}

impl Choice<'_> {
    /// Whether it has anything for a client to see. The opening chunk, which only names the role, has not.
    pub(super) fn says_something(&self) -> bool {
        self.finish_reason.is_some() || self.logprobs.is_some() || self.delta.as_ref().is_some_and(Said::says_something)
    }
}

impl Said<'_> {
    fn says_something(&self) -> bool {
        let words = [&self.content, &self.refusal, &self.reasoning_content, &self.reasoning];
        words.into_iter().flatten().any(|words| !words.text().is_empty())
            || self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
            || self.function_call.is_some()
            || self.audio.is_some()
    }
}

/// Why an answer ended, by its own word. What no table knows is an end all the same.
pub(super) fn finish(reason: &str) -> FinishReason {
    match reason {
        "length" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        _ => FinishReason::Stop,
    }
}

/// Makes events of what is said, piece by piece. Calls of tools are given whole, in their order.
#[derive(Default)]
pub(super) struct Listener {
    calls: Vec<(usize, crate::chat::ToolCall)>,
}

impl Listener {
    /// Takes a further piece, or all that was said.
    pub(super) fn hear(&mut self, said: &Said<'_>, out: &mut Vec<Event>) {
        let text = |words: &Option<Words<'_>>| {
            let text = words.as_ref().map(Words::text).unwrap_or_default();
            (!text.is_empty()).then(|| text.into_owned())
        };
        out.extend(
            text(&said.reasoning_content)
                .or_else(|| text(&said.reasoning))
                .map(Event::Reasoning),
        );
        out.extend(text(&said.content).map(Event::Text));
        out.extend(text(&said.refusal).map(Event::Text));
        for piece in said.tool_calls.iter().flatten() {
            self.call(piece);
        }
    }

    fn call(&mut self, piece: &CallPiece<'_>) {
        /// The most calls of one answer.
        const MOST: usize = 256;
        let has_id = piece.id.as_ref().is_some_and(|id| !id.is_empty());
        // Some servers give no index: then an id begins a call.
        let last = self.calls.last().map(|(index, _)| *index);
        let index = piece.index.unwrap_or(match last {
            Some(last) if !has_id => last,
            Some(last) => last + 1,
            None => 0,
        });
        let place = match self.calls.iter().position(|(known, _)| *known == index) {
            Some(place) => place,
            None if self.calls.len() < MOST => {
                let call = crate::chat::ToolCall {
                    id: String::new(),
                    name: String::new(),
                    arguments: String::new(),
                };
                self.calls.push((index, call));
                self.calls.len() - 1
            }
            None => return,
        };
        let Some((_, call)) = self.calls.get_mut(place) else {
            return;
        };
        if let Some(id) = piece.id.as_ref().filter(|_| call.id.is_empty()) {
            call.id.push_str(id);
        }
        if let Some(function) = &piece.function {
            call.name.push_str(function.name.as_deref().unwrap_or_default());
            call.arguments
                .push_str(function.arguments.as_deref().unwrap_or_default());
        }
    }

    /// The calls, when all was said. Whether there are any.
    pub(super) fn finish(self, toolbox: Option<&Toolbox>, out: &mut Vec<Event>) -> bool {
        let calls = self.calls.into_iter().filter(|(_, call)| !call.name.is_empty());
        let before = out.len();
        out.extend(calls.map(|(_, mut call)| {
            if call.id.is_empty() {
                call.id = format!("call_{}", crate::ids::unique().simple());
            }
            call.arguments = match call.arguments {
                empty if empty.trim().is_empty() => "{}".to_owned(),
                arguments => render::free_text(toolbox, &call.name, arguments),
            };
            Event::ToolCall(call)
        }));
        out.len() > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(chunks: &[&str]) -> Vec<Event> {
        let (mut listener, mut out) = (Listener::default(), Vec::new());
        for chunk in chunks {
            let chunk: Chunk<'_> = serde_json::from_str(chunk).unwrap();
            for choice in chunk.choices.iter().flatten() {
                listener.hear(choice.delta.as_ref().unwrap(), &mut out);
            }
        }
        listener.finish(None, &mut out);
        out
    }

    fn call(id: &str, name: &str, arguments: &str) -> Event {
        Event::ToolCall(crate::chat::ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    #[test]
    fn words_thoughts_and_calls_in_the_shapes_of_several_servers() {
        let events = heard(&[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":"m","content":null}}]}"#,
            r#"{"choices":[{"delta":{"content":"a\nb"}}]}"#,
            r#"{"choices":[{"delta":{"content":[{"type":"text","text":"c"},{"type":"x"}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"c1","type":"function","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"a\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c0","function":{"name":"g"}}, {"index":1,"function":{"arguments":"1}"}}]}}]}"#,
        ]);
        let text = |text: &str| Event::Text(text.to_owned());
        let thought = |text: &str| Event::Reasoning(text.to_owned());
        assert_eq!(
            events,
            [
                thought("hm"),
                thought("m"),
                text("a\nb"),
                text("c"),
                call("c1", "f", r#"{"a":1}"#),
                call("c0", "g", "{}")
            ]
        );
    }

    #[test]
    fn calls_without_an_index_begin_with_their_id() {
        let events = heard(&[
            r#"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"g","arguments":"[1]"}}]}}]}"#,
        ]);
        assert_eq!(events, [call("a", "f", "{}"), call("b", "g", "[1]")]);
    }

    #[test]
    fn only_what_holds_escapes_is_copied() {
        let chunk =
            r#"{"model":"a","choices":[{"delta":{"content":"b","reasoning":"\u00e9"},"finish_reason":"stop"}]}"#;
        let chunk: Chunk<'_> = serde_json::from_str(chunk).unwrap();
        let choice = &chunk.choices.as_ref().unwrap()[0];
        let said = choice.delta.as_ref().unwrap();
        for text in [&chunk.model, &choice.finish_reason] {
            assert!(matches!(text, Some(Text(Cow::Borrowed("a" | "stop")))));
        }
        assert!(matches!(said.content, Some(Words::Text(Cow::Borrowed("b")))));
        assert!(matches!(&said.reasoning, Some(Words::Text(Cow::Owned(text))) if text == "é"));
        for wrong in ["1", "true", "{}"] {
            let choice = format!(r#"{{"delta":{{"content":{wrong}}}}}"#);
            assert!(serde_json::from_str::<Choice<'_>>(&choice).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_a_client_can_see_counts_as_said() {
        let says = |choice: &str| serde_json::from_str::<Choice<'_>>(choice).unwrap().says_something();
        for nothing in [
            r#"{"delta":{"role":"assistant","content":""}}"#,
            "{}",
            r#"{"delta":{"content":null}}"#,
            r#"{"delta":{"tool_calls":[]}}"#,
        ] {
            assert!(!says(nothing), "{nothing}");
        }
        for something in [
            r#"{"delta":{"content":"a"}}"#,
            r#"{"delta":{},"finish_reason":"stop"}"#,
            r#"{"delta":{"reasoning":"a"}}"#,
        ] {
            assert!(says(something), "{something}");
        }
    }
}
