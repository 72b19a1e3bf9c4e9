//! The sources an answer names.

use std::ops::Range;

use serde_json::Value;

use crate::upstream::gemini_web::protocol::Protocol;

/// A source, and the mark in the text that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) url: String,
    pub(crate) title: String,
    /// In Unicode characters. None: the text has no such mark.
    pub(crate) passage: Option<Range<usize>>,
}

/// One mark in the text and the sources it stands for.
#[derive(Clone, Debug)]
pub(super) struct SourceGroup {
    mark: String,
    sources: Vec<(String, String)>,
}

/// The groups of a candidate.
pub(super) fn of(protocol: &Protocol, candidate: &Value) -> Vec<SourceGroup> {
    let paths = &protocol.response.citations;
    let group = |group: &Value| {
        let sources = paths.sources.list(group)?.iter().filter_map(|source| {
            let url = paths.url.text(source).filter(|url| is_web_address(url))?;
            Some((url.to_owned(), paths.title.text(source).unwrap_or_default().to_owned()))
        });
        Some(SourceGroup {
            mark: paths.marker.text(group).unwrap_or_default().trim().to_owned(),
            sources: sources.collect(),
        })
    };
    let groups = paths.groups.list(candidate).into_iter().flatten();
    groups.filter_map(group).collect()
}

/// All sources with the places of their marks in the final text. The same mark may stand for several groups, each in
/// its turn.
pub(super) fn placed(groups: &[SourceGroup], text: &str) -> Vec<Source> {
    let mut placed = Vec::new();
    let mut from = 0;
    for group in groups {
        let found = (!group.mark.is_empty())
            .then(|| text[from..].find(&group.mark))
            .flatten();
        let passage = found.map(|at| {
            let (start, end) = (from + at, from + at + group.mark.len());
            from = end;
            let start = text[..start].chars().count();
            start..start + group.mark.chars().count()
        });
        placed.extend(group.sources.iter().map(|(url, title)| Source {
            url: url.clone(),
            title: title.clone(),
            passage: passage.clone(),
        }));
    }
    placed
}

fn is_web_address(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn candidate(groups: Value) -> Value {
        json!([null, null, null, null, null, null, null, null, null, null, null, null, [{"44": groups}]])
    }

    #[test]
    fn sources_point_at_their_marks() {
        let protocol = Protocol::built_in().unwrap();
        let source = |n: u32| {
            json!([
                null,
                null,
                null,
                [["icon", format!("https://example.org/{n}"), format!("Title {n}")]]
            ])
        };
        let groups = json!([
            [[" [cite: 1, 2]"], [source(1), source(2)]],
            [
                [" [cite: 3]"],
                [source(3), [null, null, null, [["icon", "javascript:alert(1)", "x"]]]]
            ],
            [[" [cite: 9]"], [source(9)]],
        ]);
        let groups = of(&protocol, &candidate(groups));
        let text = "Ünter [cite: 1, 2] und [cite: 3].";
        let sources = placed(&groups, text);
        let passages: Vec<_> = sources.iter().map(|source| source.passage.clone()).collect();
        assert_eq!(passages, [Some(6..18), Some(6..18), Some(23..32), None]);
        assert_eq!(sources[2].title, "Title 3");
        let marked: String = text.chars().skip(6).take(12).collect();
        assert_eq!(marked, "[cite: 1, 2]");
    }
}
