//! Rules, compiled: what their members are set to stands ready.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use tidegate_policy::identity::{Level, Node};
use tidegate_types::config::{self, Condition, Config, Priority, Terms};

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
    /// Whose it is: the word for a level, or `document`.
    pub(crate) of: &'static str,
}

/// The rules of a document, in order.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// By the name of the level whose calls they are for.
    own: HashMap<String, Vec<Arc<Rule>>>,
    everybodys: Vec<Arc<Rule>>,
}

impl Rules {
    pub(super) fn compile(config: &Config) -> Self {
        let compiled = |of: &'static str, rules: &[config::Rule]| {
            let rules = rules.iter().map(|rule| Rule::compile(rule, of));
            rules.collect::<Vec<_>>()
        };
        let mut own = HashMap::new();
        let mut add = |level: Level, terms: Terms<'_>| {
            if !terms.rules.is_empty() {
                let of = level.as_str();
                own.insert([of, ":", terms.id].concat(), compiled(of, terms.rules));
            }
        };
        let customers = config.customers.iter();
        customers.for_each(|one| add(Level::Customer, one.terms()));
        config
            .teams
            .iter()
            .for_each(|one| add(Level::Team, one.terms()));
        config
            .users
            .iter()
            .for_each(|one| add(Level::User, one.terms()));
        config
            .keys
            .iter()
            .for_each(|one| add(Level::Key, one.terms()));
        Self {
            own,
            everybodys: compiled("document", &config.rules),
        }
    }

    /// The rules for calls of these levels, outermost first: those of the innermost go first,
    /// everybody's last.
    pub(crate) fn of<'r>(&'r self, levels: &'r [Arc<Node>]) -> impl Iterator<Item = &'r Arc<Rule>> {
        let levels = if self.own.is_empty() { &[] } else { levels };
        let own = levels
            .iter()
            .rev()
            .filter_map(|node| self.own.get(&*node.name));
        own.flatten().chain(&self.everybodys)
    }
}

impl Rule {
    fn compile(rule: &config::Rule, of: &'static str) -> Arc<Self> {
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
            of,
        })
    }
}
