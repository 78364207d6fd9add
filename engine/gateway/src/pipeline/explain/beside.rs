//! What is asked beside the targets: a judge of what they say, and whoever gets a copy.

use std::sync::Arc;

use tidegate_policy::rng::Rng;

use super::targets;
use crate::{
    explain::{PanelSeen, ShadowSeen},
    pipeline::{
        Job, ensemble,
        plan::{self, Notes, Why},
        shadow,
    },
    snapshot::Route,
};

/// Whether a panel is asked, and who judges.
pub(super) fn panel(job: &Job, route: &Route, notes: &Notes) -> Option<PanelSeen> {
    let ensemble = route.ensemble.as_ref()?;
    let because = ensemble::unasked(job);
    let order = plan::judges(job, route, &ensemble.judges);
    Some(PanelSeen {
        asked: because.is_none(),
        because: because.map(str::to_owned),
        quorum: ensemble.quorum,
        judges: targets::look(job, route, &order, notes, &[]),
    })
}

/// Where a copy would go.
pub(super) fn copies(job: &Job) -> Option<ShadowSeen> {
    let of = shadow::shadowed(job)?;
    let shadow = of.shadow.as_ref()?;
    let running = shadow.tally.running();
    let because = shadow::uncopied(job).or_else(|| {
        if shadow.sample <= 0.0 {
            Some("`sample` is 0")
        } else {
            (running >= shadow.most).then_some("as many copies run as may")
        }
    });
    let mut copy = shadow::copied(job, shadow);
    let route = Arc::clone(&shadow.route);
    let notes = Notes::default();
    let mut rng = Rng::with_seed(targets::SEED);
    let plan = plan::make(&copy, &route, &mut rng, Why::Noted(&notes));
    let targets = match plan {
        Ok(plan) => {
            let order = plan.order.clone();
            copy.plan = plan;
            targets::look(&copy, &route, &order, &notes, &[])
        }
        Err(_) => targets::outside(&copy, &route, super::members(&route), &notes),
    };
    Some(ShadowSeen {
        of: of.name.to_string(),
        sample: shadow.sample,
        at_once: shadow.most,
        running,
        key: shadow.payer.as_ref().map(|key| key.id.to_string()),
        because: because.map(str::to_owned),
        targets,
    })
}
