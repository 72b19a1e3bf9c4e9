//! The upstreams besides Gemini: presets, and any number of others by name.

use std::{collections::BTreeSet, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::{
    load::Reader,
    parse,
    settings::{self as s, Setting},
};
use crate::upstream::{
    gemini_web,
    openai_compatible::{Settings, is_safe_model_id},
    router::{Chains, SEPARATOR},
};

/// An upstream that is known by its name.
struct Preset {
    name: &'static str,
    base_url: Option<&'static str>,
    /// The settings of which any turns it on. None: only `UPSTREAMS` does, because the variables are set for other
    /// programs too.
    turned_on_by: &'static [Setting],
    key: Setting,
    newer_limit: bool,
}

const PRESETS: [Preset; 3] = [
    Preset {
        name: "hf",
        base_url: Some("https://router.huggingface.co/v1"),
        turned_on_by: &[s::HF_API_TOKEN, s::HF_BASE_URL, s::HF_API_URL],
        key: s::HF_API_TOKEN,
        newer_limit: false,
    },
    Preset {
        name: "openai",
        base_url: Some("https://api.openai.com/v1"),
        turned_on_by: &[],
        key: s::OPENAI_API_KEY,
        newer_limit: true,
    },
    Preset {
        name: "local",
        base_url: None,
        turned_on_by: &[s::LOCAL_BASE_URL],
        key: s::LOCAL_API_KEY,
        newer_limit: false,
    },
];

/// The most upstreams.
const MOST: usize = 32;

/// What the variables of one upstream begin with.
fn prefix(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// All of them, in the order they are named in.
pub(super) fn read(reader: &mut Reader<'_>, chains: &Chains, default_model: Option<&str>) -> Vec<Settings> {
    let mut names: Vec<String> = reader.parsed(&s::UPSTREAMS, names).unwrap_or_default();
    let wanted: Vec<&str> = chains
        .names()
        .chain(default_model)
        .filter_map(|model| upstream_of(model, &names))
        .collect();
    for preset in &PRESETS {
        let set = preset.turned_on_by.iter().any(|setting| reader.is_set(setting));
        let asked_for = !preset.turned_on_by.is_empty() && preset.base_url.is_some() && wanted.contains(&preset.name);
        if (set || asked_for) && !names.iter().any(|name| name == preset.name) {
            names.push(preset.name.to_owned());
        }
    }
    for name in wanted.iter().collect::<BTreeSet<_>>() {
        if parse_name(name).is_ok() && !names.iter().any(|known| known == name) {
            let text = format!("names a model of the upstream {name}, which is not configured: add it to UPSTREAMS");
            reader.problem(&s::FALLBACK_CHAIN, text);
        }
    }
    names
        .iter()
        .filter_map(|name| one(reader, name, default_model))
        .collect()
}

/// The upstream of a model, if its name tells: `a:7b` is more likely a tag, and only the Hub's models have slashes.
fn upstream_of<'a>(model: &'a str, names: &[String]) -> Option<&'a str> {
    if let Some((name, _)) = model.split_once(SEPARATOR) {
        if PRESETS.iter().any(|preset| preset.name == name) {
            return Some(name);
        }
        if names.iter().any(|known| known == name) {
            return None;
        }
    }
    model.contains('/').then_some("hf")
}

fn names(value: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        parse_name(name)?;
        if names.iter().any(|known| known == name) {
            return Err(format!("holds {name} twice"));
        }
        names.push(name.to_owned());
    }
    if names.len() > MOST {
        return Err(format!("must hold at most {MOST} names"));
    }
    Ok(names)
}

fn parse_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !begins || name.len() > 32 || !name.bytes().all(plain) || matches!(name, gemini_web::NAME | "gemini") {
        return Err(
            "must hold names of a-z, 0-9 and -, beginning with a letter, at most 32 of them, none of them gemini"
                .to_owned(),
        );
    }
    Ok(())
}

/// One upstream; none where a problem was noted.
fn one(reader: &mut Reader<'_>, name: &str, default_model: Option<&str>) -> Option<Settings> {
    let preset = PRESETS.iter().find(|preset| preset.name == name);
    let prefix = prefix(name);
    let base_name = format!("{prefix}_BASE_URL");
    let base_url = match reader.named(&base_name, base_url) {
        Ok(Some(url)) => Some(url),
        Ok(None) => match preset.and_then(|preset| preset.base_url) {
            Some(url) => Url::parse(url).ok(),
            None => {
                let text = format!(
                    "is missing: the upstream {name} has no address. Set it to a URL such as http://127.0.0.1:8080/v1"
                );
                reader.problem_at(base_name, text);
                None
            }
        },
        Err(()) => None,
    };
    let (key, key_setting) = key(reader, preset, &prefix);
    let chat_url = match name {
        "hf" => reader.parsed(&s::HF_API_URL, chat_url),
        _ => None,
    };
    let models = reader
        .named(&format!("{prefix}_MODELS"), models)
        .ok()?
        .unwrap_or_default();
    let headers = reader
        .named(&format!("{prefix}_HEADERS"), headers)
        .ok()?
        .unwrap_or_default();
    let timeout = reader.named(&format!("{prefix}_TIMEOUT"), seconds).ok()?;
    Some(Settings {
        models: match (&chat_url, default_model) {
            // A fixed address serves one model: the one it is used for.
            (Some(_), Some(model)) if models.is_empty() => fixed(name, model),
            _ => models,
        },
        name: name.to_owned(),
        base_url: base_url?,
        chat_url,
        key,
        key_setting,
        headers,
        timeout: timeout.unwrap_or_else(|| reader.seconds(&s::IDLE_TIMEOUT)),
        newer_limit: preset.is_some_and(|preset| preset.newer_limit),
    })
}

fn key(reader: &mut Reader<'_>, preset: Option<&Preset>, prefix: &str) -> (Option<SecretString>, String) {
    let Some(preset) = preset else {
        let setting = format!("{prefix}_API_KEY");
        return (reader.named(&setting, parse::key).ok().flatten(), setting);
    };
    let own = reader.parsed(&preset.key, parse::key);
    if preset.name != "hf" {
        return (own, preset.key.env.to_owned());
    }
    let key = own.or_else(|| reader.parsed(&s::HF_TOKEN, parse::key));
    (key, "HF_API_TOKEN (or HF_TOKEN)".to_owned())
}

/// The one model behind a fixed address, if the default model is there.
fn fixed(name: &str, default_model: &str) -> Vec<String> {
    let own = default_model
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(SEPARATOR));
    let plain = default_model.contains('/').then_some(default_model);
    own.or(plain).map(str::to_owned).into_iter().collect()
}

fn base_url(value: &str) -> Result<Url, String> {
    let wrong = || "must be a URL such as https://host/v1, without a user or a password".to_owned();
    let url = Url::parse(value).map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(wrong());
    }
    Ok(url)
}

/// The address for chat requests: as it is if it ends like one, else below it.
fn chat_url(value: &str) -> Result<Url, String> {
    let mut url = base_url(value)?;
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/chat/completions") {
        let version = if path.ends_with("/v1") { "" } else { "/v1" };
        url.set_path(&format!("{path}{version}/chat/completions"));
    }
    Ok(url)
}

fn models(value: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> = value
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect();
    if !ids.iter().all(|id| is_safe_model_id(id)) {
        return Err("must be ids of models, separated by commas".to_owned());
    }
    Ok(ids)
}

fn headers(value: &str) -> Result<HeaderMap, String> {
    let wrong = || "must be a JSON object of header names and texts, such as {\"X-Title\":\"gateway\"}".to_owned();
    let object: std::collections::BTreeMap<String, String> = serde_json::from_str(value).map_err(|_| wrong())?;
    let header = |(name, text): (String, String)| {
        let name = HeaderName::try_from(name).ok()?;
        let own = matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection" | "content-type"
        );
        Some((name, HeaderValue::try_from(text).ok()?)).filter(|_| !own)
    };
    object
        .into_iter()
        .map(header)
        .collect::<Option<HeaderMap>>()
        .ok_or_else(wrong)
}

fn seconds(value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (1..=3_600).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "must be a whole number, 1 to 3600 seconds".to_owned())
}

/// `FALLBACK_CHAIN`: `a,b` for all models; `m=a,b` for one; several with semicolons between.
pub(super) fn chains(value: &str) -> Result<Chains, String> {
    let mut chains = Chains::default();
    let mut general = false;
    for part in value.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (model, list) = match part.split_once('=') {
            Some((model, list)) => (Some(model.trim()), list),
            None => (None, part),
        };
        let list: Vec<String> = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        let sane = |name: &str| is_safe_model_id(name);
        if !list.iter().all(|name| sane(name)) || !model.is_none_or(sane) {
            return Err(
                "must be names of models, such as gemini-pro,hf:org/model; one model's own chain is written \
                model=first,second, with semicolons between chains"
                    .to_owned(),
            );
        }
        match model {
            Some(model) if chains.own.contains_key(model) => return Err(format!("holds two chains for {model}")),
            Some(model) => drop(chains.own.insert(model.to_owned(), list)),
            None if general => return Err("holds two chains for all models".to_owned()),
            None => (chains.general, general) = (list, true),
        }
    }
    Ok(chains)
}

#[cfg(test)]
mod tests;
