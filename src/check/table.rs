//! The table that people read.

/// What was found out about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// It works; how.
    Good(String),
    /// It does not; the code.
    Failed(String),
    /// It could not be found out, or there was no need.
    Unknown,
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Cell::Good(text) | Cell::Failed(text) => text,
            Cell::Unknown => "-",
        }
    }
}

/// One upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub(super) name: String,
    pub(super) reached: Cell,
    pub(super) credential: Cell,
    pub(super) models: Cell,
    pub(super) answers: Cell,
    /// What is wrong, with the cure, a sentence or two each.
    pub(super) problems: Vec<String>,
}

impl Row {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            reached: Cell::Unknown,
            credential: Cell::Unknown,
            models: Cell::Unknown,
            answers: Cell::Unknown,
            problems: Vec::new(),
        }
    }

    /// Whether it can answer: it just did. A server without a list of models is as good as another.
    pub(super) fn is_good(&self) -> bool {
        matches!(self.answers, Cell::Good(_))
    }

    fn cells(&self) -> [&str; 6] {
        let verdict = if self.is_good() { "ok" } else { "FAILED" };
        let [reached, credential, models, answers] =
            [&self.reached, &self.credential, &self.models, &self.answers].map(Cell::text);
        [&self.name, verdict, reached, credential, models, answers]
    }
}

const HEAD: [&str; 6] = ["upstream", "", "reached", "credential", "models", "answers"];

/// The table, and below it what is wrong.
pub(super) fn render(rows: &[Row]) -> String {
    let lines: Vec<[&str; 6]> = std::iter::once(HEAD).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    for row in rows.iter().filter(|row| !row.problems.is_empty()) {
        text.push_str(&format!("\n{}:\n", row.name));
        for problem in &row.problems {
            text.push_str(&format!("  {problem}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_problems_below_them() {
        let good = Row {
            reached: Cell::Good("yes".to_owned()),
            credential: Cell::Good("signed in".to_owned()),
            models: Cell::Good("4".to_owned()),
            answers: Cell::Good("gemini-flash in 812 ms".to_owned()),
            ..Row::new("gemini-web")
        };
        let bad = Row {
            answers: Cell::Failed("upstream_unreachable".to_owned()),
            problems: vec!["It is not there. Start it.".to_owned()],
            ..Row::new("lab")
        };
        insta::assert_snapshot!(render(&[good, bad]), @r"
        upstream            reached  credential  models  answers
        gemini-web  ok      yes      signed in   4       gemini-flash in 812 ms
        lab         FAILED  -        -           -       upstream_unreachable

        lab:
          It is not there. Start it.
        ");
    }
}
