//! The shape of the document. Field documentation here is what the reference page shows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Auth, Aws, Azure, Breaker, Brownout, Customer, Duration, EndUsers, Google, Log, Network, Price,
    Probe, Queue, Quirk, Route, Rule, Size, Team, User, VirtualKey,
};
use crate::{Dialect, Secret};

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where calls can go, by name. Vendors the catalogue knows need only a key. Without this
    /// section, every known vendor whose usual environment variable is set becomes a provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<BTreeMap<String, Provider>>,
    /// Public model names and where each leads.
    pub models: BTreeMap<String, Route>,
    /// What happens to calls of a kind; the first rule that is for a call decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Whoever pays for teams, users and keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<Customer>,
    /// Teams.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<Team>,
    /// Persons and programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// Virtual keys. Once there is one, a call over HTTP needs a key.
    pub keys: Vec<VirtualKey>,
    /// What each end user may spend, and how fast, whoever calls for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_users: Option<EndUsers>,
    /// Where budgets and limits are kept: `memory` (the default: each engine counts for itself),
    /// `sqlite://tidegate.db` for all processes of a host, `postgres://user:password@host/database` for
    /// all hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<Secret<String>>,
    /// A Redis or Valkey server for budgets and limits, in the place of `store`:
    /// `redis://host:6379/0`, with TLS `rediss://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<Secret<String>>,
    /// Folder of this host in which an engine writes down what it spent before it tells the store, so
    /// that its death loses nothing. Engines with the same store share it. Default: beside a SQLite
    /// file, else below the user's folder for state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// The answer cache.
    pub cache: Cache,
    /// The HTTP server.
    pub server: Server,
    /// Where calls are written down. Default: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// Deadlines for every provider that does not set its own.
    pub timeouts: Timeouts,
    /// When a failing target is left alone, for every provider that does not say otherwise.
    pub breaker: Breaker,
    /// Most calls under way upstream, streams included, all targets together. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Where calls wait for a place. Without it they wait for targets as its defaults say, and calls
    /// beyond a key's own `in_flight` limit are refused at once; with it they wait too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// What chat calls get less of while there is too much to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brownout: Option<Brownout>,
    /// What to do with parts of a request the target's dialect cannot express.
    pub on_unsupported: OnUnsupported,
    /// What to do with models that have no price.
    pub unpriced: Unpriced,
    /// Output tokens a budget reserves for a request that sets no bound of its own. Default: the
    /// model's own limit, so that a hard budget stays hard; 4096 where the catalogue knows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assume_output_tokens: Option<u64>,
}

/// One vendor account or server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// Wire format it speaks. Known vendors need not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Further wire formats it speaks at the same `base_url`, such as `responses` beside `openai`.
    /// Callers who speak one of these are served in it, byte for byte.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Dialect>,
    /// Where it listens: with the version path for the OpenAI dialect (`https://host/v1`), the bare
    /// origin for the others. Known vendors need not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Its key, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret<String>>,
    /// Several keys; calls are spread by weight, and a refused key is left alone for a while.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<ProviderKey>,
    /// Amazon Web Services: the region, and the keys that sign requests. What is missing comes from
    /// the environment (`AWS_REGION`, `AWS_ACCESS_KEY_ID` and so on). A Bedrock API key goes into
    /// `api_key` instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// Azure OpenAI or Azure AI Foundry: the resource, and who asks where no key is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    /// Google Cloud: the project, and who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<Google>,
    /// How the key, or the provider's owner, is proved. Default: as the vendor wants it, or as the
    /// dialect's maker does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// What it does otherwise than its dialect. Default: what is known of the vendor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quirks: Option<Vec<Quirk>>,
    /// Values of the `{names}` in `base_url`, such as `account_id`. Default: the environment
    /// variables that the vendor's users know.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Added to the query of every request, such as `api-version`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Secret<String>>,
    /// Headers added to every request. They replace the gateway's own of the same name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret<String>>,
    /// Deadlines; what is not set here comes from the document's own `timeouts`.
    pub timeouts: Timeouts,
    /// When one of its targets is left alone; what is not set here comes from the document's own
    /// `breaker`.
    pub breaker: Breaker,
    /// Most calls under way to it, streams included, whatever the model and key. Beyond it the next
    /// target is asked; where there is none, the call waits in the `queue`. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// Asks the targets of routes that lead to it now and then how they do. Default: nobody asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Prices by model name; `*` stands for every model without an entry. They replace the catalogue's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
    /// Whether streams are asked to report usage (`stream_options.include_usage`, OpenAI dialect).
    /// Default: yes, unless the vendor is known to refuse or to do it anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_usage: Option<bool>,
    /// Whether a request path below this provider's prefix that the gateway does not know is
    /// forwarded to it. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passthrough: Option<bool>,
    /// Answers come from this script instead of the network. For demonstrations and tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mock: Option<Mock>,
    /// Answers come from the function that the program registered under this name instead of from
    /// the network. `dialect` is then `openai` unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

/// A key of a provider.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderKey {
    /// Name shown in logs and in `x-tidegate-key`. Default: its position, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The secret itself.
    pub value: Secret<String>,
    /// Share of calls relative to the other keys. Default 1; 0 keeps the key in reserve.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u32,
    /// Models it may be used for, with `*` as a wildcard. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Most calls under way with it, streams included. Beyond it another key is used; where there is
    /// none, the next target, or the call waits. Default: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
}

/// Deadlines of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Establishing a connection, TLS included. Default 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Duration>,
    /// From sending the request to the first byte of the answer. Default 10m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Duration>,
    /// From sending the request to the first token of a stream. Default: none beyond the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token: Option<Duration>,
    /// Between two tokens of a stream; other events do not count. Default: none beyond `idle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall: Option<Duration>,
    /// Tokens per second below which a stream is given up, once it has run for 3 seconds. Default:
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tokens_per_second: Option<u32>,
    /// Between two pieces of an answer. Default 2m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
    /// The whole call, all attempts included. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Duration>,
}

/// Whether a route's answers are cached.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteCache {
    /// What counts as the same request.
    pub mode: CacheMode,
    /// How long an answer is good for. Default 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// Who shares answers.
    pub scope: CacheScope,
}

/// What counts as the same request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheMode {
    /// The same bytes for the same model.
    #[default]
    Exact,
    /// Nothing: the route is not cached.
    Off,
}

/// Who shares cached answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheScope {
    /// Calls with the same virtual key.
    #[default]
    Key,
    /// Calls of the same user; of the same key where it belongs to no user.
    User,
    /// Calls of the same team; as `user` where there is no team.
    Team,
    /// Calls of the same customer; as `team` where there is no customer.
    Customer,
    /// Every caller of this engine.
    Public,
}

/// The answer cache.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Memory it may take. Default 64MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}

/// The HTTP server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// `host:port`, or `unix:/path/to/socket`. Default `127.0.0.1:8787`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Certificate and key for TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Whether calls without a key are served. Default: `deny` once a key is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
    /// The key that opens `/api/health` and `/metrics`, sent as `Authorization: Bearer` or
    /// `x-tidegate-key`. Default: none, and they are open to this machine alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_key: Option<Secret<String>>,
    /// Networks of proxies in front of this server. Of a call that comes from one of them, the address
    /// that counts is the last in `x-forwarded-for` that is none of theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<Network>,
    /// Largest request body. Default 128MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<Size>,
    /// How long running calls may finish when the server stops. Default 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<Duration>,
    /// Threads that serve requests. Default: one per core, at most 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
}

/// Certificate files in PEM.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Path of the certificate chain.
    pub cert: String,
    /// Path of the private key.
    pub key: String,
}

/// Whether calls without a key are served over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anonymous {
    /// Refused with 401.
    Deny,
    /// Served as root.
    Allow,
}

/// What to do with parts of a request the target's dialect cannot express.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnsupported {
    /// Leave them out and name them in `x-tidegate-dropped`.
    #[default]
    Drop,
    /// Refuse the call with `unsupported`.
    Error,
}

/// What to do with models that have no price.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// Refuse the call with `unpriced_model`.
    Deny,
    /// Let it through at no cost, and say `unpriced` in the cost.
    Allow,
    /// Count it at a price above nine tenths of the vendor's models; vendors without a price table
    /// count as 15 (input) and 75 (output) dollars per million tokens.
    #[default]
    Estimate,
}

/// A script that answers in place of a provider. Replies are given in turn; the last one repeats.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mock {
    /// The replies. None at all: every call is answered with a friendly text.
    pub replies: Vec<MockReply>,
}

/// One scripted answer, written in the provider's dialect.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MockReply {
    /// Status. Default 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers, for instance `retry-after`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Text of the answer, put into a reply of the right shape; streams get it word by word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The whole body instead, as JSON or as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// Pause before the status line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Pause between the pieces of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<Duration>,
    /// Break the connection after this many bytes of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after: Option<usize>,
    /// Prompt tokens reported. Default: about a quarter of the request's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Generated tokens reported. Default: one per word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

pub(super) fn one() -> u32 {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_one(weight: &u32) -> bool {
    *weight == 1
}
