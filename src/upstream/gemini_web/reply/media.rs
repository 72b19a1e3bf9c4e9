//! Pictures, films and recordings beside the text.

use serde_json::Value;

use crate::upstream::gemini_web::protocol::{MediaKind, Protocol};

/// Something shown beside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) kind: MediaKind,
    pub(crate) url: String,
    pub(crate) alt: Option<String>,
    /// Of an image of the model's: its id.
    pub(crate) id: Option<String>,
}

/// What a candidate shows, in the order of the rules.
pub(super) fn of(protocol: &Protocol, candidate: &Value) -> Vec<Media> {
    let mut media = Vec::new();
    for rule in &protocol.response.media {
        let Some(found) = rule.at.get(candidate) else { continue };
        let items = match found {
            Value::Array(items) if rule.each => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        media.extend(items.iter().filter_map(|item| {
            Some(Media {
                kind: rule.kind,
                url: rule.url.text(item)?.to_owned(),
                alt: rule.alt.text(item).map(str::to_owned),
                id: rule.id.text(item).map(str::to_owned),
            })
        }));
    }
    media
}
