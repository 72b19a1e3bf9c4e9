//! Entry points for the fuzzers in `fuzz/`: every decoder that meets bytes of strangers. Compiled for them alone.

use std::collections::BTreeMap;

use crate::{
    api::{Defaults, Format, Target},
    upstream::{emulated, gemini_web},
};

/// A client's request body.
pub fn chat_request(data: &[u8]) {
    let defaults = Defaults {
        default_model: None,
        aliases: &BTreeMap::new(),
    };
    let target = Target {
        id: "m:generateContent",
        ..Target::default()
    };
    for format in Format::ALL {
        if let Err(failure) = format.read(data, &target, &defaults) {
            assert!(failure.kind().facts().status.is_client_error(), "{failure:?}");
        }
    }
}

/// An upstream's answer, whole and in pieces: the cut must not matter.
pub fn frames(data: &[u8]) {
    gemini_web::fuzz_frames(data);
}

/// An upstream's page.
pub fn page(data: &[u8]) {
    gemini_web::fuzz_page(data);
}

/// A model's answer to a client with tools, whole and in pieces: the cut must not matter, and no byte outside calls may
/// change.
pub fn tool_calls(data: &[u8]) {
    emulated::fuzz_tool_calls(data);
}
