//! What the model is told.

use crate::chat::{OutputForm, Request};

/// It asks for a fence because the web app takes everything outside of one for Markdown, and changes it.
const DOCUMENT: &str = "Your reply is read by a program, not by a person. It has to be one complete JSON document in a \
    single code block that begins with the line ```json, with nothing before and nothing after it: no introduction, no \
    explanation, no comments in the JSON.";
const OBJECT: &str = " The document is one JSON object.";
const FOLLOW: &str = "It follows this JSON schema, with every required field and every name spelled as it is there:";
const WITH_TOOLS: &str = "If you call a tool, reply with the call alone. Otherwise: ";

/// Adds to a request what the model has to know of the form of its answer, as its last words.
pub(super) fn add(request: &mut Request) {
    let mut words = request.closing.take().unwrap_or_default();
    if !words.is_empty() {
        words.push('\n');
    }
    if request.tools.is_some() {
        words.push_str(WITH_TOOLS);
    }
    words.push_str(DOCUMENT);
    let OutputForm::JsonSchema(wanted) = &request.form else {
        words.push_str(OBJECT);
        request.closing = Some(words);
        return;
    };
    for piece in [" The document is called ", &wanted.name, ".\n"] {
        words.push_str(piece);
    }
    for line in wanted.description.as_deref().into_iter().chain([FOLLOW]) {
        words.push_str(line);
        words.push('\n');
    }
    words.push_str(wanted.schema.as_str());
    request.closing = Some(words);
}

/// What the model is told of a reply with this fault.
pub(super) fn complaint(fault: &str) -> String {
    format!(
        "The program could not use your reply: {fault}. Write the whole JSON document once more, with that put right, in \
         the form described below."
    )
}
