//! What a level lets its callers use.

use std::net::IpAddr;

use tidegate_types::config::{Lists, Network};

use crate::glob;

/// The lists of one level.
#[derive(Debug, Default)]
pub struct Access {
    allow: Lists,
    deny: Lists,
    /// Models that alone may be asked for, beside those of `allow`.
    models: Vec<String>,
}

impl Access {
    /// What these lists let through: what `allow` names, or everything where it names nothing, but for
    /// what `deny` names. `models` counts as a second `allow.models`: both must admit.
    pub fn new(allow: &Lists, deny: &Lists, models: &[String]) -> Self {
        Self {
            allow: allow.clone(),
            deny: deny.clone(),
            models: models.to_vec(),
        }
    }

    /// Whether a model may be asked for.
    pub fn model(&self, name: &str) -> bool {
        glob::admits(&self.models, name)
            && glob::admits(&self.allow.models, name)
            && !self.denies(name)
    }

    /// Whether a model may not be used, however a call came to it.
    pub fn denies(&self, label: &str) -> bool {
        names(&self.deny.models, label)
    }

    /// Whether a provider may be used.
    pub fn provider(&self, name: &str) -> bool {
        glob::admits(&self.allow.providers, name) && !names(&self.deny.providers, name)
    }

    /// Whether that may be asked for.
    pub fn endpoint(&self, name: &str) -> bool {
        glob::admits(&self.allow.endpoints, name) && !names(&self.deny.endpoints, name)
    }

    /// Whether calls may come from there.
    pub fn network(&self, address: IpAddr) -> bool {
        let within = |networks: &[Network]| networks.iter().any(|one| one.contains(address));
        (self.allow.networks.is_empty() || within(&self.allow.networks))
            && !within(&self.deny.networks)
    }

    /// Whether it looks at what is asked for beside models, or from where.
    pub(super) fn screens(&self) -> bool {
        [&self.allow, &self.deny]
            .iter()
            .any(|lists| !lists.endpoints.is_empty() || !lists.networks.is_empty())
    }

    /// Whether it looks at where calls go.
    pub(super) fn selects(&self) -> bool {
        let providers = [&self.allow, &self.deny]
            .iter()
            .any(|lists| !lists.providers.is_empty());
        providers || !self.deny.models.is_empty()
    }
}

fn names(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| glob::matches(pattern, text))
}
