//! The configuration page, made from the table of settings.

use std::fmt::Write;

use super::settings::{self, Setting};

const INTRODUCTION: &str = "\
<!-- Generated from src/config/settings.rs; `UPDATE_DOCS=1 cargo test` rewrites it. -->
# Configuration

Each setting is an environment variable, and most are a command-line flag too. Where a value comes from, the first that has one wins:
flag, environment, the file `.env` in the working directory, default. An empty value counts as none.

In `.env`, put a value that holds `$`, `#`, quotes or blanks into single quotes.

All problems are reported at once, by name and never with the value; the exit code is then 78 (64 for a command line that
cannot be understood). Secrets have no flag, because other users of a machine can read the arguments of a process.

| variable | flag | default | values | |
|---|---|---|---|---|
";

/// `docs/configuration.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for setting in settings::ALL {
        page.push_str(&row(setting));
    }
    page
}

fn row(setting: &Setting) -> String {
    let flag = match setting.flag {
        Some(flag) => format!("`--{flag}`"),
        None if setting.secret => "none (secret)".to_owned(),
        None => "none".to_owned(),
    };
    let default = match setting.default {
        Some(default) => format!("`{default}`"),
        None => "none".to_owned(),
    };
    let mut values = setting.value.bounds();
    if values.is_empty() {
        let _ = write!(values, "`{}`", setting.value.name());
    }
    format!(
        "| `{}` | {flag} | {default} | {values} | {} |\n",
        setting.env, setting.help
    )
}
