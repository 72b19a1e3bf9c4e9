//! Makes a conversation fit. The web app reads only so much of a prompt and drops its end, the newest message, without
//! a word. So the system messages and the newest turn stay where they are, whole, with as many messages before that
//! turn as there is room for; the older ones go into a text that is attached.

use super::{Attached, Frame, Prompt, Section, conversation, render, transcript};
use crate::{
    chat::{Message, Part, Request, Role},
    error::{Failure, Kind},
};

/// How much may be sent, in bytes of UTF-8.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In the prompt.
    pub(crate) prompt: usize,
    /// In an attached text; none: nothing is attached, and what is too long is refused.
    pub(crate) attached: Option<usize>,
}

/// Renders the conversation of a request within the limits.
///
/// # Errors
/// [`Kind::ContextLength`] with the numbers, when what has to stay in the prompt is too long for it, or the rest for an
/// attached text.
pub(crate) fn pack(request: &Request, limits: Limits) -> Result<Prompt, Failure> {
    let text = render(request);
    if text.len() <= limits.prompt {
        return Ok(Prompt { text, attached: None });
    }
    match limits.attached {
        Some(most) if request.messages.len() > 1 => split(request, limits.prompt, most),
        _ => {
            let (limit, length) = (limits.prompt, text.len());
            Err(too_long(limit, &format!("the messages take {length} bytes")))
        }
    }
}

fn split(request: &Request, limit: usize, most: usize) -> Result<Prompt, Failure> {
    let messages = &request.messages;
    let sections = conversation(request);
    let mut frame = Frame::new(request, &sections);
    let name = free_name(messages);
    frame.moved = Some(format!(
        " Older messages are in the attached file {name}, in the same form and with the same code: it comes after the \
         system messages and before the other messages below. Read all of it first."
    ));
    let lengths: Vec<usize> = sections.iter().map(|section| section.len(&frame.code)).collect();
    let newest = newest_turn(messages);
    let stays = |index: usize, from: usize| index >= from || messages[index].role == Role::System;
    let staying = (0..messages.len()).filter(|index| stays(*index, newest));
    let needed = transcript(&[], &frame).len() + staying.map(|index| lengths[index]).sum::<usize>();
    if needed > limit {
        let why = format!("the system messages and the newest message alone take {needed} bytes");
        return Err(too_long(limit, &why));
    }
    let from = earliest(messages, newest, limit - needed, &lengths);
    let (kept, moved): (Vec<_>, Vec<_>) = sections.iter().enumerate().partition(|(index, _)| stays(*index, from));
    let of = |list: Vec<(usize, _)>| -> Vec<&Section<'_>> { list.into_iter().map(|(_, section)| section).collect() };
    let (kept, moved) = (of(kept), of(moved));
    let text = older(&moved, &frame.code);
    if text.len() > most {
        let why = format!(
            "the older messages take {} bytes where {most} more can be attached",
            text.len()
        );
        return Err(too_long(limit, &why));
    }
    Ok(Prompt {
        text: transcript(kept, &frame),
        attached: Some(Attached { name, text }),
    })
}

/// The first of the messages that are kept before the newest turn: as many as there is room for, in a row, and not
/// beginning with the result of a call that is not there.
fn earliest(messages: &[Message], newest: usize, mut room: usize, lengths: &[usize]) -> usize {
    let mut from = newest;
    for index in (0..newest).rev().filter(|index| messages[*index].role != Role::System) {
        match room.checked_sub(lengths[index]) {
            Some(rest) => room = rest,
            None => break,
        }
        if messages[index].role != Role::Tool {
            from = index;
        }
    }
    from
}

/// Where the newest turn begins: the user's last messages, or the last results of tools with the calls they answer, and
/// a beginning of the answer behind them.
fn newest_turn(messages: &[Message]) -> usize {
    let said = |message: &Message| matches!(message.role, Role::User | Role::Tool);
    let Some(last) = messages.iter().rposition(said) else {
        return messages.len().saturating_sub(1);
    };
    let role = messages[last].role;
    let run = messages[..last]
        .iter()
        .rev()
        .take_while(|message| message.role == role)
        .count();
    let first = last - run;
    let called = role == Role::Tool && first > 0 && !messages[first - 1].tool_calls.is_empty();
    if called { first - 1 } else { first }
}

/// A name for the attached text that no file of the conversation has.
fn free_name(messages: &[Message]) -> String {
    const STEM: &str = "conversation";
    let parts = || messages.iter().flat_map(|message| &message.parts);
    let taken = |name: &str| {
        parts().any(|part| match part {
            Part::File(file) => file
                .name
                .as_deref()
                .is_some_and(|other| other.eq_ignore_ascii_case(name)),
            Part::Text(_) => false,
        })
    };
    let numbered = (2..).map(|n| format!("{STEM}-{n}.txt"));
    let mut names = std::iter::once(format!("{STEM}.txt")).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}

/// The text of older messages.
fn older(sections: &[&Section<'_>], code: &str) -> String {
    let mut out = String::from("The older messages of a conversation, one section per message, oldest first.\n\n");
    out.reserve(sections.iter().map(|section| section.len(code)).sum());
    for section in sections {
        section.push(code, &mut out);
    }
    super::push_marker(&mut out, code, super::END);
    out
}

fn too_long(limit: usize, why: &str) -> Failure {
    // Client libraries look for the words "this model's maximum context length is".
    let message = format!(
        "The conversation is too long: this model's maximum context length is {limit} bytes of UTF-8 text, and {why}. \
         Shorten them or begin a new conversation."
    );
    Failure::new(Kind::ContextLength, message).param("messages")
}

#[cfg(test)]
mod tests;
