//! The conversation: `contents` and `systemInstruction`.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    named::Fields,
    parts::{self, Call, Outcome, Piece},
};
use crate::{
    api::{
        fields::Ignored,
        json::{Type, Value},
    },
    chat::{Message, Part, Role, ToolCall},
    error::Failure,
};

/// The instructions above the conversation: a content, or a plain text. No message when there are none.
///
/// # Errors
/// As [`read`]; for anything but text too.
pub(super) fn system(fields: &mut Fields<'_, '_>, ignored: &mut Ignored) -> Result<Vec<Message>, Failure> {
    let Some(system) = fields.take("systemInstruction") else {
        return Ok(Vec::new());
    };
    if system.json_type() == Type::String {
        return Ok(vec![Message::text(Role::System, system.string()?)]);
    }
    let mut fields = Fields::of(&system)?;
    // Whoever wrote it, it is the application's word.
    let _ = fields.take("role");
    let mut said = Vec::new();
    if let Some(list) = fields.take("parts") {
        each(&list, |part| {
            match parts::read(part, ignored)? {
                Some(Piece::Text(text)) => said.push(Part::Text(text)),
                Some(_) => return Err(part.invalid("must be text: instructions can be nothing else")),
                None => {}
            }
            Ok(())
        })?;
    }
    if said.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Message {
        role: Role::System,
        parts: said,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }])
}

/// Reads the conversation.
///
/// # Errors
/// [`crate::error::Kind::InvalidType`], [`crate::error::Kind::InvalidRequest`],
/// [`crate::error::Kind::MissingParameter`] or [`crate::error::Kind::UnsupportedParameter`] with the path of the field
/// at fault, and those of files.
pub(super) fn read(contents: &Value<'_, '_>, ignored: &mut Ignored) -> Result<Vec<Message>, Failure> {
    let mut history = History::default();
    each(contents, |content| history.content(content, ignored))?;
    if history.messages.is_empty() {
        return Err(contents.invalid("must hold at least one content that says something"));
    }
    Ok(history.messages)
}

/// The elements of a list. Google's JSON takes a single object for a list of one.
fn each<'a>(list: &Value<'a, '_>, mut read: impl FnMut(&Value<'a, '_>) -> Result<(), Failure>) -> Result<(), Failure> {
    match list.json_type() {
        Type::Object => read(list),
        Type::Array => {
            let items = list.array()?.into_iter().enumerate();
            for (index, item) in items {
                read(&list.element(index, item))?;
            }
            Ok(())
        }
        _ => Err(list.wrong_type("an array")),
    }
}

/// The conversation so far.
#[derive(Default)]
struct History {
    messages: Vec<Message>,
    /// The ids of the calls of each function, oldest first, as far as no result without an id has taken them.
    open: HashMap<String, VecDeque<String>>,
    /// The ids that results have named.
    answered: HashSet<String>,
    /// How many calls came without an id.
    unnamed: usize,
}

impl History {
    fn content(&mut self, content: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        let mut fields = Fields::of(content)?;
        let by_model = match fields.take("role") {
            None => false,
            Some(role) => is_model(&role)?,
        };
        let list = fields.take("parts");
        let expected = fields.at("parts");
        fields.name_ignored("contents.", ignored)?;
        match (list, by_model) {
            (Some(list), true) => each(&list, |part| self.by_model(part, ignored)),
            (Some(list), false) => self.by_user(&list, ignored),
            // A client that got no answer keeps an empty one in its history.
            (None, true) => Ok(()),
            (None, false) => Err(expected.missing()),
        }
    }

    /// Clients keep a streamed answer as one content per piece, so that what the model says in a row is one message,
    /// and its texts are one text.
    fn by_model(&mut self, part: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        match parts::read(part, ignored)? {
            None => {}
            // The last piece of a streamed answer has no text.
            Some(Piece::Text(text)) if text.is_empty() => {}
            Some(Piece::Text(text)) => match self.turn(Role::Assistant).parts.last_mut() {
                Some(Part::Text(before)) => before.push_str(&text),
                _ => self.turn(Role::Assistant).parts.push(Part::Text(text)),
            },
            Some(Piece::File(file)) => self.turn(Role::Assistant).parts.push(Part::File(file)),
            Some(Piece::Call(call)) => self.call(call),
            Some(Piece::Outcome(_)) => {
                return Err(part.invalid("is the result of a call, which the user gives and not the model"));
            }
        }
        Ok(())
    }

    fn by_user(&mut self, list: &Value<'_, '_>, ignored: &mut Ignored) -> Result<(), Failure> {
        let before = self.messages.len();
        // Two contents of the user's are two messages; the parts of one are one.
        let mut begun = false;
        each(list, |part| {
            let said = match parts::read(part, ignored)? {
                None => return Ok(()),
                Some(Piece::Text(text)) => Part::Text(text),
                Some(Piece::File(file)) => Part::File(file),
                Some(Piece::Outcome(outcome)) => {
                    begun = false;
                    self.outcome(outcome);
                    return Ok(());
                }
                Some(Piece::Call(_)) => {
                    return Err(part.invalid("is a call, which the model makes and not the user"));
                }
            };
            if !begun {
                begun = true;
                self.messages.push(empty(Role::User));
            }
            self.turn(Role::User).parts.push(said);
            Ok(())
        })?;
        if self.messages.len() == before {
            return Err(list.invalid("must hold at least one part that says something"));
        }
        Ok(())
    }

    /// The last message if it is this role's, else a new one.
    fn turn(&mut self, role: Role) -> &mut Message {
        let at = match self.messages.last() {
            Some(last) if last.role == role => self.messages.len() - 1,
            _ => {
                self.messages.push(empty(role));
                self.messages.len() - 1
            }
        };
        &mut self.messages[at]
    }

    fn call(&mut self, call: Call) {
        let id = call.id.unwrap_or_else(|| {
            self.unnamed += 1;
            format!("call-{}", self.unnamed)
        });
        self.open.entry(call.name.clone()).or_default().push_back(id.clone());
        self.turn(Role::Assistant).tool_calls.push(ToolCall {
            id,
            name: call.name,
            arguments: call.args,
        });
    }

    /// The result of a call: of the one it names, else of the oldest open one of its name.
    fn outcome(&mut self, outcome: Outcome) {
        let id = match outcome.id {
            Some(id) => {
                self.answered.insert(id.clone());
                id
            }
            None => self.oldest_open(&outcome.name).unwrap_or(outcome.name),
        };
        self.messages.push(Message {
            role: Role::Tool,
            parts: outcome.parts,
            tool_calls: Vec::new(),
            tool_call_id: Some(id),
        });
    }

    fn oldest_open(&mut self, name: &str) -> Option<String> {
        let calls = self.open.get_mut(name)?;
        while let Some(id) = calls.pop_front() {
            if !self.answered.contains(&id) {
                return Some(id);
            }
        }
        None
    }
}

/// Whether this role is the model's and not the user's, who also gives the results of calls.
fn is_model(role: &Value<'_, '_>) -> Result<bool, Failure> {
    match role.string()?.as_str() {
        "" | "user" | "function" => Ok(false),
        "model" => Ok(true),
        _ => Err(role.invalid("must be one of user, model, function; instructions go into systemInstruction")),
    }
}

fn empty(role: Role) -> Message {
    Message {
        role,
        parts: Vec::new(),
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}
