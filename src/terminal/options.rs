//! What the client is told before it starts.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::SecretString;
use url::{Host, Url};

use crate::upstream::gemini_web::Exit;

/// What `chat` is told on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatWish {
    /// `--url`: the base URL of another server.
    pub url: Option<String>,
    /// `--model`.
    pub model: Option<String>,
    /// `--system`: the text that stands before the conversation.
    pub system: Option<String>,
    /// `--no-history`: whether typed lines are forgotten at the end.
    pub no_history: bool,
}

/// A conversation to be had, checked.
#[derive(Clone, Debug)]
pub struct Chat {
    /// Who answers.
    pub server: Server,
    /// The model; the server's first if none.
    pub model: Option<String>,
    /// The text that stands before the conversation.
    pub system: Option<String>,
    /// The file in which typed lines are kept.
    pub history: Option<PathBuf>,
    /// What the user should know before anything else.
    pub notes: Vec<String>,
}

/// An OpenAI-compatible server.
#[derive(Clone, Debug)]
pub struct Server {
    /// What stands before `/chat/completions`, without a slash at the end.
    pub base: BaseUrl,
    /// Whether it is this machine's gateway, found by its settings.
    pub own: bool,
    /// What opens it.
    pub key: Option<Key>,
    /// How it is reached.
    pub exit: Exit,
}

/// A key and where it was found.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key itself.
    pub secret: SecretString,
    /// The variable that holds it.
    pub source: &'static str,
}

/// The base URL of an API: http or https, nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Reads what somebody typed. The whole address of the chat path is taken for its base.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text.trim())
            .map_err(|_| "must be a URL such as http://127.0.0.1:8000/v1, scheme included".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "must not hold a name or a password, because other users can read a process's arguments: a key is taken \
                 from OPENAI_API_KEY or API_KEY in the environment"
                    .to_owned(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with its path: no query, no fragment".to_owned());
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path).to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The gateway at this address.
    ///
    /// # Errors
    /// When the port is left to the system, and so cannot be known.
    pub fn of_gateway(address: SocketAddr, prefix: &str) -> Result<Self, String> {
        if address.port() == 0 {
            return Err(
                "is 0, so nobody can know where the gateway listens: give --port, or its address as --url".to_owned(),
            );
        }
        Self::parse(&format!("http://{address}{prefix}"))
    }

    /// The address of something below the base.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let below = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&below);
        url
    }

    /// Where a server that has a health page has it: beside the API, not in it.
    pub(super) fn health(&self) -> Url {
        let mut url = self.0.clone();
        let path = url.path().trim_end_matches('/');
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        let health = format!("{above}/health");
        url.set_path(&health);
        url
    }

    /// As it is shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether what is sent there can be read on the way.
    #[must_use]
    pub fn is_open_to_readers(&self) -> bool {
        self.0.scheme() == "http" && !self.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_as_people_write_it() {
        for (typed, shown, chat) in [
            (
                "http://h:8000/v1",
                "http://h:8000/v1",
                "http://h:8000/v1/chat/completions",
            ),
            (
                "http://h:8000/v1/",
                "http://h:8000/v1",
                "http://h:8000/v1/chat/completions",
            ),
            ("https://h", "https://h", "https://h/chat/completions"),
            (
                "https://h/a/v1/chat/completions",
                "https://h/a/v1",
                "https://h/a/v1/chat/completions",
            ),
        ] {
            let base = BaseUrl::parse(typed).unwrap();
            assert_eq!(
                (base.shown(), base.join("/chat/completions").as_str()),
                (shown, chat),
                "{typed}"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_base_url_is_refused_and_not_repeated() {
        for typed in [
            "h:8000/v1x",
            "ftp://h/v1x",
            "https://u:p@h/v1x",
            "http://h/v1x?key=1",
            "v1x",
            "http://h/v1x#a",
        ] {
            let problem = BaseUrl::parse(typed).unwrap_err();
            assert!(!problem.contains("v1x") && !problem.contains("u:p"), "{problem}");
        }
    }

    #[test]
    fn health_is_beside_the_api() {
        for (typed, health) in [
            ("http://h:1/v1", "http://h:1/health"),
            ("http://h:1", "http://h:1/health"),
            ("https://h/proxy/v1", "https://h/proxy/health"),
        ] {
            assert_eq!(BaseUrl::parse(typed).unwrap().health().as_str(), health);
        }
    }

    #[test]
    fn a_gateway_is_found_by_its_address() {
        let base =
            |address: &str| BaseUrl::of_gateway(address.parse().unwrap(), "/v1").map(|base| base.shown().to_owned());
        assert_eq!(base("[::1]:7860").unwrap(), "http://[::1]:7860/v1");
        assert_eq!(base("192.0.2.1:80").unwrap(), "http://192.0.2.1/v1");
        assert!(base("127.0.0.1:0").unwrap_err().contains("--url"));
    }

    #[test]
    fn only_plain_http_to_another_machine_can_be_read_on_the_way() {
        let open = |typed: &str| BaseUrl::parse(typed).unwrap().is_open_to_readers();
        assert!(open("http://192.0.2.1/v1") && open("http://localhost.example/v1"));
        for closed in [
            "http://127.0.0.1/v1",
            "http://[::1]/v1",
            "http://localhost:1/v1",
            "https://h/v1",
        ] {
            assert!(!open(closed), "{closed}");
        }
    }
}
