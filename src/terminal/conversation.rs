//! What was said, kept here and sent anew with every question: the server remembers nothing.

use serde::Serialize;

/// Who said something, as the wire names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

/// One thing said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: String,
}

/// All that was said, the system text first if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    messages: Vec<Message>,
}

impl Conversation {
    pub(super) fn new(system: Option<&str>) -> Self {
        let mut conversation = Self::default();
        if let Some(system) = system {
            conversation.push(Role::System, system.to_owned());
        }
        conversation
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn ask(&mut self, question: String) {
        self.push(Role::User, question);
    }

    /// Ends a round. Without any text there was no answer: the question is taken back, or the next one would be read
    /// as a part of it.
    pub(super) fn answered(&mut self, answer: String) {
        if answer.is_empty() {
            self.messages.pop_if(|last| last.role == Role::User);
        } else {
            self.push(Role::Assistant, answer);
        }
    }

    /// Forgets all but the system text.
    pub(super) fn reset(&mut self) {
        self.messages.retain(|message| message.role == Role::System);
    }

    /// How many messages there are besides the system text.
    pub(super) fn said(&self) -> usize {
        self.messages
            .iter()
            .filter(|message| message.role != Role::System)
            .count()
    }

    pub(super) fn has_system(&self) -> bool {
        self.messages.iter().any(|message| message.role == Role::System)
    }

    fn push(&mut self, role: Role, content: String) {
        self.messages.push(Message { role, content });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(conversation: &Conversation) -> Vec<&str> {
        conversation
            .messages()
            .iter()
            .map(|message| message.content.as_str())
            .collect()
    }

    #[test]
    fn rounds_are_kept_and_the_system_text_outlives_them() {
        let mut conversation = Conversation::new(Some("Be brief."));
        conversation.ask("Hi".to_owned());
        conversation.answered("Ho".to_owned());
        assert_eq!(said(&conversation), ["Be brief.", "Hi", "Ho"]);
        assert_eq!((conversation.said(), conversation.has_system()), (2, true));
        conversation.reset();
        assert_eq!(said(&conversation), ["Be brief."]);
        assert_eq!(conversation.said(), 0);
    }

    #[test]
    fn a_question_without_answer_is_taken_back() {
        let mut conversation = Conversation::new(None);
        conversation.ask("Hi".to_owned());
        conversation.answered("Ho".to_owned());
        conversation.ask("Again".to_owned());
        conversation.answered(String::new());
        assert_eq!(said(&conversation), ["Hi", "Ho"]);
    }

    #[test]
    fn messages_are_written_as_the_wire_has_them() {
        let mut conversation = Conversation::new(Some("S"));
        conversation.ask("Q".to_owned());
        conversation.answered("A".to_owned());
        assert_eq!(
            serde_json::to_string(conversation.messages()).unwrap(),
            r#"[{"role":"system","content":"S"},{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]"#
        );
    }
}
