//! Several upstreams as one: whose model is whose, who is asked after whom, and who is left alone.
//!
//! Gemini's models keep their names; those of another upstream have its name before theirs (`hf:org/model`). What
//! follows from a failure is in `rules`, what stands between a request and an upstream in `gate`, one request's way
//! through its chain in `drive`.

mod attempts;
mod chain;
mod docs;
mod drive;
mod gate;
pub(crate) mod rules;

use std::{borrow::Cow, sync::Arc};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;
use tracing::Span;

pub use self::{chain::Chains, docs::markdown};
use self::{
    gate::Gate,
    rules::{Step, rule},
};
use super::{
    Call, Download, EventStream, Explanation, Health, HealthState, Model, Replacement, Speaks, Upstream, Verdict,
};
use crate::{
    chat::{Dialect, Request},
    error::{Failure, Kind},
};

/// What stands between an upstream's name and that of its model.
pub const SEPARATOR: char = ':';

/// The upstream whose models have slashes in their names: a name with one and without an upstream is taken for its.
const HUB: &str = "hf";

/// The upstreams of a gateway.
pub struct Router {
    inner: Arc<Inner>,
}

struct Inner {
    /// The first one's models have plain names.
    members: Vec<Member>,
    chains: Chains,
}

/// One upstream.
struct Member {
    name: Arc<str>,
    upstream: Arc<dyn Upstream>,
    gate: Arc<Gate>,
}

impl Router {
    /// A gateway's upstreams: the one whose models have plain names, those with names of their own, and who is asked after
    /// whom.
    #[must_use]
    pub fn new(first: (&str, Arc<dyn Upstream>), named: Vec<(String, Arc<dyn Upstream>)>, chains: Chains) -> Self {
        let member = |name: &str, upstream| {
            let name: Arc<str> = name.into();
            Member {
                gate: Gate::new(Arc::clone(&name)),
                name,
                upstream,
            }
        };
        let mut members = vec![member(first.0, first.1)];
        members.extend(named.into_iter().map(|(name, upstream)| member(&name, upstream)));
        Self {
            inner: Arc::new(Inner { members, chains }),
        }
    }
}

impl Upstream for Router {
    /// All lists, one after the other. Where others can answer, models that nobody can reach for want of any credential
    /// are left out.
    fn models(&self) -> Vec<Model> {
        let others = self.inner.members.len() > 1;
        let offered = |member: &&Member| !others || !member.is_unconfigured();
        let members = self.inner.members.iter().filter(offered);
        members.flat_map(|member| member.upstream.models()).collect()
    }

    fn resolve(&self, name: &str) -> Result<String, Failure> {
        self.inner.resolve(name).or_else(|failure| {
            // A model that cannot be looked up now, in a chain that goes on behind it.
            let goes_on = rule(failure.kind()).step != Step::Stop && self.inner.plan(name).len() > 1;
            if goes_on { Ok(name.to_owned()) } else { Err(failure) }
        })
    }

    fn check(&self, request: &Request) -> Result<(), Failure> {
        let plan = self.inner.plan(&request.model);
        let (member, _) = self.inner.member(&plan[0]);
        match member.upstream.check(request) {
            Err(failure) if plan.len() == 1 || rule(failure.kind()).step == Step::Stop => Err(failure),
            _ => Ok(()),
        }
    }

    fn speaks(&self, model: Option<&str>, dialect: Dialect) -> Speaks {
        let speaks = |member: &Member| member.upstream.speaks(None, dialect) != Speaks::No;
        let Some(model) = model else {
            let any = self.inner.members.iter().any(speaks);
            return if any { Speaks::Later } else { Speaks::No };
        };
        let plan = self.inner.plan(model);
        let mut speaking = plan.iter().map(|model| speaks(self.inner.member(model).0));
        match (speaking.next().unwrap_or_default(), speaking.len()) {
            (true, 0) => Speaks::All,
            (true, _) if speaking.all(|speaks| speaks) => Speaks::All,
            (true, _) => Speaks::First,
            (false, _) if speaking.any(|speaks| speaks) => Speaks::Later,
            (false, _) => Speaks::No,
        }
    }

    fn name_for(&self, model: &str) -> Cow<'static, str> {
        self.inner.member(model).0.name.to_string().into()
    }

    fn generate(&self, call: Call) -> EventStream {
        drive::answer(Arc::clone(&self.inner), call, Span::current())
    }

    /// Only the first upstream makes what only an account can open.
    fn media(&self, reference: &str, deadline: Instant) -> BoxFuture<'static, Result<Download, Failure>> {
        self.inner.members[0].upstream.media(reference, deadline)
    }

    /// What the first model that is asked would get.
    fn explain(&self, request: &Request) -> Result<Explanation, Failure> {
        self.inner.member(&request.model).0.upstream.explain(request)
    }

    /// Only the first upstream has a session of its owner's.
    fn replace_credentials(&self, text: SecretString) -> BoxFuture<'static, Result<Replacement, Failure>> {
        let first = &self.inner.members[0];
        let (trial, gate) = (first.upstream.replace_credentials(text), Arc::clone(&first.gate));
        Box::pin(async move {
            let replacement = trial.await?;
            if replacement.in_use && replacement.verdict != Verdict::Unchanged {
                gate.reopen();
            }
            Ok(replacement)
        })
    }

    fn health(&self) -> Vec<Health> {
        let each = |member: &Member| {
            let mut health = member.upstream.health();
            if let (Some(failure), [only]) = (member.gate.closed_by(Instant::now()), health.as_mut_slice()) {
                only.fail(&failure);
            }
            health
        };
        self.inner.members.iter().flat_map(each).collect()
    }
}

impl Member {
    fn is_unconfigured(&self) -> bool {
        let unconfigured = |health: &Health| {
            health.state == HealthState::Failed && health.code == Some(Kind::UpstreamNotConfigured.facts().code)
        };
        self.upstream.health().iter().all(unconfigured)
    }
}

impl Inner {
    /// Whose model this is, by its public id, and whether the id names its upstream.
    fn member(&self, model: &str) -> (&Member, bool) {
        let named = model.split_once(SEPARATOR).and_then(|(name, _)| self.named(name));
        (named.unwrap_or(&self.members[0]), named.is_some())
    }

    /// The upstream of this name, other than the first.
    fn named(&self, name: &str) -> Option<&Member> {
        self.members[1..].iter().find(|member| &*member.name == name)
    }

    /// The public id of what a client calls a model.
    fn resolve(&self, name: &str) -> Result<String, Failure> {
        if let (member, true) = self.member(name) {
            return member.upstream.resolve(name);
        }
        let first = &self.members[0].upstream;
        if self.members.len() == 1 || first.lists(name) {
            return first.resolve(name);
        }
        if let Some(id) = self.members[1..].iter().find_map(|member| member.known(name)) {
            return Ok(id);
        }
        if name.contains('/')
            && let Some(hub) = self.named(HUB)
        {
            return hub.upstream.resolve(&format!("{HUB}{SEPARATOR}{name}"));
        }
        first.resolve(name).map_err(|failure| self.unknown(failure))
    }

    /// What cannot be found under its plain name may have another upstream's before it.
    fn unknown(&self, failure: Failure) -> Failure {
        if failure.kind() != Kind::ModelNotFound {
            return failure;
        }
        let names = self.members[1..]
            .iter()
            .map(|member| format!("{}{SEPARATOR}…", member.name));
        let names: Vec<String> = names.collect();
        let message = format!(
            "{} Further models: {}; see /models.",
            failure.message(),
            names.join(", ")
        );
        Failure::new(Kind::ModelNotFound, message).param("model")
    }

    /// The models that are asked for a request to this one, in order: itself first.
    fn plan(&self, model: &str) -> Vec<String> {
        let public_id = |name: &str| self.resolve(name).unwrap_or_else(|_| name.to_owned());
        let mut plan = vec![model.to_owned()];
        plan.extend(self.chains.after(model, public_id));
        plan
    }
}

impl Member {
    /// The public id of a model that this upstream has in its list under that name.
    fn known(&self, name: &str) -> Option<String> {
        let id = format!("{}{SEPARATOR}{name}", self.name);
        self.upstream.lists(&id).then_some(id)
    }
}
