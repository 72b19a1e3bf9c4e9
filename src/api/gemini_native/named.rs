//! Fields by either of their names, and the names of those that have no effect.

use std::borrow::Cow;

use super::FIELDS;
use crate::{
    api::{
        fields::{Ignored, name_once, pass_over},
        json::{Object, Path, Value},
    },
    chat::Sampling,
    error::Failure,
};

/// The fields of an object, each under its camel case name.
pub(super) struct Fields<'a, 'p> {
    object: Object<'a>,
    /// None: the body itself.
    path: Option<&'p Path<'p>>,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// The fields of the body.
    ///
    /// # Errors
    /// When it is not one JSON object in UTF-8.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self {
            object: Object::parse(body)?,
            path: None,
        })
    }

    /// The fields of a value.
    ///
    /// # Errors
    /// [`crate::error::Kind::InvalidType`] unless it is an object.
    pub(super) fn of(value: &'p Value<'a, '_>) -> Result<Self, Failure> {
        Ok(Self {
            object: value.object()?,
            path: Some(value.path()),
        })
    }

    /// A field, wherever it stands under its snake case name too. The camel case name wins; the other is then left,
    /// to be named as ignored.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value<'a, 'p>> {
        let found = self.object.take(self.at(name));
        if found.is_some() {
            return found;
        }
        self.object.take(self.at(snake(name)?))
    }

    /// # Errors
    /// [`crate::error::Kind::MissingParameter`] when it is absent.
    pub(super) fn require(&mut self, name: &'static str) -> Result<Value<'a, 'p>, Failure> {
        self.take(name).ok_or_else(|| self.at(name).missing())
    }

    /// Where a field is, or would be.
    pub(super) fn at(&self, name: &'static str) -> Path<'p> {
        match self.path {
            Some(path) => path.field(name),
            None => Path::root(name),
        }
    }

    /// The names of the fields that nobody has taken, as the client wrote them.
    pub(super) fn rest(&self) -> impl Iterator<Item = &str> {
        self.object.rest()
    }

    /// Names everything that nobody has taken. `within` is the path to these fields in the table, with its last dot.
    ///
    /// # Errors
    /// [`crate::error::Kind::InvalidType`] for a known field of the wrong type.
    pub(super) fn name_ignored(mut self, within: &str, ignored: &mut Ignored) -> Result<Sampling, Failure> {
        let mut sampling = Sampling::default();
        if self.rest().next().is_none() {
            return Ok(sampling);
        }
        for field in FIELDS {
            if !field.treatment.may_be_ignored() {
                continue;
            }
            let Some(name) = field.name.strip_prefix(within).filter(|name| !name.contains('.')) else {
                continue;
            };
            if let Some(value) = self.take(name) {
                pass_over(field, &value, &mut sampling)?;
                name_once(field.name, ignored);
            }
        }
        for name in self.rest() {
            name_unknown(format!("{within}{name}"), ignored);
        }
        Ok(sampling)
    }
}

/// The most unknown fields that are named, since the list goes into one header, and what stands for the others.
const MAX_UNKNOWN: usize = 16;
const AND_MORE: &str = "and-more";

/// Adds the name of a field or query parameter that no table knows, as far as it is fit for a header.
pub(super) fn name_unknown(name: String, ignored: &mut Ignored) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) || ignored.iter().any(|earlier| *earlier == name) {
        return;
    }
    let unknown = ignored.iter().filter(|name| matches!(name, Cow::Owned(_))).count();
    if unknown < MAX_UNKNOWN {
        ignored.push(Cow::Owned(name));
    } else {
        name_once(AND_MORE, ignored);
    }
}

fn snake(camel: &str) -> Option<&'static str> {
    let row = SNAKE.iter().find(|(known, _)| *known == camel)?;
    Some(row.1)
}

/// Every name of more than one word that this format reads, in both spellings.
#[rustfmt::skip]
const SNAKE: &[(&str, &str)] = &[
    ("allowedFunctionNames", "allowed_function_names"),
    ("cachedContent", "cached_content"),
    ("candidateCount", "candidate_count"),
    ("codeExecution", "code_execution"),
    ("codeExecutionResult", "code_execution_result"),
    ("computerUse", "computer_use"),
    ("continuationToken", "continuation_token"),
    ("displayName", "display_name"),
    ("enableEnhancedCivicAnswers", "enable_enhanced_civic_answers"),
    ("enterpriseWebSearch", "enterprise_web_search"),
    ("executableCode", "executable_code"),
    ("fileData", "file_data"),
    ("fileSearch", "file_search"),
    ("fileUri", "file_uri"),
    ("frequencyPenalty", "frequency_penalty"),
    ("functionCall", "function_call"),
    ("functionCallingConfig", "function_calling_config"),
    ("functionDeclarations", "function_declarations"),
    ("functionResponse", "function_response"),
    ("generateContentRequest", "generate_content_request"),
    ("generationConfig", "generation_config"),
    ("googleMaps", "google_maps"),
    ("googleSearch", "google_search"),
    ("googleSearchRetrieval", "google_search_retrieval"),
    ("imageConfig", "image_config"),
    ("includeThoughts", "include_thoughts"),
    ("inlineData", "inline_data"),
    ("maxOutputTokens", "max_output_tokens"),
    ("mcpServers", "mcp_servers"),
    ("mediaResolution", "media_resolution"),
    ("mimeType", "mime_type"),
    ("parametersJsonSchema", "parameters_json_schema"),
    ("partMetadata", "part_metadata"),
    ("presencePenalty", "presence_penalty"),
    ("responseJsonSchema", "response_json_schema"),
    ("responseLogprobs", "response_logprobs"),
    ("responseMimeType", "response_mime_type"),
    ("responseModalities", "response_modalities"),
    ("responseSchema", "response_schema"),
    ("retrievalConfig", "retrieval_config"),
    ("safetySettings", "safety_settings"),
    ("serviceTier", "service_tier"),
    ("speechConfig", "speech_config"),
    ("stopSequences", "stop_sequences"),
    ("systemInstruction", "system_instruction"),
    ("thinkingBudget", "thinking_budget"),
    ("thinkingConfig", "thinking_config"),
    ("thinkingLevel", "thinking_level"),
    ("thoughtSignature", "thought_signature"),
    ("toolCall", "tool_call"),
    ("toolConfig", "tool_config"),
    ("toolResponse", "tool_response"),
    ("topK", "top_k"),
    ("topP", "top_p"),
    ("urlContext", "url_context"),
    ("videoMetadata", "video_metadata"),
    ("willContinue", "will_continue"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn to_snake(camel: &str) -> String {
        let letter = |c: char| match c.is_ascii_uppercase() {
            true => format!("_{}", c.to_ascii_lowercase()),
            false => c.to_string(),
        };
        camel.chars().map(letter).collect()
    }

    #[test]
    fn both_spellings_are_of_one_name() {
        for (camel, snake) in SNAKE {
            assert_eq!(to_snake(camel), *snake);
        }
    }

    #[test]
    fn every_name_of_the_table_has_both_spellings() {
        for name in FIELDS.iter().flat_map(|field| field.name.split('.')) {
            let words = name.chars().any(|c| c.is_ascii_uppercase());
            assert_eq!(snake(name).is_some(), words, "{name}");
        }
    }

    #[test]
    fn unknown_names_are_bounded_and_fit_for_a_header() {
        let mut ignored = Ignored::new();
        for number in 0..100 {
            name_unknown(format!("field{number}"), &mut ignored);
        }
        name_unknown("ünfit".to_owned(), &mut ignored);
        assert_eq!((ignored.len(), ignored.last().unwrap().as_ref()), (17, AND_MORE));
    }
}
