//! The cookies of the session: a jar scoped by domain and path, and the two values that carry the log-in.
//!
//! `__Secure-1PSID` is the identity and comes from the owner alone: no response may change or clear it.
//! `__Secure-1PSIDTS` is its short-lived partner and enters the jar through [`Jar::adopt`] only, after it was saved;
//! every other `Set-Cookie` is merged at once.

use std::{
    fmt,
    sync::{LazyLock, PoisonError, RwLock},
    time::SystemTime,
};

use cookie_store::{Cookie, CookieStore, RawCookie};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// The identity cookie.
pub(super) const PSID: &str = "__Secure-1PSID";
/// Its rotating partner.
pub(super) const PSIDTS: &str = "__Secure-1PSIDTS";

/// What the owner configured: the log-in of one Google account.
#[derive(Clone)]
pub struct Credentials {
    /// Value of `__Secure-1PSID`.
    pub psid: SecretString,
    /// Value of `__Secure-1PSIDTS`; some accounts have none and work without.
    pub psidts: Option<SecretString>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// The address whose cookies a request for `url` carries, where `url` is one of the app. Its base can be pointed
/// elsewhere (a stand-in on loopback); the cookies keep the scope of the real host.
pub(super) fn app_scope(url: &Url) -> Url {
    let mut scope = APP.clone();
    scope.set_path(url.path());
    scope
}

/// A shared cookie jar.
pub(super) struct Jar {
    store: RwLock<CookieStore>,
}

impl fmt::Debug for Jar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jar(..)")
    }
}

impl Jar {
    /// An empty jar.
    pub(super) fn new() -> Self {
        Self {
            store: RwLock::new(CookieStore::new()),
        }
    }

    /// Starts over with a log-in and, where they are known, the other cookies that belong to it.
    pub(super) fn seed(&self, credentials: &Credentials, others: &[Cookie<'static>]) {
        let mut store = CookieStore::new();
        for cookie in others {
            // A cookie that no longer fits (expired meanwhile) is simply not taken over.
            let _ = store.insert(cookie.clone(), &APP);
        }
        insert(&mut store, PSID, &credentials.psid);
        if let Some(psidts) = &credentials.psidts {
            insert(&mut store, PSIDTS, psidts);
        }
        *self.store.write().unwrap_or_else(PoisonError::into_inner) = store;
    }

    /// Uses a saved `__Secure-1PSIDTS` from now on.
    pub(super) fn adopt(&self, psidts: &SecretString) {
        insert(
            &mut self.store.write().unwrap_or_else(PoisonError::into_inner),
            PSIDTS,
            psidts,
        );
    }

    /// The `Cookie` header of a request within this scope, if it carries any cookie.
    pub(super) fn header(&self, scope: &Url) -> Option<HeaderValue> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        // Room for the log-in and the cookies that usually come with it.
        let mut line = String::with_capacity(1024);
        for (name, value) in store.get_request_values(scope) {
            if !line.is_empty() {
                line.push_str("; ");
            }
            line.push_str(name);
            line.push('=');
            line.push_str(value);
        }
        drop(store);
        let mut value = HeaderValue::from_str(&line).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Merges what a response set. Returns a new `__Secure-1PSIDTS`, if there is one, for the caller to save and then
    /// [`adopt`](Self::adopt).
    pub(super) fn merge(&self, scope: &Url, headers: &HeaderMap) -> Option<SecretString> {
        let mut lines = headers.get_all(header::SET_COOKIE).iter().peekable();
        lines.peek()?;
        let mut fresh = None;
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            let Some(cookie) = line
                .to_str()
                .ok()
                .and_then(|line| RawCookie::parse(line.to_owned()).ok())
            else {
                continue;
            };
            match cookie.name() {
                // A sign-out page clears it; the owner's value stays until the owner changes it.
                PSID => {}
                // Another host's cookie of this name is another cookie; the log-in must not be changed by it.
                PSIDTS if !is_googles(scope, &cookie) => {}
                PSIDTS => fresh = fresh_value(&store, &cookie).or(fresh),
                // Refused (another host's, or already expired): exactly what a browser does.
                _ => drop(store.insert_raw(&cookie, scope)),
            }
        }
        fresh
    }

    /// Whether it holds a value for a cookie of one of these names.
    pub(super) fn has_any(&self, names: &[String]) -> bool {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store
            .iter_unexpired()
            .any(|cookie| names.iter().any(|name| name == cookie.name()) && !cookie.value().is_empty())
    }

    /// Every unexpired cookie but the log-in itself, to be kept over a restart.
    pub(super) fn others(&self) -> Vec<Cookie<'static>> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        store
            .iter_unexpired()
            .filter(|cookie| !matches!(cookie.name(), PSID | PSIDTS))
            .cloned()
            .collect()
    }
}

/// The log-in cookies alone, for rotation: with other cookies beside them it has been answered with 401.
pub(super) fn login_header(psid: &SecretString, psidts: Option<&SecretString>) -> Option<HeaderValue> {
    let mut line = format!("{PSID}={}", psid.expose_secret());
    if let Some(psidts) = psidts {
        line.push_str("; ");
        line.push_str(PSIDTS);
        line.push('=');
        line.push_str(psidts.expose_secret());
    }
    let mut value = HeaderValue::from_str(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether a response gives a value to a cookie of one of these names.
pub(super) fn sets_any(headers: &HeaderMap, names: &[String]) -> bool {
    let lines = headers.get_all(header::SET_COOKIE).iter();
    let mut cookies = lines.filter_map(|line| RawCookie::parse(line.to_str().ok()?).ok());
    cookies.any(|cookie| names.iter().any(|name| name == cookie.name()) && !is_cleared(&cookie))
}

/// A `__Secure-1PSIDTS` among the `Set-Cookie` lines of a response.
pub(super) fn issued_psidts(headers: &HeaderMap) -> Option<SecretString> {
    let lines = headers.get_all(header::SET_COOKIE).iter();
    lines
        .filter_map(|line| RawCookie::parse(line.to_str().ok()?.to_owned()).ok())
        .filter(|cookie| cookie.name() == PSIDTS && !is_cleared(cookie))
        .map(|cookie| SecretString::from(cookie.value().to_owned()))
        .next_back()
}

/// The app's own host.
static APP: LazyLock<Url> = LazyLock::new(|| {
    Url::parse("https://gemini.google.com/").unwrap_or_else(|_| unreachable!("a literal address parses"))
});

fn fresh_value(store: &CookieStore, cookie: &RawCookie<'_>) -> Option<SecretString> {
    let value = cookie.value();
    let known = store.get("google.com", "/", PSIDTS).map(|known| known.value());
    (!is_cleared(cookie) && known != Some(value)).then(|| SecretString::from(value.to_owned()))
}

/// Whether a host may set a cookie for google.com (RFC 6265, section 5.3). One that names no domain is taken as well:
/// nothing else of this name is known.
fn is_googles(scope: &Url, cookie: &RawCookie<'_>) -> bool {
    const DOMAIN: &str = "google.com";
    let host = scope.host_str().unwrap_or_default();
    let below = host.strip_suffix(DOMAIN);
    let domain = cookie.domain().map(|domain| domain.trim_start_matches('.'));
    below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        && domain.is_none_or(|domain| domain.eq_ignore_ascii_case(DOMAIN))
}

/// Whether a `Set-Cookie` takes a cookie away: by an empty value, or by an end in the past whatever the value says.
fn is_cleared(cookie: &RawCookie<'_>) -> bool {
    let over = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    let ended = |at: i64| u64::try_from(at).is_ok_and(|at| at <= over) || at < 0;
    cookie.value().is_empty()
        || cookie.max_age().is_some_and(|age| !age.is_positive())
        || cookie.expires_datetime().is_some_and(|at| ended(at.unix_timestamp()))
}

/// Stores a log-in cookie with the attributes Google gives it (protocol notes, cookies: domain `.google.com`, path
/// `/`, `Secure`, `HttpOnly`).
fn insert(store: &mut CookieStore, name: &'static str, value: &SecretString) {
    let cookie = RawCookie::build((name, value.expose_secret().to_owned()))
        .domain("google.com")
        .path("/")
        .secure(true)
        .http_only(true)
        .build();
    // The domain covers the address and the name is a constant: nothing in the storage rules can refuse it.
    let _ = store.insert_raw(&cookie, &APP);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn jar() -> Jar {
        let jar = Jar::new();
        jar.seed(
            &Credentials {
                psid: secret("id"),
                psidts: Some(secret("ts")),
            },
            &[],
        );
        jar
    }

    fn sent(jar: &Jar, scope: &str) -> Vec<String> {
        let Some(header) = jar.header(&Url::parse(scope).unwrap()) else {
            return Vec::new();
        };
        let mut cookies: Vec<String> = header.to_str().unwrap().split("; ").map(str::to_owned).collect();
        cookies.sort();
        cookies
    }

    fn response(lines: &[&str]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (header::SET_COOKIE, HeaderValue::from_str(line).unwrap()))
            .collect()
    }

    #[test]
    fn the_login_goes_to_googles_sites_and_to_the_app_wherever_its_base_points() {
        let base = app_scope(&Url::parse("http://127.0.0.1:9/app").unwrap());
        assert_eq!(base.as_str(), "https://gemini.google.com/app");
        for scope in [base.as_str(), "https://accounts.google.com/R"] {
            assert_eq!(sent(&jar(), scope), ["__Secure-1PSID=id", "__Secure-1PSIDTS=ts"]);
        }
        for elsewhere in [
            "https://lh3.googleusercontent.com/a",
            "https://www.gstatic.com/",
            "http://gemini.google.com/",
        ] {
            assert!(sent(&jar(), elsewhere).is_empty(), "{elsewhere}");
        }
    }

    #[test]
    fn other_cookies_are_merged_with_their_scope() {
        let (jar, url) = (jar(), Url::parse("http://127.0.0.1:9/app").unwrap());
        let fresh = jar.merge(
            &app_scope(&url),
            &response(&[
                "SIDCC=a; domain=.google.com; path=/",
                "COMPASS=b; path=/; Secure",
                "X=c; domain=example.org",
            ]),
        );
        assert!(fresh.is_none());
        let app = sent(&jar, "https://gemini.google.com/app");
        assert_eq!(
            app,
            ["COMPASS=b", "SIDCC=a", "__Secure-1PSID=id", "__Secure-1PSIDTS=ts"]
        );
        let accounts = sent(&jar, "https://accounts.google.com/RotateCookies");
        assert_eq!(accounts, ["SIDCC=a", "__Secure-1PSID=id", "__Secure-1PSIDTS=ts"]);
        assert_eq!(jar.others().len(), 2);
    }

    #[test]
    fn a_response_neither_changes_the_identity_nor_slips_in_an_unsaved_partner() {
        let (jar, url) = (jar(), Url::parse("https://gemini.google.com/app").unwrap());
        let lines = [
            "__Secure-1PSID=EXPIRED; domain=.google.com; path=/; max-age=0",
            "__Secure-1PSIDTS=new; domain=.google.com; path=/; Secure",
        ];
        let fresh = jar.merge(&app_scope(&url), &response(&lines)).unwrap();
        assert_eq!(sent(&jar, url.as_str()), ["__Secure-1PSID=id", "__Secure-1PSIDTS=ts"]);
        jar.adopt(&fresh);
        assert_eq!(sent(&jar, url.as_str()), ["__Secure-1PSID=id", "__Secure-1PSIDTS=new"]);
        // The same value again is no news, and a cleared one is not a value.
        assert!(jar.merge(&app_scope(&url), &response(&lines)).is_none());
        for cleared in [
            "",
            "EXPIRED; max-age=0",
            "EXPIRED; expires=Mon, 01-Jan-1990 00:00:00 GMT",
        ] {
            let cleared = format!("__Secure-1PSIDTS={cleared}; domain=.google.com; path=/");
            assert!(issued_psidts(&response(&[&cleared])).is_none(), "{cleared}");
            assert!(
                jar.merge(&app_scope(&url), &response(&[&cleared])).is_none(),
                "{cleared}"
            );
        }
        let cleared = ["__Secure-1PSIDTS=; domain=.google.com; path=/; max-age=0"];
        assert!(jar.merge(&app_scope(&url), &response(&cleared)).is_none());
    }

    #[test]
    fn only_googles_own_hosts_renew_the_log_in() {
        let of_google = "__Secure-1PSIDTS=new; domain=.google.com; path=/; Secure";
        for (host, line, renews) in [
            ("https://gemini.google.com/app", of_google, true),
            ("https://google.com/", of_google, true),
            ("https://work.fife.usercontent.google.com/x", of_google, true),
            ("https://lh3.googleusercontent.com/gg/x", of_google, false),
            ("https://evilgoogle.com/", of_google, false),
            (
                "https://lh3.googleusercontent.com/gg/x",
                "__Secure-1PSIDTS=new; domain=.googleusercontent.com; path=/",
                false,
            ),
            (
                "https://gemini.google.com/app",
                "__Secure-1PSIDTS=new; path=/; Secure",
                true,
            ),
        ] {
            let fresh = jar().merge(&Url::parse(host).unwrap(), &response(&[line]));
            assert_eq!(fresh.is_some(), renews, "{host} {line}");
        }
    }

    #[test]
    fn a_cookie_is_renewed_by_a_value_and_not_by_being_taken_away() {
        let names = ["SIDCC".to_owned(), "__Secure-1PSIDCC".to_owned()];
        for (line, renews) in [
            ("SIDCC=a; domain=.google.com; path=/", true),
            ("__Secure-1PSIDCC=a; Secure", true),
            ("SIDCC=; domain=.google.com; path=/", false),
            ("SIDCC=EXPIRED; expires=Mon, 01-Jan-1990 00:00:00 GMT", false),
            ("NID=SIDCC=a", false),
        ] {
            let head = response(&["COMPASS=x; path=/", line]);
            assert_eq!(sets_any(&head, &names), renews, "{line}");
            let jar = jar();
            jar.merge(&APP, &head);
            assert_eq!(jar.has_any(&names), renews, "{line}");
        }
    }

    #[test]
    fn debug_output_shows_no_value() {
        let credentials = Credentials {
            psid: secret("g.a000"),
            psidts: None,
        };
        assert!(!format!("{credentials:?} {:?}", jar()).contains("g.a000"));
    }
}
