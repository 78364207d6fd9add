//! Who calls: customers, teams, users, keys, and the end users they serve.
//!
//! A call is made by an [`Identity`], whose [`Chain`] holds every level above and with it. All of
//! them must admit the call, and all of them pay for it.

mod access;
mod chain;
mod directory;
mod end_users;
mod node;
mod secret;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use tidegate_types::config::Priority;

pub use access::Access;
pub use chain::{Chain, Refused};
pub use directory::{Found, Identities, Named, Registry, Stray};
pub use node::{Level, Node};
pub use secret::same;

/// Whoever calls. No secret is kept.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id of its nearest level; `root` for a caller that no level but an end user's is above.
    pub id: Arc<str>,
    /// Whose what it makes and keeps is, such as `key:alice`; `None` is root's.
    pub owner: Option<Arc<str>>,
    /// Every level, outermost first.
    pub chain: Chain,
    /// The highest priority of its calls.
    pub priority: Priority,
    /// Whether its calls may name the user they are made for.
    pub delegates: bool,
    /// Whether some level looks at what is asked for, or from where.
    pub screens: bool,
    /// Whether some level looks at where calls go.
    pub selects: bool,
    /// Seconds since 1970 after which the first level is refused; the least there is for one that is
    /// disabled.
    expires: Option<i64>,
}

impl Identity {
    /// Whoever has these levels above, outermost first.
    fn new(nodes: impl IntoIterator<Item = Arc<Node>>, delegates: bool) -> Self {
        let chain = Chain::new(nodes);
        let own = |node: &&Arc<Node>| node.level < Level::EndUser;
        let nearest = chain.nodes().iter().rev().find(own);
        let mut inwards = chain.nodes().iter().rev();
        Self {
            id: nearest.map_or_else(|| Arc::from("root"), |node| Arc::clone(&node.id)),
            owner: nearest.map(|node| Arc::clone(&node.name)),
            priority: inwards.find_map(|node| node.priority).unwrap_or_default(),
            delegates,
            screens: chain.nodes().iter().any(|node| node.access.screens()),
            selects: chain.nodes().iter().any(|node| node.selects()),
            expires: chain.nodes().iter().filter_map(|node| node.until()).min(),
            chain,
        }
    }

    /// Whether every level may be used at this time.
    pub fn active(&self, unix_seconds: i64) -> bool {
        self.expires.is_none_or(|expires| unix_seconds < expires)
    }

    /// The outermost level that may not be used at this time.
    pub fn inactive(&self, unix_seconds: i64) -> Option<&Arc<Node>> {
        let over = |node: &&Arc<Node>| !node.active(unix_seconds);
        self.chain.nodes().iter().find(over)
    }

    /// Whether it may use a model, named as the caller names it or as `provider/model`.
    pub fn may_use(&self, model: &str) -> bool {
        self.refuses_model(model).is_none()
    }

    /// The outermost level that does not let a model be asked for.
    pub fn refuses_model(&self, model: &str) -> Option<&Arc<Node>> {
        self.first(|node| !node.access.model(model))
    }

    /// The outermost level that does not let that be asked for.
    pub fn refuses_endpoint(&self, endpoint: &str) -> Option<&Arc<Node>> {
        self.first(|node| !node.access.endpoint(endpoint))
    }

    /// The outermost level that takes no call from there.
    pub fn refuses_network(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.first(|node| !node.access.network(address))
    }

    /// The outermost level whose calls may not go to that target, and whether the whole provider is
    /// meant.
    pub fn refuses_target(&self, provider: &str, model: &str) -> Option<(&Arc<Node>, bool)> {
        let provider_is = self.first(|node| !node.access.provider(provider));
        if let Some(node) = provider_is {
            return Some((node, true));
        }
        let label = [provider, "/", model].concat();
        let denied = self.first(|node| node.access.denies(&label));
        if let Some(node) = denied {
            return Some((node, false));
        }
        let mut here = self.chain.at(provider);
        let off = here.find(|node| node.disabled || !node.access.model(model));
        off.map(|node| (node, node.disabled))
    }

    fn first(&self, refuses: impl Fn(&Node) -> bool) -> Option<&Arc<Node>> {
        self.chain.nodes().iter().find(|node| refuses(node))
    }
}
