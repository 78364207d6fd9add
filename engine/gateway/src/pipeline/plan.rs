//! Stage 6: in which order the route's targets are tried. Pure: no I/O.

pub(crate) mod needs;
pub(crate) mod prompt;
mod scene;
mod why;

use std::sync::Arc;

use tidegate_policy::{
    Tick,
    rng::Rng,
    route::{Group, Node, Order, Strategy},
};
use tidegate_types::{Code, Error, config::Level};

use super::{Job, authenticate::levels, lifecycle};
use crate::snapshot::{Route, Target};
pub(super) use scene::{Scene, Unfit};
pub(super) use why::{Notes, Why};

/// What is tried, in order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Positions of targets: the route's, then those of the call's own fallbacks.
    pub(crate) order: Order,
    /// Where in `order` the fallbacks begin.
    pub(crate) fallbacks_at: usize,
    /// Targets of the call's own fallbacks.
    pub(crate) own: Vec<Arc<Target>>,
    /// The beginnings of the prompt, where a group of the route remembers them.
    pub(crate) beginnings: prompt::Beginnings,
}

impl Plan {
    /// The target at a position of the order.
    pub(crate) fn target(&self, route: &Route, position: u16) -> Option<Arc<Target>> {
        let position = usize::from(position);
        let own = || self.own.get(position - route.targets.len());
        route.targets.get(position).or_else(own).cloned()
    }
}

/// Targets by strategy, then the call's own fallbacks or else the route's, as written.
pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    let Some(route) = job.route.clone() else {
        return Ok(());
    };
    let mut rng = job.rng.clone();
    job.plan = make(job, &route, &mut rng, Why::Unasked)?;
    job.rng = rng;
    lifecycle::narrow(job)
}

/// The plan of a call, drawn with `rng`.
pub(super) fn make(
    job: &Job,
    route: &Arc<Route>,
    rng: &mut Rng,
    why: Why<'_>,
) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    if route.remembers {
        plan.beginnings = prompt::beginnings(job);
    }
    let scene = Scene::new(job, route, &plan.beginnings, why);
    route.group.order(&scene, rng, &mut plan.order);
    plan.fallbacks_at = plan.order.len();
    if job.context.fallbacks.is_empty() {
        append(&route.fallbacks, &scene, rng, &mut plan.order);
    }
    drop(scene);
    for name in &job.context.fallbacks {
        own_fallback(job, route, name, rng, &mut plan, why)?;
    }
    if plan.order.is_empty() {
        return Err(none_fits(route));
    }
    Ok(plan)
}

/// The targets of a chain.
pub(super) fn chain(
    job: &Job,
    route: &Route,
    nodes: &[Node],
    rng: &mut Rng,
    why: Why<'_>,
) -> Order {
    let mut order = Order::new();
    let scene = Scene::new(job, route, &job.plan.beginnings, why);
    append(nodes, &scene, rng, &mut order);
    order
}

/// Takes note that a target answered, for groups that send the same prompt to the same target.
pub(super) fn answered(job: &Job, route: &Route, position: u16, now: Tick) {
    fn visit(group: &Group, position: u16, tell: &mut dyn FnMut(&Strategy)) -> bool {
        let holds = group.members.iter().any(|member| match &member.node {
            Node::Target(target) => *target == position,
            Node::Group(inner) => visit(inner, position, tell),
        });
        if holds {
            tell(&group.strategy);
        }
        holds
    }
    if route.remembers {
        visit(&route.group, position, &mut |strategy| {
            if let Strategy::CacheAffinity(memory) = strategy {
                memory.remember(&job.plan.beginnings, position, now);
            }
        });
    }
}

/// Whoever judges what a panel said, then the route's fallbacks.
pub(super) fn judges(job: &Job, route: &Route, judges: &[Node]) -> Order {
    let mut order = Order::new();
    let mut rng = job.rng.clone();
    let scene = Scene::new(job, route, &[], Why::Unasked);
    append(judges, &scene, &mut rng, &mut order);
    append(&route.fallbacks, &scene, &mut rng, &mut order);
    order
}

fn append(nodes: &[Node], scene: &Scene<'_>, rng: &mut Rng, order: &mut Order) {
    use tidegate_policy::route::View as _;
    for node in nodes {
        match node {
            Node::Target(target) if scene.fits(*target) => order.push(*target),
            Node::Target(_) => {}
            Node::Group(group) => group.order(scene, rng, order),
        }
    }
}

/// A fallback that the call names itself: whatever its caller may use.
fn own_fallback(
    job: &Job,
    route: &Route,
    name: &str,
    rng: &mut Rng,
    plan: &mut Plan,
    why: Why<'_>,
) -> Result<(), Error> {
    let other = job
        .snapshot
        .resolve(name, None)
        .map_err(|error| error.with_param("fallbacks"))?;
    levels::may_use(job.identity.as_ref(), &other.name)
        .map_err(|error| error.with_param("fallbacks"))?;
    let mut order = Order::new();
    let scene = Scene::new(job, &other, &plan.beginnings, why.silently());
    other.group.order(&scene, rng, &mut order);
    for target in order {
        let position = u16::try_from(route.targets.len() + plan.own.len());
        if let (Ok(position), Some(target)) = (position, other.targets.get(usize::from(target))) {
            plan.own.push(Arc::clone(target));
            plan.order.push(position);
        }
    }
    Ok(())
}

fn none_fits(route: &Route) -> Error {
    if route.targets.is_empty() {
        let text = format!("route {:?} has no target that can be used", route.name);
        return Error::new(Code::NoHealthyTarget, text);
    }
    let text = format!(
        "no target of {:?} takes this request: it is longer than their `max_input_tokens`, needs \
         what their `capabilities` deny, or no target carries all of its tags",
        route.name
    );
    Error::new(Code::Unsupported, text)
}

/// How demanding the request is, for routes whose own strategy asks.
pub(super) fn level(job: &Job, route: &Route) -> Option<&'static str> {
    use tidegate_policy::route::View as _;
    let Strategy::Complexity(demands) = &route.group.strategy else {
        return None;
    };
    let scene = Scene::new(job, route, &[], Why::Silent);
    Some(level_name(scene.level(demands)))
}

pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::Simple => "simple",
        Level::Medium => "medium",
        Level::Complex => "complex",
    }
}
