//! A request for a chat answer.

use super::TokenCounter;

/// What a client asks for, after its wire format was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model as the client named it, after aliases were applied.
    pub model: String,
    /// The conversation, oldest message first. Never empty.
    pub messages: Vec<Message>,
    /// Texts that end the answer where the first of them would begin. No empty strings.
    pub stop: Vec<String>,
    /// The most tokens of visible answer, by the gateway's own estimate. At least 1.
    pub max_tokens: Option<u64>,
    /// How hard the model should think, where it can.
    pub thinking: Option<ThinkingLevel>,
}

impl Request {
    /// The estimated tokens of everything the model has to read.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        /// What a message costs beside its text: role, separators. A choice, near what public chat templates use.
        const PER_MESSAGE: u64 = 4;
        self.messages
            .iter()
            .map(|message| {
                let mut counter = TokenCounter::default();
                for part in &message.parts {
                    let Part::Text(text) = part;
                    counter.push(text);
                }
                for call in &message.tool_calls {
                    counter.push(&call.name);
                    counter.push(&call.arguments);
                }
                PER_MESSAGE + counter.total()
            })
            .sum()
    }
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order. May be empty for an assistant that only called tools.
    pub parts: Vec<Part>,
    /// The tools an assistant called in this turn.
    pub tool_calls: Vec<ToolCall>,
    /// For [`Role::Tool`]: the call this answers.
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            parts: vec![Part::Text(text.into())],
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }
}

/// Who speaks in a [`Message`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The assistant, in earlier turns (or a beginning of the answer, when it is last).
    Assistant,
    /// Whoever runs the application: instructions above the user's.
    System,
    /// The result of a tool call: data, not instructions.
    Tool,
    /// The user.
    User,
}

/// A piece of a [`Message`].
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text, byte for byte as the client sent it.
    Text(String),
}

/// A tool call in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The client's id of the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments: a JSON text, not checked here.
    pub arguments: String,
}

/// How hard a model should think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingLevel {
    /// As the model does by default.
    Standard,
    /// Longer than by default.
    Extended,
}
