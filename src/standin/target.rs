//! Which of the web app's hosts and paths a request is for.

use std::net::IpAddr;

use http::{header, request::Parts};

/// Prefix of the URLs that the stand-in hands out when it was addressed as itself: the next segment is the host meant.
const HOST_PREFIX: &str = "/__host/";

/// Where a request goes.
pub(super) struct Target {
    /// The Google host meant, or empty: then the path decides.
    pub(super) host: String,
    /// The `Host` header as it came, when the stand-in was addressed as itself.
    authority: Option<String>,
    /// The path, without the prefix of an account.
    pub(super) path: String,
    /// N of the prefix `/u/N`.
    pub(super) account_index: Option<u32>,
}

impl Target {
    pub(super) fn read(head: &Parts) -> Self {
        let given = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = given.unwrap_or_default();
        let as_itself = is_loopback(authority);
        let (host, path) = match split_host(head.uri.path()) {
            _ if !as_itself => (host_name(authority), head.uri.path()),
            Some(split) => split,
            None => ("", head.uri.path()),
        };
        let (account_index, path) = split_account(path);
        Self {
            host: host.to_ascii_lowercase(),
            authority: as_itself.then(|| authority.to_owned()),
            path: path.to_owned(),
            account_index,
        }
    }

    /// An absolute URL on one of the web app's hosts that the caller can reach: the real one behind a TLS front, one
    /// on the stand-in itself otherwise.
    pub(super) fn url(&self, host: &str, path: &str) -> String {
        match &self.authority {
            Some(authority) => format!("http://{authority}{HOST_PREFIX}{host}{path}"),
            None => format!("https://{host}{path}"),
        }
    }
}

fn host_name(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn is_loopback(authority: &str) -> bool {
    let name = host_name(authority).trim_matches(['[', ']']);
    name.is_empty() || name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `/__host/www.google.com/sorry` is `/sorry` on that host.
fn split_host(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(HOST_PREFIX)?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(slash);
    Some((host, if path.is_empty() { "/" } else { path }))
}

/// `/u/1/app` is `/app` for the second account.
fn split_account(path: &str) -> (Option<u32>, &str) {
    let parsed = path.strip_prefix("/u/").and_then(|rest| {
        let slash = rest.find('/')?;
        Some((rest[..slash].parse().ok()?, &rest[slash..]))
    });
    parsed.map_or((None, path), |(index, path)| (Some(index), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_accounts_are_taken_off_the_path() {
        assert_eq!(
            split_host("/__host/www.google.com/sorry/index"),
            Some(("www.google.com", "/sorry/index"))
        );
        assert_eq!(split_host("/__host/www.google.com"), Some(("www.google.com", "/")));
        assert_eq!(split_host("/app"), None);
        assert_eq!(split_account("/u/3/app"), (Some(3), "/app"));
        assert_eq!(split_account("/u/x/app"), (None, "/u/x/app"));
    }

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        for authority in ["", "127.0.0.1:8080", "localhost", "localhost:1", "[::1]:8080"] {
            assert!(is_loopback(authority), "{authority}");
        }
        assert!(!is_loopback("gemini.google.com"));
        assert!(!is_loopback("gemini.google.com:443"));
    }
}
