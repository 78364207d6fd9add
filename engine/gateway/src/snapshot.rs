//! A configuration, compiled: what a call reads, immutable and shared by reference.

mod provider;
mod resolve;
mod route;
mod rule;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use tidegate_policy::{
    Clock, Moment, Tick,
    admission::{Need, QueuePolicy, UNCAPPED},
    health::{self, BreakerPolicy, KeyPauses, Meter, Place, State, Unit},
    identity::{Identities, Registry},
    key_ring::Readiness,
    price::Sheet,
    retry::{Hedge, RetryPolicy},
    route::{Needs, Standing},
};
use tidegate_providers::{catalogue, function::Functions, transport::Transport};
use tidegate_types::{
    Money, Usage,
    config::{self, Anonymous, Config, Dimension, OnUnsupported, Price, Unpriced},
    json,
};

use crate::{
    embedder::meanings::Meanings,
    journal::Journal,
    pipeline::{plan::needs, probe::Probe},
    telemetry::metrics::Metrics,
};

pub(crate) use provider::{ProviderState, Wire};
pub(crate) use route::{Chain, Route};
pub(crate) use rule::{Rule, Rules};

/// Output tokens reserved for a request without a bound when nothing better is known.
const ASSUMED_OUTPUT: u64 = 4096;

/// Where calls of providers can lead.
#[derive(Clone)]
pub(crate) struct Ways {
    pub(crate) network: Arc<dyn Transport>,
    pub(crate) functions: Functions,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) meanings: Arc<Meanings>,
}

/// Everything a call needs to know. Swapped as a whole on reload.
pub(crate) struct Snapshot {
    pub(crate) config: Arc<Config>,
    pub(crate) providers: HashMap<String, Arc<ProviderState>>,
    pub(crate) routes: HashMap<String, Arc<Route>>,
    pub(crate) rules: Rules,
    pub(crate) identities: Identities,
    /// Whether callers outside this process need a key.
    pub(crate) key_required: bool,
    pub(crate) on_unsupported: OnUnsupported,
    pub(crate) unpriced: Unpriced,
    /// What texts mean, for routes that go by it.
    pub(crate) meanings: Arc<Meanings>,
    pub(crate) queue: QueuePolicy,
    /// Targets that are asked how they do, by name.
    pub(crate) probes: BTreeMap<String, Probe>,
    /// Where all calls are counted, when there may not be any number.
    pub(crate) cap: Option<Need>,
    /// Where calls are written down.
    pub(crate) journal: Option<Arc<Journal>>,
    /// What outlives this snapshot of targets' and keys' health.
    health: Arc<Mutex<health::Registry>>,
    /// Routes made on first use for `provider/model` names, so that they cost a look-up afterwards.
    direct: RwLock<HashMap<String, Arc<Route>>>,
}

/// A provider's model.
#[derive(Debug)]
pub(crate) struct Target {
    /// `provider/model`.
    pub(crate) label: Arc<str>,
    pub(crate) provider: Arc<ProviderState>,
    pub(crate) model: Box<str>,
    /// The model's own name, where the provider was told another.
    pub(crate) known_as: Box<str>,
    /// The model name as a JSON string, ready to be spliced in.
    pub(crate) model_json: Bytes,
    /// Members set in the body, as JSON.
    pub(crate) params: Vec<(String, Bytes)>,
    /// Headers set in the request.
    pub(crate) headers: http::HeaderMap,
    /// What is known of how it does.
    pub(crate) place: Arc<Place>,
    /// What is known of the provider's keys here.
    pub(crate) pauses: Vec<Arc<KeyPauses>>,
    /// Whether it is asked how it does: then no caller's call is a probe.
    pub(crate) probed: bool,
    /// Most calls under way at its place.
    pub(crate) most: u32,
    pub(crate) breaker: BreakerPolicy,
    /// How its use is counted, where the strategy asks.
    pub(crate) meter: Option<(Unit, Arc<Meter>)>,
    pub(crate) retry: RetryPolicy,
    /// Whether it is asked when no target is well, where a route inside the one that was called says so.
    pub(crate) anyway: Option<bool>,
    /// What may be asked beside it.
    pub(crate) hedge: Option<Arc<Hedge>>,
    /// Names that calls may ask for.
    pub(crate) tags: Vec<String>,
    /// Longer prompts are not sent here.
    pub(crate) max_input: Option<u64>,
    /// What the catalogue knows its model to lack.
    pub(crate) lacks: Needs,
    /// What the configuration says that it lacks.
    pub(crate) denies: Needs,
    pub(crate) tariff: Tariff,
    /// Whether an answer of its told no usage, so that others are expected not to.
    pub(crate) untold: AtomicBool,
    /// False when neither configuration nor catalogue has a price.
    pub(crate) priced: bool,
    /// Tokens the model takes in at most, where the catalogue knows.
    pub(crate) context: Option<u64>,
    /// Output bound the target sets itself, in place of the request's.
    pub(crate) own_bound: Option<u64>,
    /// Output tokens reserved for requests without a bound.
    pub(crate) assumed_output: u64,
    pub(crate) timeouts: Timeouts,
}

impl Target {
    /// Whether its breaker lets no call pass that is not made anyway.
    pub(crate) fn is_cut_off(&self, now: Tick) -> bool {
        match self.place.breaker.state(now) {
            State::Closed => false,
            State::Open(_) => true,
            State::HalfOpen => self.probed,
        }
    }

    /// Whether it can take calls now.
    pub(crate) fn standing(&self, now: Tick) -> Standing {
        if self.provider.missing.is_some() {
            return Standing::Down;
        }
        if self.is_cut_off(now) {
            return Standing::Down;
        }
        match self.provider.ring.readiness(&self.model, &self.pauses, now) {
            Readiness::Ready => Standing::Well,
            Readiness::Scarce => Standing::Strained,
            Readiness::Cooling(_) | Readiness::Refused(_) | Readiness::None => Standing::Down,
        }
    }
}

/// What a target costs.
#[derive(Debug, Clone)]
pub(crate) struct Tariff {
    /// Absent where the price is unknown and calls are let through at no cost.
    pub(crate) sheet: Option<Sheet>,
    /// Whether what the vendor says it charges counts before the sheet: it does where the vendor
    /// tells, and nobody configured a price.
    pub(crate) told: bool,
    /// Sound is charged as at least this long, in millionths of a second.
    pub(crate) least_micros: u64,
    /// Whether a call's searches are charged once, however many there are.
    pub(crate) search_once: bool,
}

impl Tariff {
    fn configured(price: &Price) -> Self {
        Self {
            sheet: Some(Sheet::from(price)),
            told: false,
            least_micros: 0,
            search_once: false,
        }
    }

    fn listed(model: &catalogue::Model, told: bool) -> Self {
        Self {
            sheet: Some(
                Sheet::new(&model.terms, model.regional).with_pictures(model.pictures.clone()),
            ),
            told,
            least_micros: u64::from(model.least_seconds) * 1_000_000,
            search_once: model.search_once,
        }
    }

    /// What a call costs that consumed this and ended at that moment, in seconds since 1970.
    pub(crate) fn cost(&self, usage: &Usage, now: i64) -> Money {
        if self.told
            && let Some(charge) = usage.charge
        {
            return charge;
        }
        let Some(sheet) = &self.sheet else {
            return Money::ZERO;
        };
        let mut usage = *usage;
        if usage.micros > 0 {
            usage.micros = usage.micros.max(self.least_micros);
        }
        if self.search_once {
            usage.searches = usage.searches.min(1);
        }
        sheet.cost(&usage, now)
    }
}

/// Deadlines with every default filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) first_token: Option<Duration>,
    pub(crate) stall: Option<Duration>,
    pub(crate) min_tokens_per_second: Option<u32>,
    pub(crate) idle: Duration,
    pub(crate) total: Option<Duration>,
}

impl Timeouts {
    /// The first level that sets a deadline decides it.
    fn resolve(levels: [&config::Timeouts; 3]) -> Self {
        let pick = |field: fn(&config::Timeouts) -> Option<config::Duration>| {
            levels
                .iter()
                .find_map(|level| field(level))
                .map(config::Duration::get)
        };
        Self {
            connect: pick(|t| t.connect).unwrap_or(Duration::from_secs(10)),
            first_byte: pick(|t| t.first_byte).unwrap_or(Duration::from_mins(10)),
            first_token: pick(|t| t.first_token),
            stall: pick(|t| t.stall),
            min_tokens_per_second: levels.iter().find_map(|level| level.min_tokens_per_second),
            idle: pick(|t| t.idle).unwrap_or(Duration::from_mins(2)),
            total: pick(|t| t.total),
        }
    }
}

impl Snapshot {
    /// Compiles a validated configuration.
    pub(crate) fn compile(
        config: Config,
        ways: &Ways,
        registry: &Mutex<Registry>,
        health: &Arc<Mutex<health::Registry>>,
        now: Moment,
        env: fn(&str) -> Option<String>,
    ) -> Self {
        let mut state = health.lock().unwrap_or_else(PoisonError::into_inner);
        let providers = provider::compile_all(&config, ways, &mut state, env);
        let queue = config.queue.as_ref();
        let queue = queue.map_or_else(QueuePolicy::default, QueuePolicy::from);
        state.room().configure(queue);
        let cap = config.max_in_flight.map(|most| Need {
            gate: state.gate(""),
            most,
        });
        drop(state);
        let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
        let identities = Identities::compile(&config, &mut registry, now, config::unix_seconds);
        let key_required = match config.server.anonymous {
            Some(Anonymous::Allow) => false,
            Some(Anonymous::Deny) => true,
            None => !identities.is_empty(),
        };
        let mut snapshot = Self {
            on_unsupported: config.on_unsupported,
            unpriced: config.unpriced,
            meanings: Arc::clone(&ways.meanings),
            queue,
            probes: BTreeMap::new(),
            cap,
            journal: None,
            rules: Rules::compile(&config),
            config: Arc::new(config),
            providers,
            routes: HashMap::new(),
            identities,
            key_required,
            health: Arc::clone(health),
            direct: RwLock::new(HashMap::new()),
        };
        let document = Arc::clone(&snapshot.config);
        snapshot.routes = document
            .models
            .iter()
            .map(|(name, route)| (name.clone(), Arc::new(snapshot.compile_route(name, route))))
            .collect();
        let probes = snapshot.routes.values().flat_map(|route| &route.probes);
        snapshot.probes = probes.map(|probe| (probe.name(), probe.clone())).collect();
        snapshot
    }

    fn make_target(
        &self,
        provider: &Arc<ProviderState>,
        model: &str,
        target: &config::Target,
    ) -> Target {
        let known = catalogue::model(&provider.vendor, model);
        let upstream = provider
            .deployments
            .get(model)
            .map_or(model, String::as_str);
        let own = provider
            .prices
            .get(model)
            .or_else(|| provider.prices.get("*"));
        let told = catalogue::tells_charge(&provider.vendor);
        let priced = known.as_ref().filter(|known| known.is_priced());
        let tariff = match (own, priced, self.unpriced) {
            (Some(price), ..) => Tariff::configured(price),
            (None, Some(model), _) => Tariff::listed(model, told),
            (None, None, Unpriced::Estimate) => Tariff {
                told,
                ..Tariff::configured(&estimate(&provider.vendor))
            },
            (None, None, Unpriced::Allow | Unpriced::Deny) => Tariff {
                sheet: None,
                told,
                least_micros: 0,
                search_once: false,
            },
        };
        let priced = own.is_some() || priced.is_some();
        let limit = known
            .as_ref()
            .map(|known| u64::from(known.max_output))
            .filter(|limit| *limit > 0);
        // The model's own limit keeps a hard budget hard; whoever finds that too much sets less.
        let assumed_output = match (self.config.assume_output_tokens, limit) {
            (Some(assumed), Some(limit)) => assumed.min(limit),
            (Some(assumed), None) => assumed,
            (None, limit) => limit.unwrap_or(ASSUMED_OUTPUT),
        };
        let (lacks, denies) = needs::lacking(known.as_ref(), target.capabilities);
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let at = [&provider.name, "/", model, "\n", &provider.wires[0].base].concat();
        let pauses = provider
            .key_ids
            .iter()
            .map(|key| health.pauses(&[key, "\n", model].concat()));
        Target {
            pauses: pauses.collect(),
            place: health.place(&at),
            probed: false,
            most: target.max_in_flight.unwrap_or(UNCAPPED),
            breaker: BreakerPolicy::resolve([&provider.breaker, &self.config.breaker]),
            meter: None,
            retry: RetryPolicy::default(),
            anyway: None,
            hedge: None,
            tags: target.tags.clone(),
            max_input: target.max_input_tokens,
            lacks,
            denies,
            headers: route::headers(&target.headers),
            label: Arc::from(format!("{}/{model}", provider.name)),
            provider: Arc::clone(provider),
            model: upstream.into(),
            known_as: model.into(),
            model_json: Bytes::from(json::quote(upstream)),
            params: target
                .params
                .iter()
                .map(|(key, value)| (key.clone(), Bytes::from(value.to_string())))
                .collect(),
            tariff,
            untold: AtomicBool::new(false),
            priced,
            context: known
                .as_ref()
                .map(|known| u64::from(known.context))
                .filter(|context| *context > 0),
            own_bound: ["max_completion_tokens", "max_tokens", "max_output_tokens"]
                .iter()
                .find_map(|key| target.params.get(*key)?.as_u64()),
            assumed_output,
            timeouts: Timeouts::resolve([
                &target.timeouts,
                &provider.timeouts,
                &self.config.timeouts,
            ]),
        }
    }
}

/// What an unknown model is counted at: dearer than nine tenths of its vendor's models, so that it is
/// never free and rarely too cheap. Vendors without a table count as 15 and 75 dollars per million.
fn estimate(vendor: &str) -> Price {
    let mut prices: Vec<(Money, Money)> = catalogue::models(vendor)
        .filter(|model| model.kind == catalogue::Kind::Chat && model.is_priced())
        .map(|model| {
            let price = |dimension| model.rates().price(dimension).unwrap_or_default();
            (price(Dimension::Output), price(Dimension::Input))
        })
        .collect();
    prices.sort_unstable();
    let (output, input) = prices.get(prices.len() * 9 / 10).copied().unwrap_or((
        Money::from_nanos(75_000_000_000),
        Money::from_nanos(15_000_000_000),
    ));
    Price {
        input: Some(input),
        output: Some(output),
        ..Price::default()
    }
}
