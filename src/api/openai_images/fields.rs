//! What becomes of each field of an image request.

use crate::api::{
    Field,
    Treatment::{Emulated, Honoured, Ignored, Refused},
    Type,
};

/// See [`Field`]. Any other field is named as ignored.
#[rustfmt::skip]
pub(in crate::api) const FIELDS: &[Field] = &[
    Field { name: "prompt", treatment: Honoured, sample: r#"{"prompt":"a boat"}"#, note: "" },
    Field { name: "model", treatment: Honoured, sample: r#"{"model":"m"}"#, note: "a chat model: Gemini makes images in a conversation; may be left out when DEFAULT_MODEL is set" },
    Field { name: "response_format", treatment: Honoured, sample: r#"{"response_format":"url"}"#, note: "b64_json (the default) or url, a signed link of the gateway that expires" },
    Field { name: "size", treatment: Emulated, sample: r#"{"size":"1024x1536"}"#, note: "said in the prompt as portrait, square or landscape" },
    Field { name: "n", treatment: Honoured, sample: r#"{"n":1}"#, note: "1; more is refused" },
    Field { name: "stream", treatment: Refused, sample: r#"{"stream":true}"#, note: "there are no partial images" },
    Field { name: "quality", treatment: Ignored(Some(Type::String)), sample: r#"{"quality":"high"}"#, note: "the largest size that the account gives is fetched" },
    Field { name: "style", treatment: Ignored(Some(Type::String)), sample: r#"{"style":"vivid"}"#, note: "say it in the prompt" },
    Field { name: "background", treatment: Ignored(Some(Type::String)), sample: r#"{"background":"opaque"}"#, note: "say it in the prompt" },
    Field { name: "moderation", treatment: Ignored(Some(Type::String)), sample: r#"{"moderation":"low"}"#, note: "" },
    Field { name: "output_format", treatment: Ignored(Some(Type::String)), sample: r#"{"output_format":"png"}"#, note: "Gemini chooses; the bytes say which" },
    Field { name: "output_compression", treatment: Ignored(Some(Type::Number)), sample: r#"{"output_compression":90}"#, note: "" },
    Field { name: "partial_images", treatment: Ignored(Some(Type::Number)), sample: r#"{"partial_images":0}"#, note: "" },
    Field { name: "user", treatment: Ignored(None), sample: r#"{"user":"u"}"#, note: "" },
];
