//! Pictures and recordings beside the text, as links.

use super::Media;
use crate::upstream::gemini_web::protocol::MediaKind;

impl Media {
    /// The link as Markdown. What an address or a description may hold cannot break out of it.
    pub(crate) fn markdown(&self) -> String {
        let (mark, name) = match self.kind {
            MediaKind::Image | MediaKind::WebImage => ("!", "image"),
            MediaKind::Video => ("", "video"),
            MediaKind::Audio => ("", "audio"),
        };
        let plain = |c: &char| !matches!(c, '[' | ']' | '\\' | '\n' | '\r' | '`');
        let alt: String = self.alt.as_deref().unwrap_or(name).chars().filter(plain).collect();
        let url = self.url.replace(' ', "%20").replace('(', "%28").replace(')', "%29");
        format!("{mark}[{alt}]({url})")
    }
}
