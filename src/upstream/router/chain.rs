//! Which models are asked, and in which order.

use std::collections::BTreeMap;

/// The configured fallbacks: names of models as clients would write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    /// For every model that has no chain of its own.
    pub general: Vec<String>,
    /// The chains of single models, by the name the owner wrote.
    pub own: BTreeMap<String, Vec<String>>,
}

impl Chains {
    /// Every model that any of them names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self
            .own
            .iter()
            .flat_map(|(model, chain)| std::iter::once(model).chain(chain));
        self.general.iter().chain(own).map(String::as_str)
    }

    /// What is asked after `model` (its public id), in order. A model of the general chain goes on behind its own place,
    /// any other one goes through all of it.
    pub(super) fn after(&self, model: &str, public_id: impl Fn(&str) -> String) -> Vec<String> {
        let own = self.own.iter().find(|(name, _)| public_id(name) == model);
        let chain = own.map_or(&self.general, |(_, chain)| chain);
        let ids: Vec<String> = chain.iter().map(|name| public_id(name)).collect();
        let own_place = ids.iter().position(|id| id == model);
        let mut after: Vec<String> = Vec::new();
        for id in ids.into_iter().skip(own_place.map_or(0, |place| place + 1)) {
            if id != model && !after.contains(&id) {
                after.push(id);
            }
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(chains: &Chains, model: &str) -> Vec<String> {
        chains.after(model, |name| name.replace("alias-of-", ""))
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_model_of_the_chain_goes_on_behind_its_place_and_others_through_all_of_it() {
        let chains = Chains {
            general: words("a alias-of-b c b"),
            own: BTreeMap::from([
                ("alias-of-x".to_owned(), words("c x a")),
                ("quiet".to_owned(), Vec::new()),
            ]),
        };
        for (model, expected) in [
            ("a", "b c"),
            ("b", "c"),
            ("c", "b"),
            ("other", "a b c"),
            ("x", "a"),
            ("quiet", ""),
        ] {
            assert_eq!(after(&chains, model), words(expected), "{model}");
        }
        assert_eq!(after(&Chains::default(), "a"), words(""));
    }
}
