//! For whom a call is made, and what the levels above it let be asked for, from where, and of whom.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use http::{HeaderMap, HeaderName};
use tidegate_policy::identity::{Identity, Named, Node, Stray};
use tidegate_types::{Code, Endpoint, Error, config::Network};

use crate::{
    facts::header as names,
    pipeline::{Job, plan::prompt},
    snapshot::Target,
    telemetry,
};

/// Where calls come from of which a proxy says no address.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The header by which proxies tell who asked them.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Finds out for whom the call is made, and lets the levels above it look at it.
///
/// # Errors
/// `invalid_request`, `not_allowed`, `inactive_key`.
pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    scope(job)?;
    let Some(identity) = &job.identity else {
        return Ok(());
    };
    if !identity.screens {
        return Ok(());
    }
    if let Some(address) = job.context.peer {
        let proxies = &job.snapshot.config.server.trusted_proxies;
        let address = origin(proxies, address, &job.headers);
        if let Some(node) = identity.refuses_network(address) {
            let text = format!("{node} takes no calls from {address}");
            return Err(Error::new(Code::NotAllowed, text));
        }
    }
    let endpoint = job.endpoint.as_str();
    match identity.refuses_endpoint(endpoint) {
        Some(node) => {
            let text = format!("{node} may not ask for {endpoint:?}");
            Err(Error::new(Code::NotAllowed, text))
        }
        None => Ok(()),
    }
}

/// Finds out for whom the call is made, where it says so and somebody has a word for that.
fn scope(job: &mut Job) -> Result<(), Error> {
    let snapshot = &job.snapshot;
    let identities = &snapshot.identities;
    let mut named = Named::default();
    if job.context.scope.is_some() || identities.layered() {
        named = Named {
            customer: text(&job.headers, &names::CUSTOMER),
            team: text(&job.headers, &names::TEAM),
            user: text(&job.headers, &names::USER),
        };
    }
    let scoped = identities.scoped(job.identity.as_ref(), named);
    let (identity, _) = scoped.map_err(|stray| self::stray(&stray))?;
    let seconds = job.gateway.clock.unix_seconds();
    if let Some(node) = identity
        .as_ref()
        .and_then(|identity| identity.inactive(seconds))
    {
        return Err(inactive(node));
    }
    let asked = !matches!(job.endpoint, Endpoint::Models(_));
    let serves = asked && identities.asks_for_end_user(identity.as_ref());
    let user = (serves || telemetry::is_heard())
        .then(|| prompt::user(job))
        .flatten();
    let identity = if serves {
        let now = job.gateway.clock.moment();
        let serving = identities.serving(identity.as_ref(), user.as_deref(), now);
        Some(serving.ok_or_else(|| {
            let text = "the call must name its end user: `user`, or the header `x-tidegate-user`";
            Error::new(Code::InvalidRequest, text).with_param("user")
        })?)
    } else {
        identity
    };
    job.facts.user = user.map(Arc::from);
    job.identity = identity;
    Ok(())
}

/// Whether a call has to be looked at here: for nearly all it need not.
pub(super) fn concern(job: &Job) -> bool {
    let identities = &job.snapshot.identities;
    job.context.scope.is_some()
        || identities.layered()
        || job
            .identity
            .as_ref()
            .is_some_and(|identity| identity.screens)
        || identities.asks_for_end_user(job.identity.as_ref())
        || telemetry::is_heard()
}

fn stray(stray: &Stray) -> Error {
    match stray {
        Stray::Unknown(level, id) => {
            let level = level.as_str();
            let text = format!("no {level} is called {id:?}");
            Error::new(Code::InvalidRequest, text).with_param(level)
        }
        Stray::Elsewhere(level, id) => {
            let level = level.as_str();
            let text = format!(
                "the call cannot be made for {level} {id:?}: its caller, or what else it names, belongs elsewhere"
            );
            Error::new(Code::NotAllowed, text).with_param(level)
        }
    }
}

/// The error of a level that may not be used now.
pub(crate) fn inactive(node: &Node) -> Error {
    Error::new(
        Code::InactiveKey,
        format!("{node} is disabled or has expired"),
    )
}

/// Whether a caller may ask for a model by that name.
///
/// # Errors
/// `model_not_allowed`, which says at which level.
pub(crate) fn may_use(identity: Option<&Arc<Identity>>, model: &str) -> Result<(), Error> {
    match identity.and_then(|identity| identity.refuses_model(model)) {
        Some(node) => {
            let text = format!("{node} may not use {model:?}");
            Err(Error::new(Code::ModelNotAllowed, text).with_param("model"))
        }
        None => Ok(()),
    }
}

/// Whether a caller's calls may go to a target.
///
/// # Errors
/// `not_allowed`, `model_not_allowed`, which say at which level.
pub(crate) fn may_reach(identity: Option<&Arc<Identity>>, target: &Target) -> Result<(), Error> {
    let Some(identity) = identity.filter(|identity| identity.selects) else {
        return Ok(());
    };
    let provider = &target.provider.name;
    match identity.refuses_target(provider, &target.known_as) {
        Some((node, true)) => {
            let text = format!("{node} may not use the provider {provider:?}");
            Err(Error::new(Code::NotAllowed, text))
        }
        Some((node, false)) => {
            let text = format!("{node} may not use {:?}", target.label);
            Err(Error::new(Code::ModelNotAllowed, text).with_param("model"))
        }
        None => Ok(()),
    }
}

/// Where a call comes from: the peer, or whoever the proxies in front say asked them.
fn origin(proxies: &[Network], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut address = peer.to_canonical();
    let told = headers.get_all(&FORWARDED).iter().rev();
    let mut told = told.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    // What stands in front of an address that is not trusted, anybody may have written.
    while trusted(address) {
        match told.next() {
            Some(next) => address = parsed(next).unwrap_or(NOWHERE),
            None => break,
        }
    }
    address
}

/// `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parsed(told: &[u8]) -> Option<IpAddr> {
    let told = std::str::from_utf8(told).ok()?.trim();
    let alone = told.parse::<IpAddr>().ok();
    let with_port = || told.parse::<std::net::SocketAddr>().ok().map(|it| it.ip());
    let bracketed = || {
        told.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<IpAddr>()
            .ok()
    };
    let found = alone.or_else(with_port).or_else(bracketed);
    found.map(|address| address.to_canonical())
}

/// A header of ours as text; what end users are called may be any UTF-8.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let value = std::str::from_utf8(headers.get(name)?.as_bytes())
        .ok()?
        .trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_counts() {
        let proxies: Vec<Network> = ["10.0.0.0/8", "127.0.0.1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let told = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED, line.parse().unwrap());
            }
            origin(&proxies, peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(told("192.0.2.7", &["198.51.100.1"]), "192.0.2.7");
        assert_eq!(told("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(told("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            told("::ffff:127.0.0.1", &["198.51.100.1:4711"]),
            "198.51.100.1"
        );
        // Whoever asks may write what they like in front.
        assert_eq!(
            told("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(
            told("10.0.0.1", &["6.6.6.6", "[2001:db8::1]:80", "10.0.0.2"]),
            "2001:db8::1"
        );
        assert_eq!(told("10.0.0.1", &["10.0.0.9, 10.0.0.2"]), "10.0.0.9");
        assert_eq!(told("10.0.0.1", &["198.51.100.1, unknown"]), "0.0.0.0");
    }
}
