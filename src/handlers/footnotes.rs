//! Sources below the text of an answer, for clients that show no annotations.

use super::markdown::link;
use crate::chat::{Citation, FinishReason, OutputForm, Request};

/// The sources of one answer, as far as they are wanted in its text.
pub(super) struct Footnotes {
    wanted: bool,
    lines: String,
    count: usize,
}

impl Footnotes {
    /// Footnotes for the answer to this request: never in a JSON document, which they would break.
    pub(super) fn new(setting: bool, request: &Request) -> Self {
        Self {
            wanted: setting && request.form == OutputForm::Text,
            lines: String::new(),
            count: 0,
        }
    }

    /// Takes the next source. They are numbered as the marks in the text are.
    pub(super) fn push(&mut self, source: &Citation) {
        if !self.wanted {
            return;
        }
        self.count += 1;
        let gap = if self.count == 1 { "\n\n" } else { "\n" };
        let link = link(&source.title, &source.url, &source.url);
        self.lines.push_str(&format!("{gap}{}. {link}", self.count));
    }

    /// What goes below the text. Nothing below one that was cut: its end is not there.
    pub(super) fn text(self, reason: FinishReason) -> Option<String> {
        (reason == FinishReason::Stop && self.count > 0).then_some(self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footnotes(setting: bool, form: OutputForm, reason: FinishReason) -> Option<String> {
        let request = Request {
            form,
            ..Request::default()
        };
        let mut footnotes = Footnotes::new(setting, &request);
        for (url, title) in [("https://e.org/a(1)", "A ](x) `b`"), ("https://e.org/2", "")] {
            footnotes.push(&Citation {
                url: url.to_owned(),
                title: title.to_owned(),
                passage: None,
            });
        }
        footnotes.text(reason)
    }

    #[test]
    fn sources_are_numbered_links() {
        let text = footnotes(true, OutputForm::Text, FinishReason::Stop).unwrap();
        assert_eq!(
            text,
            "\n\n1. [A (x) b](https://e.org/a%281%29)\n2. [https://e.org/2](https://e.org/2)"
        );
    }

    #[test]
    fn no_address_breaks_out_of_its_line() {
        let mut footnotes = Footnotes::new(true, &Request::default());
        footnotes.push(&Citation {
            url: "https://e.org/a\n\n# <b>".to_owned(),
            title: String::new(),
            passage: None,
        });
        let text = footnotes.text(FinishReason::Stop).unwrap();
        assert_eq!(text, "\n\n1. [https://e.org/a# b](https://e.org/a%0A%0A#%20%3Cb%3E)");
    }

    #[test]
    fn they_stand_below_a_whole_text_alone_and_only_if_wanted() {
        assert_eq!(footnotes(false, OutputForm::Text, FinishReason::Stop), None);
        assert_eq!(footnotes(true, OutputForm::JsonObject, FinishReason::Stop), None);
        assert_eq!(footnotes(true, OutputForm::Text, FinishReason::Length), None);
    }
}
