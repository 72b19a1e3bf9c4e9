//! What the account has: its status, its models under stable public names, its capacity.

use serde_json::Value;

use super::protocol::{Capacity, Plan, Protocol};

/// The answer of the account RPC.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Account {
    /// 1000 is an account in good standing; see the table of account statuses.
    pub(crate) status: u32,
    /// Empty for an account that may use none.
    pub(crate) models: AccountModels,
    pub(crate) capacity: Capacity,
}

/// The models of an account, best first as the upstream lists them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AccountModels(Vec<AccountModel>);

/// One model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AccountModel {
    /// The upstream's id, sent in the model selector.
    pub(crate) id: String,
    /// The upstream's name for the kind of model (`Flash-Lite`), without a version.
    pub(crate) category: String,
    /// The upstream's name for people (`3.5 Flash-Lite`).
    pub(crate) display: Option<String>,
    /// The upstream's number for the kind.
    pub(crate) number: u32,
    /// The stable name clients use (`gemini-flash-lite`): it stays when the version behind it changes.
    pub(crate) public_id: String,
}

impl Account {
    /// Reads the document of the account RPC; none when it is not one.
    pub(crate) fn parse(protocol: &Protocol, document: &Value) -> Option<Self> {
        document.as_array()?;
        let paths = &protocol.response.account;
        let models = paths.models.list(document).map(Vec::as_slice).unwrap_or_default();
        let status = paths
            .status
            .number(document)
            .and_then(|status| u32::try_from(status).ok());
        Some(Self {
            // An account without a status is in good standing.
            status: status.unwrap_or(1000),
            models: AccountModels::new(models.iter().filter_map(|model| read_model(protocol, model))),
            capacity: capacity(protocol, document),
        })
    }
}

impl AccountModels {
    /// The models known without asking the account.
    pub(crate) fn fallback(protocol: &Protocol) -> Self {
        // An account whose answer is not known is taken for a free one: the ids of a free account work for any.
        let known = protocol.models.iter().filter(|model| model.plan == Plan::Free);
        Self::new(known.map(|model| AccountModel {
            id: model.id.clone(),
            category: model.category.clone(),
            display: Some(model.display.clone()),
            number: model.number,
            public_id: String::new(),
        }))
    }

    /// The models in order.
    pub(crate) fn list(&self) -> &[AccountModel] {
        &self.0
    }

    /// The model a client means: by public id, else by alias, in any case.
    pub(crate) fn resolve(&self, name: &str) -> Option<&AccountModel> {
        let by_id = self.0.iter().find(|model| model.public_id.eq_ignore_ascii_case(name));
        by_id.or_else(|| {
            let has_alias =
                |model: &&AccountModel| model.aliases().iter().any(|alias| alias.eq_ignore_ascii_case(name));
            self.0.iter().find(has_alias)
        })
    }

    /// The model of a label the upstream put on an answer (`3.6 Flash`): the one shown under that very name, else the
    /// one of the longest category in it.
    pub(crate) fn served(&self, label: &str) -> Option<&AccountModel> {
        let exact = |model: &&AccountModel| model.display.as_deref() == Some(label);
        self.0.iter().find(exact).or_else(|| self.served_in_words(label))
    }

    fn served_in_words(&self, label: &str) -> Option<&AccountModel> {
        let label = slug(label);
        let shown = |model: &&AccountModel| model.display.as_deref().is_some_and(|display| slug(display) == label);
        self.0.iter().find(shown).or_else(|| {
            let within = |model: &&AccountModel| contains_words(&label, &slug(&model.category));
            // The first of equals: max_by_key would take the last.
            self.0
                .iter()
                .filter(within)
                .rev()
                .max_by_key(|model| model.category.len())
        })
    }

    /// The public id for a label, of a model this account has or not.
    pub(crate) fn public_id_of(&self, label: &str) -> String {
        match self.served(label) {
            Some(model) => model.public_id.clone(),
            None => format!("gemini-{}", slug(label)),
        }
    }

    /// Whether a label is of the family that was asked for.
    pub(crate) fn same_family(&self, requested: &AccountModel, label: &str) -> bool {
        match self.served(label) {
            Some(model) if model.category == requested.category => true,
            Some(model) => slug(&model.category) == slug(&requested.category),
            None => contains_words(&slug(label), &slug(&requested.category)),
        }
    }

    /// Gives every model its public id. A second model of one category is known by its display name, or its id.
    fn new(models: impl Iterator<Item = AccountModel>) -> Self {
        let mut list: Vec<AccountModel> = Vec::new();
        for mut model in models {
            let names = [
                slug(&model.category),
                model.display.as_deref().map(slug).unwrap_or_default(),
                slug(&model.id),
            ];
            let names = names
                .into_iter()
                .filter(|name| !name.is_empty())
                .map(|name| format!("gemini-{name}"));
            let free = |name: &String| list.iter().all(|other| other.public_id != *name);
            if let Some(name) = names.into_iter().find(free) {
                model.public_id = name;
                list.push(model);
            }
        }
        Self(list)
    }
}

impl AccountModel {
    /// Whether it has this other name.
    pub(crate) fn has_alias(&self, name: &str) -> bool {
        self.aliases().iter().any(|alias| alias == name)
    }

    /// Other names for it: with its major version, with its whole version, and the upstream's id.
    pub(crate) fn aliases(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(display) = &self.display {
            let version = display.split_whitespace().next().filter(|word| is_version(word));
            if let Some((major, _)) = version.map(|word| word.split_once('.').unwrap_or((word, ""))) {
                names.push(format!("gemini-{major}-{}", slug(&self.category)));
            }
            names.push(format!("gemini-{}", slug(display)));
        }
        names.push(self.id.clone());
        names.retain(|name| *name != self.public_id);
        names.dedup();
        names
    }
}

/// Whether a text can be a model id: it goes into a header.
pub(super) fn is_model_id(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(word)
}

fn read_model(protocol: &Protocol, model: &Value) -> Option<AccountModel> {
    let paths = &protocol.response.model;
    let id = paths.id.text(model).filter(|id| is_model_id(id))?;
    let display = paths.display.text(model);
    let category = without_version(paths.category.text(model).or(display)?);
    Some(AccountModel {
        id: id.to_owned(),
        category: category.to_owned(),
        display: display.map(str::to_owned),
        number: paths
            .number
            .number(model)
            .and_then(|number| u32::try_from(number).ok())?,
        public_id: String::new(),
    })
}

/// The capacity the flags stand for: the first rule that fits.
fn capacity(protocol: &Protocol, document: &Value) -> Capacity {
    let paths = &protocol.response.account;
    let flags =
        |list: Option<&Vec<Value>>| -> Vec<u64> { list.into_iter().flatten().filter_map(Value::as_u64).collect() };
    let tier = flags(paths.tier.list(document));
    let capability = flags(paths.capability.list(document));
    let fits = |flag: Option<u64>, set: &[u64]| flag.is_some_and(|flag| set.contains(&flag));
    let rules = &protocol.capacity;
    rules
        .rules
        .iter()
        .find(|rule| fits(rule.tier, &tier) || fits(rule.capability, &capability))
        .map_or(rules.default, |rule| Capacity {
            value: rule.value,
            field: rule.field,
        })
}

/// A name as part of an id: lower case, words joined by hyphens; a version keeps its dots.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '.' => slug.push('.'),
            c if c.is_alphanumeric() => slug.extend(c.to_lowercase()),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_matches(['-', '.']).to_owned()
}

/// Whether `part` stands in `slug` at hyphens.
fn contains_words(slug: &str, part: &str) -> bool {
    let at_hyphens = |at: usize| {
        let (before, after) = (&slug[..at], &slug[at + part.len()..]);
        (before.is_empty() || before.ends_with('-')) && (after.is_empty() || after.starts_with('-'))
    };
    !part.is_empty() && slug.match_indices(part).any(|(at, _)| at_hyphens(at))
}

/// A category, which some shapes of the answer give as the display name: a version does not belong to it.
fn without_version(name: &str) -> &str {
    match name.split_once(' ') {
        Some((version, rest)) if is_version(version) => rest.trim(),
        _ => name,
    }
}

fn is_version(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests;
