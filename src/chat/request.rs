//! A request for a chat answer.

use bytes::Bytes;

use super::{OutputForm, Sampling, TokenCounter, ToolInput, Toolbox};

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
    /// The tools that may be called. None: no call is wanted.
    pub tools: Option<Toolbox>,
    /// The form of the answer.
    pub form: OutputForm,
    /// How the answer is to be drawn, where the upstream lets anybody say.
    pub sampling: Sampling,
    /// The request as the client wrote it, where an upstream that may answer it speaks the same format. None: no such
    /// upstream is asked.
    pub original: Option<Original>,
    /// Last words to the model, after the newest message: what a long conversation must not make it forget.
    pub closing: Option<String>,
}

impl Request {
    /// The estimated tokens of everything the model has to read.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        /// What a message costs beside its text: role, separators. A choice, near what public chat templates use.
        const PER_MESSAGE: u64 = 4;
        let messages = self.messages.iter();
        let said: u64 = messages.map(|message| PER_MESSAGE + message.tokens()).sum();
        said + self.tool_tokens()
    }

    fn tool_tokens(&self) -> u64 {
        let mut counter = TokenCounter::default();
        for tool in self.tools.iter().flat_map(|toolbox| &toolbox.tools) {
            counter.push(&tool.name);
            counter.push(tool.description.as_deref().unwrap_or_default());
            if let ToolInput::Object(Some(schema)) = &tool.input {
                counter.push(schema.as_str());
            }
        }
        if let OutputForm::JsonSchema(wanted) = &self.form {
            counter.push(wanted.schema.as_str());
        }
        counter.total()
    }
}

/// A request as its client wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The wire format.
    pub dialect: Dialect,
    /// The body, word for word: one JSON object.
    pub body: Bytes,
    /// Whether the rest of the [`Request`] says the same. If not, only an upstream of this very format can answer it:
    /// it asks for something that the gateway has no words for.
    pub understood: bool,
}

/// A wire format that some upstreams speak too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI's chat completions.
    OpenAiChat,
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

    fn tokens(&self) -> u64 {
        /// What Google counts for an image of usual size, and what the gateway assumes for every file.
        const PER_FILE: u64 = 258;
        let mut counter = TokenCounter::default();
        let mut files = 0;
        for part in &self.parts {
            match part {
                Part::Text(text) => counter.push(text),
                Part::File(_) => files += PER_FILE,
            }
        }
        for call in &self.tool_calls {
            counter.push_call(call);
        }
        counter.total() + files
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
    /// An image, a recording, a document.
    File(File),
}

impl Part {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Part::Text(text) => Some(text),
            Part::File(_) => None,
        }
    }
}

/// A file that a client gives to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What the client says it is. The bytes decide what it is taken for.
    pub kind: FileKind,
    /// Its bytes, or where they are.
    pub content: FileContent,
    /// The client's name for it, as it came; once the file was looked at, a safe one that no other file of the request has.
    pub name: Option<String>,
    /// The client's word for its MIME type, as it came; once the file was looked at, the true one.
    pub mime: Option<String>,
    /// The request field it came in (`messages[0].content[1].image_url`), for failures that show only later.
    pub param: String,
}

/// What a client says a [`File`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A still image.
    Image,
    /// A recording.
    Audio,
    /// A film.
    Video,
    /// Anything else: PDF, text, tables.
    Document,
}

/// The bytes of a [`File`], or where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// Here they are.
    Bytes(Bytes),
    /// They have to be fetched from this address, as the client wrote it. No upstream ever sees one.
    Url(String),
}

/// A call of a tool: in the history, or in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// The id that ties the result to it: the client's own in the history, a fresh one in an answer.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments: a JSON text, in the history not checked; of a tool that takes free text, the text itself.
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
