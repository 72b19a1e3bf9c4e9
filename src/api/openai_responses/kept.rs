//! What earlier answers said, for the clients that refer to it instead of sending it again.
//!
//! The AI SDK does so unless `store` is set to false, which is how OpenAI's own service would have it. So the items of
//! an answer are remembered for a while: in memory alone, no more than [`MOST_BYTES`] of them, the least used forgotten
//! first, and none when the client forbids it. There is one memory for the process, since all keys of
//! a gateway are its owner's. What is forgotten is refused like what never was.

use std::sync::LazyLock;

use quick_cache::{Weighter, sync::Cache};

use crate::chat::{Message, Part, Role, ToolCall};

/// The most that is remembered, in bytes of text.
const MOST_BYTES: u64 = 16 << 20;

/// What an item takes beside its texts, about: two keys, a message, the cache's own books.
const PER_ITEM: usize = 512;

/// How many items are expected: what the memory holds of answers of usual length.
const EXPECTED_ITEMS: usize = 4_096;

static KEPT: LazyLock<Cache<String, Message, ByText>> =
    LazyLock::new(|| Cache::with_weighter(EXPECTED_ITEMS, MOST_BYTES, ByText));

#[derive(Clone)]
struct ByText;

impl Weighter<String, Message> for ByText {
    fn weight(&self, id: &String, item: &Message) -> u64 {
        let said: usize = item.parts.iter().filter_map(Part::as_text).map(str::len).sum();
        let calls = item.tool_calls.iter();
        let called: usize = calls.map(|call| call.name.len() + call.arguments.len()).sum();
        (PER_ITEM + id.len() + said + called) as u64
    }
}

/// Remembers what a message said.
pub(super) fn message(id: &str, text: String) {
    KEPT.insert(id.to_owned(), Message::text(Role::Assistant, text));
}

/// Remembers a call.
pub(super) fn call(id: &str, call: &ToolCall) {
    let item = Message {
        role: Role::Assistant,
        parts: Vec::new(),
        tool_calls: vec![call.clone()],
        tool_call_id: None,
    };
    KEPT.insert(id.to_owned(), item);
}

/// The item of this id, as a message of the assistant's, if it is remembered.
pub(super) fn find(id: &str) -> Option<Message> {
    KEPT.get(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded() {
        let text = "x".repeat(1 << 20);
        for number in 0..40 {
            message(&format!("msg_bounded_{number}"), text.clone());
        }
        assert!(KEPT.weight() <= MOST_BYTES, "{}", KEPT.weight());
        let kept = (0..40)
            .filter(|number| find(&format!("msg_bounded_{number}")).is_some())
            .count();
        assert!((1..=16).contains(&kept), "{kept}");
    }
}
