//! What `chat` takes from the configuration.

use super::{DOTENV, Reader, host, parse, s, state_dir};
use crate::{
    config::{
        problems::{Problem, Problems},
        reached_at,
    },
    terminal::{BaseUrl, Chat, ChatWish, Key, Server},
    upstream::gemini_web::Exit,
};

/// The file in the state directory that remembers what is typed.
const CHAT_HISTORY: &str = "chat_history";

/// What a conversation needs, and nothing else: settings of the server alone are not looked at. None only where a problem
/// was noted.
pub(super) fn read(reader: &mut Reader<'_>, wish: ChatWish) -> Result<Option<Chat>, Problems> {
    let typed = wish.url.as_deref().map(BaseUrl::parse).transpose();
    let other = typed.map_err(|problem| Problems::Usage(format!("--url {problem}")))?;
    // Any folder may hold an .env of something else: what is wrong there is worth a note at most.
    let broken = reader.problems.iter().position(|problem| problem.variable == DOTENV);
    let mut notes: Vec<String> = broken
        .map(|at| reader.problems.remove(at).to_string())
        .into_iter()
        .collect();
    let default_model = reader.text(&s::DEFAULT_MODEL);
    let (server, model) = match other {
        Some(base) => (other_server(reader, base), wish.model),
        None => (own_server(reader), wish.model.or(default_model)),
    };
    let Some(server) = server else { return Ok(None) };
    if server.key.is_some() && server.base.is_open_to_readers() {
        notes.push(format!(
            "{} is plain http to another machine: the key and all that is said can be read on the way.",
            server.base.shown()
        ));
    }
    Ok(Some(Chat {
        server,
        model,
        system: wish.system,
        history: state_dir(reader)
            .filter(|_| !wish.no_history)
            .map(|folder| folder.join(CHAT_HISTORY)),
        notes,
    }))
}

/// This machine's gateway, opened by the first of its keys.
fn own_server(reader: &mut Reader<'_>) -> Option<Server> {
    let host = host(reader);
    let address = reached_at(host, reader.number(&s::PORT));
    let prefix = reader.parsed(&s::API_PREFIX, parse::prefix).unwrap_or_default();
    let api_key = reader
        .parsed(&s::API_KEY, parse::keys)
        .and_then(|keys| keys.into_iter().next());
    let hf_token = reader.parsed(&s::HF_TOKEN, parse::key);
    let key = |secret, source| Key { secret, source };
    let base = BaseUrl::of_gateway(address, &prefix).map_err(|problem| reader.problem(&s::PORT, problem));
    Some(Server {
        base: base.ok()?,
        own: true,
        key: api_key
            .map(|secret| key(secret, "API_KEY"))
            .or(hf_token.map(|secret| key(secret, "HF_TOKEN"))),
        exit: Exit::default(),
    })
}

/// Another server. It gets no key from `.env`: that one is the gateway's.
fn other_server(reader: &mut Reader<'_>, base: BaseUrl) -> Option<Server> {
    let environment = |name: &str| (reader.sources.environment)(name).filter(|value| !value.is_empty());
    let found = ["OPENAI_API_KEY", "API_KEY"]
        .into_iter()
        .find_map(|name| Some((name, environment(name)?)));
    let key = found.and_then(|(source, value)| {
        let keys = value
            .to_str()
            .map_or_else(|| Err("is not valid UTF-8".to_owned()), |text| parse::keys(text.trim()));
        match keys {
            Ok(keys) => keys.into_iter().next().map(|secret| Key { secret, source }),
            Err(text) => {
                reader.problems.push(Problem {
                    variable: source.into(),
                    text,
                });
                None
            }
        }
    });
    let proxy = if base.is_loopback() {
        None
    } else {
        reader.parsed(&s::OUTBOUND_PROXY, parse::proxy)
    };
    let extra_ca = reader.file(&s::EXTRA_CA_FILE);
    Some(Server {
        base,
        own: false,
        key,
        exit: Exit {
            proxy: proxy.map(|proxy| proxy.url),
            extra_ca: extra_ca.map(|file| file.text.into_bytes()),
        },
    })
}
