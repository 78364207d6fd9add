//! From a model name to its route.

use std::sync::{Arc, PoisonError};

use tidegate_providers::catalogue;
use tidegate_types::{Code, Error, config};

use super::{ProviderState, Route, Snapshot};

/// Direct routes kept; callers that invent names without end must not fill the memory.
const MOST_DIRECT: usize = 4096;

impl Snapshot {
    /// The route of a model name. In this order: a configured name; `provider/model`; a bare name of
    /// the provider that the path or host implies; a bare name the catalogue knows.
    ///
    /// # Errors
    /// `unknown_model`; `missing_provider_key` when the catalogue knows the model but its vendor is
    /// not configured.
    pub(crate) fn resolve(&self, model: &str, implied: Option<&str>) -> Result<Arc<Route>, Error> {
        if let Some(route) = self.routes.get(model) {
            return Ok(Arc::clone(route));
        }
        let (provider, name) = match model.split_once('/') {
            Some((provider, name)) if self.providers.contains_key(provider) => (provider, name),
            _ => match implied.filter(|implied| self.providers.contains_key(*implied)) {
                Some(implied) => (implied, model),
                None => (self.offered_by(model, implied)?, model),
            },
        };
        if name.is_empty() {
            return Err(self.unknown(model));
        }
        let provider = &self.providers[provider];
        let label = [&provider.name, "/", name].concat();
        let direct = self.direct.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = direct.get(&label) {
            return Ok(Arc::clone(route));
        }
        drop(direct);
        let route = Arc::new(self.direct_route(provider, name, &label));
        let mut direct = self.direct.write().unwrap_or_else(PoisonError::into_inner);
        if direct.len() >= MOST_DIRECT {
            direct.clear();
        }
        direct.insert(label, Arc::clone(&route));
        Ok(route)
    }

    /// The route of a provider's other paths, which name no model.
    pub(crate) fn passthrough(&self, provider: &str) -> Result<Arc<Route>, Error> {
        let known = self
            .providers
            .get(provider)
            .filter(|provider| provider.passthrough);
        let provider = known.ok_or_else(|| {
            Error::new(
                Code::UnknownEndpoint,
                format!(
                    "provider {provider:?} is not configured or does not pass unknown paths on"
                ),
            )
        })?;
        Ok(Arc::new(self.direct_route(
            provider,
            "",
            &format!("{}/", provider.name),
        )))
    }

    pub(super) fn direct_route(
        &self,
        provider: &Arc<ProviderState>,
        model: &str,
        label: &str,
    ) -> Route {
        let target = self.make_target(provider, model, &config::Target::named(label));
        Self::single(label, target)
    }

    fn offered_by(&self, model: &str, implied: Option<&str>) -> Result<&'static str, Error> {
        let vendor = match (model.split_once('/'), implied) {
            (Some((vendor, _)), _) if catalogue::vendor(vendor).is_some() => {
                catalogue::vendor(vendor)
            }
            (_, Some(implied)) => catalogue::vendor(implied),
            _ => catalogue::find(model).map(|(vendor, _)| vendor),
        };
        let Some(vendor) = vendor else {
            return Err(self.unknown(model));
        };
        if self.providers.contains_key(vendor.name) {
            return Ok(vendor.name);
        }
        let variables = vendor.env.join(" or ");
        Err(Error::new(
            Code::MissingProviderKey,
            format!(
                "model {model:?} belongs to {name}, which is not configured; set {variables} or add \
                 `providers.{name}`",
                name = vendor.name
            ),
        )
        .with_param("model"))
    }

    fn unknown(&self, model: &str) -> Error {
        let mut names: Vec<&str> = self.routes.keys().map(String::as_str).collect();
        names.sort_unstable();
        let hint = if names.is_empty() {
            "no route is configured; use `provider/model`".to_owned()
        } else {
            names.truncate(8);
            format!(
                "configured names are {}; others are written `provider/model`",
                names.join(", ")
            )
        };
        Error::new(
            Code::UnknownModel,
            format!("unknown model {model:?}: {hint}"),
        )
        .with_param("model")
    }
}
