//! Rules, compiled: what their members are set to stands ready.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use tidegate_types::config::{self, Condition, Config, Priority};

/// What happens to calls that meet a condition.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) when: Condition,
    /// Where they go.
    pub(crate) target: Option<String>,
    /// Members set in the body, as JSON.
    pub(crate) set: Vec<(String, Bytes)>,
    /// Who goes first.
    pub(crate) priority: Option<Priority>,
    /// Why they are refused.
    pub(crate) refuse: Option<String>,
}

/// The rules of a document, in order.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// By the id of the key whose calls they are for.
    own: HashMap<String, Vec<Arc<Rule>>>,
    everybodys: Vec<Arc<Rule>>,
}

impl Rules {
    pub(super) fn compile(config: &Config) -> Self {
        let all = |rules: &[config::Rule]| rules.iter().map(Rule::compile).collect::<Vec<_>>();
        let keys = config.keys.iter().filter(|key| !key.rules.is_empty());
        Self {
            own: keys.map(|key| (key.id.clone(), all(&key.rules))).collect(),
            everybodys: all(&config.rules),
        }
    }

    /// The rules for calls with a key: its own, then everybody's.
    pub(crate) fn of(&self, key: Option<&str>) -> impl Iterator<Item = &Arc<Rule>> {
        let own = key.and_then(|key| self.own.get(key));
        own.into_iter().flatten().chain(&self.everybodys)
    }
}

impl Rules {
    /// How many of them are for calls with this key alone.
    pub(crate) fn own(&self, key: &str) -> usize {
        self.own.get(key).map_or(0, Vec::len)
    }
}

impl Rule {
    fn compile(rule: &config::Rule) -> Arc<Self> {
        let set = rule.set.iter();
        Arc::new(Self {
            name: Arc::from(rule.name.as_str()),
            when: rule.when.clone(),
            target: rule.target.clone(),
            set: set
                .map(|(key, value)| (key.clone(), Bytes::from(value.to_string())))
                .collect(),
            priority: rule.priority,
            refuse: rule.refuse.clone(),
        })
    }
}
