//! The table of routes, and how a path finds its row.
//!
//! Paths are read leniently: double and trailing slashes do not count, and the API prefix may be missing, because
//! these are the usual mistakes in a client's base URL.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::api::Format;

/// One row: a path, who may use it, and what answers each method.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its name in the access line and the metrics.
    pub(crate) name: &'static str,
    /// `{api}` stands for the configured prefix or nothing; `{google}` for the version of Google's API, which its
    /// clients put into the path themselves: see [`google`]; `{id}` for the rest of the path, slashes included; what
    /// follows it in the pattern has to stand at the path's end, and is part of the id.
    pub(crate) path: &'static str,
    /// Whether a key is needed. Needing one is the rule.
    pub(crate) auth: Auth,
    /// What answers. `HEAD` is answered as `GET` without its body.
    pub(crate) methods: &'static [(Method, Handler)],
    /// The wire format its failures are told in.
    pub(crate) shape: Format,
    /// The `Allow` header: the methods above, `HEAD` with `GET`, and `OPTIONS`.
    pub(crate) allow: &'static str,
}

/// Whether a route needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// Anyone may ask: platforms probe these without a key, and a signed link is its own permission.
    Open,
    /// A configured key is needed.
    Key,
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    Page,
    Alive,
    Health,
    Metrics,
    Session,
    Cookies,
    Generate(Format),
    CountTokens(Format),
    Models,
    Model,
    Media,
    OpenApi,
    PlainReset,
    PlainStatus,
    /// Nothing: a path of another API's that is known not to be served, refused in that API's shape.
    Nothing,
    /// Earlier answers: none is kept.
    NotKept,
}

const GET: &str = "GET, HEAD, OPTIONS";
const POST: &str = "POST, OPTIONS";
const GET_POST: &str = "GET, HEAD, POST, OPTIONS";
const ANY: &str = "GET, HEAD, POST, PATCH, DELETE, OPTIONS";

/// Every method that Google's paths have.
const NOTHING: &[(Method, Handler)] = &[
    (Method::GET, Handler::Nothing),
    (Method::POST, Handler::Nothing),
    (Method::PATCH, Handler::Nothing),
    (Method::DELETE, Handler::Nothing),
];
const KEPT: &str = "GET, HEAD, POST, DELETE, OPTIONS";

#[rustfmt::skip]
pub(crate) static TABLE: &[Route] = &[
    Route { name: "page",    path: "/",                      auth: Auth::Open, shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Page)],    allow: GET },
    Route { name: "livez",   path: "/livez",                 auth: Auth::Open, shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Alive)],   allow: GET },
    Route { name: "health",  path: "/health",                auth: Auth::Open, shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Health)],  allow: GET },
    Route { name: "metrics", path: "/metrics",               auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Metrics)], allow: GET },
    Route { name: "openapi", path: "/openapi.json",          auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::OpenApi)], allow: GET },
    Route { name: "session", path: "/session",               auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Session)], allow: GET },
    Route { name: "cookies", path: "/session/cookies",       auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::POST, Handler::Cookies)], allow: POST },
    Route { name: "plain-chat",   path: "/chat",             auth: Auth::Key,  shape: Format::PlainChat, methods: &[(Method::POST, Handler::Generate(Format::PlainChat))], allow: POST },
    Route { name: "plain-reset",  path: "/reset",            auth: Auth::Key,  shape: Format::PlainChat, methods: &[(Method::POST, Handler::PlainReset)],  allow: POST },
    Route { name: "plain-status", path: "/status",           auth: Auth::Key,  shape: Format::PlainChat, methods: &[(Method::GET,  Handler::PlainStatus)], allow: GET },
    // Before the rows for the same paths below the usual prefix: `google` tells whose they are.
    Route { name: "gemini-generate", path: "{google}/models/{id}:generateContent",       auth: Auth::Key, shape: Format::GeminiNative, methods: &[(Method::POST, Handler::Generate(Format::GeminiNative))],    allow: POST },
    Route { name: "gemini-stream",   path: "{google}/models/{id}:streamGenerateContent", auth: Auth::Key, shape: Format::GeminiNative, methods: &[(Method::POST, Handler::Generate(Format::GeminiNative))],    allow: POST },
    Route { name: "gemini-count",    path: "{google}/models/{id}:countTokens",           auth: Auth::Key, shape: Format::GeminiNative, methods: &[(Method::POST, Handler::CountTokens(Format::GeminiNative))], allow: POST },
    Route { name: "gemini-models",   path: "{google}/models",                            auth: Auth::Key, shape: Format::GeminiNative, methods: &[(Method::GET, Handler::Models)], allow: GET },
    Route { name: "gemini-model",    path: "{google}/models/{id}",                       auth: Auth::Key, shape: Format::GeminiNative, methods: &[(Method::GET, Handler::Model), (Method::POST, Handler::Nothing)], allow: GET_POST },
    Route { name: "models",  path: "{api}/models",           auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Models)],  allow: GET },
    Route { name: "model",   path: "{api}/models/{id}",      auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Model)],   allow: GET },
    Route { name: "media",   path: "/media/{id}",            auth: Auth::Open, shape: Format::OpenAiChat, methods: &[(Method::GET,  Handler::Media)],   allow: GET },
    Route { name: "images",  path: "{api}/images/generations", auth: Auth::Key, shape: Format::OpenAiImages, methods: &[(Method::POST, Handler::Generate(Format::OpenAiImages))], allow: POST },
    Route { name: "chat",    path: "{api}/chat/completions", auth: Auth::Key,  shape: Format::OpenAiChat, methods: &[(Method::POST, Handler::Generate(Format::OpenAiChat))], allow: POST },
    Route { name: "messages",        path: "{api}/messages",                 auth: Auth::Key, shape: Format::AnthropicMessages, methods: &[(Method::POST, Handler::Generate(Format::AnthropicMessages))],    allow: POST },
    Route { name: "messages_tokens", path: "{api}/messages/count_tokens",    auth: Auth::Key, shape: Format::AnthropicMessages, methods: &[(Method::POST, Handler::CountTokens(Format::AnthropicMessages))], allow: POST },
    // Anthropic's clients add the version to a base URL themselves, so one that ends in it has it twice.
    Route { name: "messages",        path: "{api}/v1/messages",              auth: Auth::Key, shape: Format::AnthropicMessages, methods: &[(Method::POST, Handler::Generate(Format::AnthropicMessages))],    allow: POST },
    Route { name: "messages_tokens", path: "{api}/v1/messages/count_tokens", auth: Auth::Key, shape: Format::AnthropicMessages, methods: &[(Method::POST, Handler::CountTokens(Format::AnthropicMessages))], allow: POST },
    Route { name: "gemini-unknown",  path: "/v1beta/{id}",           auth: Auth::Key, shape: Format::GeminiNative, methods: NOTHING, allow: ANY },
    Route { name: "gemini-upload",   path: "/upload/{id}",           auth: Auth::Key, shape: Format::GeminiNative, methods: NOTHING, allow: ANY },
    Route { name: "completions", path: "{api}/completions",  auth: Auth::Key,  shape: Format::OpenAiCompletions, methods: &[(Method::POST, Handler::Generate(Format::OpenAiCompletions))], allow: POST },
    Route { name: "responses", path: "{api}/responses",      auth: Auth::Key,  shape: Format::OpenAiResponses, methods: &[(Method::POST, Handler::Generate(Format::OpenAiResponses))], allow: POST },
    Route { name: "response", path: "{api}/responses/{id}",  auth: Auth::Key,  shape: Format::OpenAiResponses, methods: &[(Method::GET, Handler::NotKept), (Method::POST, Handler::NotKept), (Method::DELETE, Handler::NotKept)], allow: KEPT },
];

/// Paths of OpenAI's that clients may ask for and that this upstream cannot serve, and why.
static UNSERVED: [(&str, &str); 9] = [
    (
        "embeddings",
        "Gemini's web app makes no embeddings. Use another service for them",
    ),
    ("files", "files are sent inside the request, as data URLs or links"),
    (
        "audio",
        "Gemini's web app neither reads aloud nor takes down speech for others",
    ),
    ("moderations", "Gemini's web app rates no texts"),
    ("batches", "requests are answered one by one"),
    ("fine_tuning", "the owner's session has no models of its own"),
    (
        "assistants",
        "nothing is kept between requests. Use chat completions or responses",
    ),
    (
        "threads",
        "nothing is kept between requests. Use chat completions or responses",
    ),
    ("vector_stores", "nothing is kept between requests"),
];

/// Why a path of OpenAI's API is not served, if it is one that clients know.
pub(crate) fn why_unserved(prefix: &str, path: &str) -> Option<&'static str> {
    let asked: Vec<&str> = segments(path).collect();
    let first = without(prefix, &asked).unwrap_or(&asked).first()?;
    let row = UNSERVED.iter().find(|(name, _)| name == first)?;
    Some(row.1)
}

/// A path's row.
#[derive(Debug)]
pub(crate) struct Found {
    /// The row.
    pub(crate) route: &'static Route,
    /// What `{id}` stands for, decoded; empty where there is none.
    pub(crate) id: String,
}

/// Finds the row of a path. `googles`: whether one of Google's own clients asks.
pub(crate) fn find(prefix: &str, path: &str, googles: bool) -> Option<Found> {
    let asked: Vec<&str> = segments(path).collect();
    TABLE.iter().find_map(|route| {
        let id = if let Some(rest) = route.path.strip_prefix("{api}") {
            matches(rest, &asked).or_else(|| matches(rest, without(prefix, &asked)?))
        } else if let Some(rest) = route.path.strip_prefix("{google}") {
            google(rest, &asked, googles)
        } else {
            matches(route.path, &asked)
        };
        Some(Found { route, id: id? })
    })
}

impl Route {
    /// What answers this method.
    pub(crate) fn handler(&self, method: &Method) -> Option<Handler> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let row = self.methods.iter().find(|(known, _)| known == method)?;
        Some(row.1)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// What follows the prefix.
fn without<'a, 'p>(prefix: &str, asked: &'a [&'p str]) -> Option<&'a [&'p str]> {
    segments(prefix).try_fold(asked, |rest, segment| match rest {
        [first, rest @ ..] if *first == segment => Some(rest),
        _ => None,
    })
}

/// Google's API has the versions `v1beta` and `v1`. The second is also the usual prefix of the other formats, so that
/// below it a path is Google's only when its client says so, or when it ends in one of Google's methods.
fn google(pattern: &str, asked: &[&str], googles: bool) -> Option<String> {
    let (version, rest) = asked.split_first()?;
    let googles = googles || pattern.contains("{id}:");
    let known = *version == "v1beta" || *version == "v1" && googles;
    known.then(|| matches(pattern, rest)).flatten()
}

/// Matches segments with a pattern; gives what `{id}` stands for.
fn matches(pattern: &str, asked: &[&str]) -> Option<String> {
    let mut rest = asked;
    for segment in segments(pattern) {
        if let Some(end) = segment.strip_prefix("{id}") {
            let id = rest.join("/");
            let id = percent_decode_str(&id).decode_utf8_lossy();
            return (id.len() > end.len() && id.ends_with(end)).then(|| id.into_owned());
        }
        rest = rest.strip_prefix(&[segment])?;
    }
    rest.is_empty().then(String::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_id(path: &str) -> Option<(&'static str, String)> {
        find("/v1", path, false).map(|found| (found.route.name, found.id))
    }

    #[test]
    fn allow_names_exactly_the_methods_of_the_row() {
        for route in TABLE {
            let mut expected: Vec<&str> = Vec::new();
            for (method, _) in route.methods {
                expected.push(method.as_str());
                if method == Method::GET {
                    expected.push("HEAD");
                }
            }
            expected.push("OPTIONS");
            assert_eq!(route.allow, expected.join(", "), "{}", route.name);
        }
    }

    #[test]
    fn only_liveness_health_the_page_and_signed_links_are_open() {
        let open: Vec<&str> = TABLE
            .iter()
            .filter(|route| route.auth == Auth::Open)
            .map(|route| route.path)
            .collect();
        assert_eq!(open, ["/", "/livez", "/health", "/media/{id}"]);
    }

    #[test]
    fn the_usual_mistakes_in_a_base_url_are_forgiven() {
        for path in [
            "/v1/chat/completions",
            "/v1//chat/completions",
            "//v1/chat/completions/",
            "/chat/completions",
        ] {
            assert_eq!(name_and_id(path), Some(("chat", String::new())), "{path}");
        }
        for path in [
            "/v2/chat/completions",
            "/v1",
            "/v1/",
            "/v1/health",
            "/v1/chat",
            "/chat/x",
            "/v1/chat/completions/x",
        ] {
            assert_eq!(name_and_id(path), None, "{path}");
        }
    }

    #[test]
    fn plain_chat_is_where_its_clients_look_for_it_and_nowhere_else() {
        for (path, name) in [
            ("/chat", "plain-chat"),
            ("//chat/", "plain-chat"),
            ("/reset", "plain-reset"),
            ("/status", "plain-status"),
        ] {
            assert_eq!(name_and_id(path), Some((name, String::new())), "{path}");
            assert_eq!(name_and_id(&format!("/v1{path}")), None, "{path}");
        }
    }

    #[test]
    fn model_ids_may_hold_slashes_raw_or_encoded() {
        for path in ["/v1/models/a/b%20c", "/models/a%2Fb%20c/", "/v1//models/a//b%20c"] {
            assert_eq!(name_and_id(path), Some(("model", "a/b c".to_owned())), "{path}");
        }
        assert_eq!(name_and_id("/v1/models/"), Some(("models", String::new())));
    }

    #[test]
    fn googles_methods_stand_behind_the_model() {
        for (path, name, id) in [
            ("/v1beta/models", "gemini-models", ""),
            ("/v1beta/models/m", "gemini-model", "m"),
            (
                "/v1beta/models/m:generateContent",
                "gemini-generate",
                "m:generateContent",
            ),
            (
                "/v1beta/models/m%3AgenerateContent",
                "gemini-generate",
                "m:generateContent",
            ),
            ("/v1beta//models/a/b:countTokens", "gemini-count", "a/b:countTokens"),
            (
                "/v1beta/models/m:streamGenerateContent",
                "gemini-stream",
                "m:streamGenerateContent",
            ),
            ("/v1beta/models/m:embedContent", "gemini-model", "m:embedContent"),
            ("/v1beta/models/:generateContent", "gemini-model", ":generateContent"),
            (
                "/v1beta/tunedModels/m:generateContent",
                "gemini-unknown",
                "tunedModels/m:generateContent",
            ),
            ("/upload/v1beta/files", "gemini-upload", "v1beta/files"),
        ] {
            assert_eq!(name_and_id(path), Some((name, id.to_owned())), "{path}");
        }
        assert_eq!(name_and_id("/v1beta"), None);
    }

    #[test]
    fn below_v1_a_path_is_googles_when_its_client_or_its_method_says_so() {
        for (path, anyones, googles) in [
            ("/v1/models/m:generateContent", "gemini-generate", "gemini-generate"),
            ("/v1/models/m:countTokens", "gemini-count", "gemini-count"),
            ("/v1/models", "models", "gemini-models"),
            ("/v1/models/m", "model", "gemini-model"),
            ("/v1/models/m:embedContent", "model", "gemini-model"),
            ("/v1/chat/completions", "chat", "chat"),
            ("/models", "models", "models"),
        ] {
            let name = |googles| find("/v1", path, googles).map(|found| found.route.name);
            assert_eq!((name(false), name(true)), (Some(anyones), Some(googles)), "{path}");
        }
    }

    #[test]
    fn an_empty_prefix_leaves_the_plain_paths() {
        assert_eq!(find("", "/models", false).map(|found| found.route.name), Some("models"));
        assert!(find("", "/v1/models", false).is_none());
    }
}
