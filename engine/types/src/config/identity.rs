//! Who may call: customers, teams, users and keys, what each may use, and what it may spend.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Budget, KeyHash, Limit, Network, Priority, Rule};
use crate::Secret;

/// Declares the levels of the hierarchy: what all of them say, and what only one does.
macro_rules! levels {
    ($($(#[doc = $doc:literal])* $level:ident { $($(#[$meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $level {
            /// Name shown in logs and reports.
            pub id: String,
            $($(#[$meta])* pub $field: $type,)*
            /// What alone may be used, by kind. Without it, everything.
            #[serde(default, skip_serializing_if = "Lists::is_empty")]
            pub allow: Lists,
            /// What may not be used, whatever `allow` says.
            #[serde(default, skip_serializing_if = "Lists::is_empty")]
            pub deny: Lists,
            /// How much may be spent. All must admit a call.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub budgets: Vec<Budget>,
            /// How fast calls may come. All must admit a call.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub limits: Vec<Limit>,
            /// What holds at one provider alone. Where it does not admit a call, the next target is
            /// asked.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub providers: Vec<ProviderConfig>,
            /// What each end user may spend, and how fast, by the name that requests give them.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub end_users: Option<EndUsers>,
            /// Rules for these calls alone: the key's go first, then the user's, the team's, the
            /// customer's, and the document's last.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub rules: Vec<Rule>,
            /// Who goes first when there is no room: what the level nearest to the call says, else
            /// `normal`. A call may lower it with `x-tidegate-priority`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub priority: Option<Priority>,
            /// Refuses every call when true.
            #[serde(default, skip_serializing_if = "std::ops::Not::not")]
            pub disabled: bool,
            /// Moment after which calls are refused (RFC 3339).
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub expires: Option<String>,
            /// Facts of one's own, for rules.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub metadata: BTreeMap<String, String>,
            /// Labels, for rules.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub tags: Vec<String>,
        }

        impl $level {
            /// What it says that every level can say.
            pub fn terms(&self) -> Terms<'_> {
                Terms {
                    id: &self.id,
                    allow: &self.allow,
                    deny: &self.deny,
                    budgets: &self.budgets,
                    limits: &self.limits,
                    providers: &self.providers,
                    end_users: self.end_users.as_ref(),
                    rules: &self.rules,
                    priority: self.priority,
                    disabled: self.disabled,
                    expires: self.expires.as_deref(),
                    metadata: &self.metadata,
                    tags: &self.tags,
                }
            }
        }
    )*};
}

levels! {
    /// Whoever pays: an organisation with teams, users and keys.
    Customer {}
    /// A team, of a customer or on its own.
    Team {
        /// Id of the customer it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<String>,
    }
    /// A person or a program, of a team, of a customer, or on its own.
    User {
        /// Whether it is a person or a program.
        #[serde(default)]
        kind: UserKind,
        /// Id of the team it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// Id of the customer it belongs to, when no team is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<String>,
    }
    /// A key handed to a caller. It is known by exactly one of `value` and `hash`.
    VirtualKey {
        /// The secret the caller sends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Secret<String>>,
        /// The secret's hash instead, `sha256:` and 64 hexadecimal digits, so that no secret stands in
        /// the document. `tidegate keys new` prints both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hash: Option<KeyHash>,
        /// The secret before this one, as long as it is still accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Previous>,
        /// Id of the user it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Id of the team it belongs to, when no user is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// Id of the customer it belongs to, when neither is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<String>,
        /// Models it may use: route names or `provider/model`, with `*` as a wildcard. Empty: all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        models: Vec<String>,
        /// Whether its calls may say for which user of its team or customer they are made
        /// (`x-tidegate-user`): then that user's budgets, limits and lists hold too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        delegates: bool,
    }
}

/// What every level of the hierarchy can say.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Its id.
    pub id: &'a str,
    /// What alone may be used.
    pub allow: &'a Lists,
    /// What may not be used.
    pub deny: &'a Lists,
    /// How much may be spent.
    pub budgets: &'a [Budget],
    /// How fast calls may come.
    pub limits: &'a [Limit],
    /// What holds at one provider alone.
    pub providers: &'a [ProviderConfig],
    /// What each end user may spend.
    pub end_users: Option<&'a EndUsers>,
    /// Rules for these calls alone.
    pub rules: &'a [Rule],
    /// Who goes first.
    pub priority: Option<Priority>,
    /// Whether every call is refused.
    pub disabled: bool,
    /// Moment after which calls are refused.
    pub expires: Option<&'a str>,
    /// Facts of one's own.
    pub metadata: &'a BTreeMap<String, String>,
    /// Labels.
    pub tags: &'a [String],
}

/// Whether a user is a person or a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person.
    #[default]
    Person,
    /// A program.
    Service,
}

impl UserKind {
    /// `person` or `service`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }
}

/// What a key's secret was before. Exactly one of `value` and `hash`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// The secret itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Secret<String>>,
    /// Its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<KeyHash>,
    /// Moment after which it is refused (RFC 3339).
    pub until: String,
}

/// What may be used, or what may not, by kind. Patterns may hold `*`; an empty list says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lists {
    /// Providers by name. A target of one that may not be used is passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Models: route names or `provider/model`. What may be used is compared with what the call asks
    /// for; what may not, also with every target it would go to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// What is asked for, as rules name it: `chat`, `embeddings`, `images/*`, `passthrough` and so on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// Where calls over HTTP come from: addresses, or networks such as `10.0.0.0/8`. Calls inside this
    /// process come from nowhere, and are not asked; those over a Unix socket come from 127.0.0.1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
}

impl Lists {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What holds for calls at one provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// Name of the provider.
    pub id: String,
    /// Models of it that may be used, as the provider names them, with `*` as a wildcard. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// How much may be spent there. All must admit a try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// How fast tries there may come. All must admit a try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Keeps every call away from it when true.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// What each end user may spend, and how fast. End users are known by what requests say: the header
/// `x-tidegate-user`, or the body's `user`, `safety_identifier` or `metadata.user_id`. Those of the
/// last 100,000 that were heard of are kept; whoever is forgotten begins anew.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndUsers {
    /// How much each may spend. All must admit a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// How fast each may call. All must admit a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Whether a call that names no end user is refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}
