//! Every volatile fact of the web app's private protocol, as data.
//!
//! The protocol has no specification and changes several times a year: hosts, page keys, headers, the request's
//! array, model ids, paths in the answer, error codes. All of that is in `protocol.json`, and an overlay document
//! can replace any of it without a new release. Framing, UTF-16 lengths, the cookie jar and the delta algorithm
//! are code, because they have not changed and are not a matter of values.

mod answer;
mod checks;
mod lookup;
mod overlay;
mod schema;
mod template;

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::{Map, Value};
use url::Url;

pub(crate) use self::{
    answer::*,
    lookup::{Paths, field},
    schema::*,
    template::{Fill, Fills, Template},
};
use super::request::Fixed;
use crate::error::Failure;

/// The built-in values.
const BUILT_IN: &str = include_str!("protocol/protocol.json");

/// The protocol in force: the built-in values under an optional overlay. Checked as a whole when it is made, so
/// that what uses it need not check again.
#[derive(Clone, Debug)]
pub struct Protocol {
    pub(crate) hosts: Hosts,
    pub(crate) account: AccountChoice,
    pub(crate) paths: EndpointPaths,
    /// Domains a redirect may lead to, with everything below them.
    pub(crate) redirect_hosts: Vec<String>,
    pub(crate) page: PageRules,
    pub(crate) headers: HeaderSets,
    pub(crate) request: RequestTemplates,
    pub(crate) models: Vec<KnownModel>,
    pub(crate) capacity: CapacityRules,
    pub(crate) rpcs: Rpcs,
    /// Whether the activity RPC goes before every generation. Off: it doubles the requests from one address, which
    /// is what gets an address blocked, and only two of a dozen known clients send it, one of them saying that it
    /// avoids 429. An overlay turns it on where that proves true.
    pub(crate) activity_before_generation: bool,
    pub(crate) response: ResponsePaths,
    pub(crate) cleanup: Cleanup,
    /// In-stream error codes.
    pub(crate) errors: BTreeMap<u32, ErrorClass>,
    /// Status numbers that mean an error when they come without a code. Any other number alone means queueing.
    pub(crate) statuses: BTreeMap<u32, ErrorClass>,
    pub(crate) account_statuses: BTreeMap<u32, StatusClass>,
    pub(crate) rotation: Rotation,
    pub(crate) downloads: Downloads,
    pub(crate) limits: Limits,
    /// Made by the first generation, out of all the above.
    fixed: OnceLock<Fixed>,
}

impl Protocol {
    /// The built-in protocol.
    ///
    /// # Errors
    /// As [`Protocol::with_overlay`]; never for the document this crate ships.
    pub fn built_in() -> Result<Self, Vec<String>> {
        Self::with_overlay("{}")
    }

    /// The built-in protocol under an overlay: a JSON object in which objects merge with the built-in ones and any
    /// other value replaces what it meets.
    ///
    /// # Errors
    /// Every problem found, each beginning with the path of the value at fault (`request.inner_length`): not JSON,
    /// unknown names, wrong types, values out of bounds, plain http to another machine.
    pub fn with_overlay(text: &str) -> Result<Self, Vec<String>> {
        let built_in: Value = serde_json::from_str(BUILT_IN).map_err(|error| vec![format!("built-in: {error}")])?;
        let overlay: Value = serde_json::from_str(text).map_err(|error| vec![format!("not JSON: {error}")])?;
        let mut problems = overlay::shape_problems(&overlay, &built_in);
        let (Value::Object(mut document), Value::Object(overlay)) = (built_in, overlay) else {
            return Err(vec!["the document must be a JSON object".to_owned()]);
        };
        overlay::merge(&mut document, overlay);
        let Some(protocol) = read(document, &mut problems) else {
            return Err(problems);
        };
        problems.extend(checks::problems(&protocol));
        if problems.is_empty() {
            Ok(protocol)
        } else {
            Err(problems)
        }
    }

    /// The app page.
    pub(crate) fn page_url(&self) -> Url {
        self.app_url(&self.paths.page)
    }

    /// Where generations are asked for.
    pub(crate) fn generate_url(&self) -> Url {
        self.app_url(&self.paths.generate)
    }

    /// What all generations have in common.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`], when these data cannot be written.
    pub(crate) fn fixed(&self) -> Result<&Fixed, Failure> {
        if let Some(fixed) = self.fixed.get() {
            return Ok(fixed);
        }
        let fixed = Fixed::new(self)?;
        Ok(self.fixed.get_or_init(|| fixed))
    }

    /// Where RPCs are called.
    pub(crate) fn batch_url(&self) -> Url {
        self.app_url(&self.paths.batch)
    }

    /// Where cookies are rotated.
    pub(crate) fn rotate_url(&self) -> Url {
        below(&self.hosts.accounts, "", &self.paths.rotate)
    }

    /// Where files are uploaded.
    pub(crate) fn upload_url(&self) -> Url {
        below(&self.hosts.upload, "", &self.paths.upload)
    }

    /// Whether a redirect may be followed: https to the upstream's own domains, or anything on a configured host.
    pub(crate) fn redirect_allowed(&self, to: &Url) -> bool {
        let hosts = &self.hosts;
        let bases = [&hosts.app, &hosts.accounts, &hosts.google, &hosts.upload];
        bases.iter().any(|base| base.origin() == to.origin()) || within(to, &self.redirect_hosts)
    }

    /// Whether a picture, film or recording may be fetched from there: https from the hosts that have them, or anything
    /// where the app itself is configured to be, if that is elsewhere than at Google's.
    pub(crate) fn media_allowed(&self, from: &Url) -> bool {
        let app = &self.hosts.app;
        let stood_in = !within(app, &self.redirect_hosts) && app.origin() == from.origin();
        stood_in || within(from, &self.downloads.hosts)
    }

    /// A value with `$account` replaced by the account's index.
    pub(crate) fn for_account(&self, template: &str) -> String {
        template.replace("$account", &self.account.index.to_string())
    }

    fn app_url(&self, path: &str) -> Url {
        let prefix = match self.account.index {
            0 => String::new(),
            _ => self.for_account(&self.account.path_prefix),
        };
        below(&self.hosts.app, &prefix, path)
    }
}

/// Whether an address is https, on one of these domains or below, on the usual port.
fn within(url: &Url, domains: &[String]) -> bool {
    let host = url.host_str().unwrap_or_default();
    let below = |domain: &String| {
        host.strip_suffix(domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    url.scheme() == "https" && url.port().is_none() && domains.iter().any(below)
}

/// `base` with more path; a path of the base itself stays in front.
fn below(base: &Url, prefix: &str, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{prefix}{path}", base.path().trim_end_matches('/')));
    url
}

/// Reads the merged document section by section, so that one bad section does not hide another.
fn read(mut document: Map<String, Value>, problems: &mut Vec<String>) -> Option<Protocol> {
    let document = &mut document;
    let hosts = overlay::section(document, "hosts", problems);
    let account = overlay::section(document, "account", problems);
    let paths = overlay::section(document, "paths", problems);
    let redirect_hosts = overlay::section(document, "redirect_hosts", problems);
    let page = overlay::section(document, "page", problems);
    let headers = overlay::section(document, "headers", problems);
    let request = overlay::section(document, "request", problems);
    let models = overlay::section(document, "models", problems);
    let capacity = overlay::section(document, "capacity", problems);
    let rpcs = overlay::section(document, "rpcs", problems);
    let activity_before_generation = overlay::section(document, "activity_before_generation", problems);
    let response = overlay::section(document, "response", problems);
    let cleanup = overlay::section(document, "cleanup", problems);
    let errors = overlay::section(document, "errors", problems);
    let statuses = overlay::section(document, "statuses", problems);
    let account_statuses = overlay::section(document, "account_statuses", problems);
    let rotation = overlay::section(document, "rotation", problems);
    let downloads = overlay::section(document, "downloads", problems);
    let limits = overlay::section(document, "limits", problems);
    Some(Protocol {
        hosts: hosts?,
        account: account?,
        paths: paths?,
        redirect_hosts: redirect_hosts?,
        page: page?,
        headers: headers?,
        request: request?,
        models: models?,
        capacity: capacity?,
        rpcs: rpcs?,
        activity_before_generation: activity_before_generation?,
        response: response?,
        cleanup: cleanup?,
        errors: errors?,
        statuses: statuses?,
        account_statuses: account_statuses?,
        rotation: rotation?,
        downloads: downloads?,
        limits: limits?,
        fixed: OnceLock::new(),
    })
}

#[cfg(test)]
mod tests;
