//! What can be wrong with a file that a client sends, and the codes that say so.

use super::Kind;
use crate::chat::FileKind;

/// What is wrong with a file. Images have OpenAI's own codes, all other files have the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFault {
    /// Its address is none that can be fetched: another scheme, no host, a private network.
    Url,
    /// Its base64 or its data URL cannot be decoded.
    Data,
    /// Its bytes are not what they have to be.
    Format,
    /// It is of a kind the upstream does not take.
    Unsupported,
    /// It is over a limit of size.
    TooLarge,
    /// It has no bytes.
    Empty,
    /// It could not be downloaded.
    Download,
}

impl FileFault {
    /// Every fault.
    pub const ALL: [FileFault; 7] = [
        FileFault::Url,
        FileFault::Data,
        FileFault::Format,
        FileFault::Unsupported,
        FileFault::TooLarge,
        FileFault::Empty,
        FileFault::Download,
    ];

    /// The code for an image, as OpenAI's specification names it.
    pub(super) const fn image_code(self) -> &'static str {
        match self {
            FileFault::Url => "invalid_image_url",
            FileFault::Data => "invalid_base64_image",
            FileFault::Format => "invalid_image_format",
            FileFault::Unsupported => "unsupported_image_media_type",
            FileFault::TooLarge => "image_too_large",
            FileFault::Empty => "empty_image_file",
            FileFault::Download => "failed_to_download_image",
        }
    }

    /// The code for any other file.
    pub(super) const fn file_code(self) -> &'static str {
        match self {
            FileFault::Url => "invalid_file_url",
            FileFault::Data => "invalid_base64_file",
            FileFault::Format => "invalid_file_format",
            FileFault::Unsupported => "unsupported_file_type",
            FileFault::TooLarge => "file_too_large",
            FileFault::Empty => "empty_file",
            FileFault::Download => "failed_to_download_file",
        }
    }
}

impl Kind {
    /// The kind for a fault in a file of this kind.
    #[must_use]
    pub const fn of_file(kind: FileKind, fault: FileFault) -> Self {
        match kind {
            FileKind::Image => Kind::Image(fault),
            FileKind::Audio | FileKind::Video | FileKind::Document => Kind::File(fault),
        }
    }
}
