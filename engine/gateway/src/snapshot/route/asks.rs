//! What a route asks beside its calls: how its targets do, and what texts mean.

use std::{sync::Arc, time::Duration};

use tidegate_policy::route::{self, Topics};
use tidegate_types::config;

use super::{super::ProviderState, Compiler, Snapshot};
use crate::{
    embedder::Embedder,
    pipeline::{embed, probe::Probe, semantic::Comparison},
};

/// How long the answer to a probe may take when nobody says.
const PROBE: Duration = Duration::from_secs(5);
/// How long a call waits for vectors when its route does not say.
const EMBEDDING: Duration = Duration::from_secs(2);

impl Compiler<'_> {
    /// Whether a target is asked how it does.
    pub(super) fn probe(
        &mut self,
        provider: &Arc<ProviderState>,
        model: &str,
        target: &config::Target,
    ) -> bool {
        let probe = target.probe.as_ref().or(provider.probe.as_ref());
        let Some(probe) = probe.filter(|_| provider.missing.is_none()) else {
            return false;
        };
        let mut asked = self.snapshot.make_target(provider, model, target);
        asked.retry.attempts = 1;
        let label = Arc::clone(&asked.label);
        self.probes.push(Probe {
            route: Arc::new(Snapshot::single(&label, asked)),
            every: probe.every.get(),
            timeout: probe.timeout.map_or(PROBE, config::Duration::get),
            path: probe.path.clone(),
        });
        true
    }

    /// Targets stand as written where nobody can be asked what is similar.
    pub(super) fn semantic(
        &mut self,
        route: &config::Route,
        targets: &[&config::Target],
    ) -> route::Strategy {
        let number = u16::try_from(self.comparisons.len());
        let semantic = route.semantic.as_ref().filter(|_| self.first);
        let embedder = semantic.and_then(|semantic| self.snapshot.embedder(&semantic.embedder));
        let (Some(semantic), Some(embedder), Ok(number)) = (semantic, embedder, number) else {
            return route::Strategy::Ordered;
        };
        let threshold = semantic.threshold.map(|threshold| threshold as f32);
        let desk = self.snapshot.meanings.desk(embedder.space());
        let members = targets.iter().map(|target| {
            let texts = target.description.iter().chain(&target.examples);
            (target.model.as_str(), texts.map(String::as_str).collect())
        });
        let timeout = semantic.timeout.map_or(EMBEDDING, config::Duration::get);
        let comparison = Comparison::new(embedder, desk, members, threshold, timeout);
        self.comparisons.push(comparison);
        route::Strategy::Semantic(Topics {
            number,
            threshold: threshold.unwrap_or(f32::NEG_INFINITY),
        })
    }
}

impl Snapshot {
    /// Whoever makes vectors of texts under that name; `None` where no provider has it.
    pub(crate) fn embedder(&self, name: &str) -> Option<Arc<dyn Embedder>> {
        let (provider, model) = name.split_once('/')?;
        let provider = self.providers.get(provider)?;
        let route = Arc::new(self.direct_route(provider, model, name));
        let target = Arc::clone(route.targets.first()?);
        Some(Arc::new(embed::Model::new(route, &target)))
    }
}
