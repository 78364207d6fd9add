//! Money and limits of those who call: the ledger, and what is asked of a store that other engines
//! share.

mod link;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tidegate_policy::{
    Clock,
    identity::{Chain, Level},
    ledger::{self, Amounts, Ledger, Measure, Payers, Refusal, Reservation, Span},
};
use tidegate_types::{Code, Error, Money, config::Config};

use self::link::Link;
use crate::{snapshot::Target, tasks};

/// How often a call asks again for what others hold and may not need.
const MOST_WAITS: u32 = 6;
/// How long it waits in between.
const WAIT: Duration = Duration::from_millis(60);

/// The ledger with its clock, and the way to the store that it is shared in.
#[derive(Debug)]
pub(crate) struct Treasury {
    pub(crate) ledger: Arc<Ledger>,
    clock: Arc<Clock>,
    link: ArcSwapOption<Link>,
}

impl Treasury {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        Self {
            ledger: Arc::default(),
            clock,
            link: ArcSwapOption::empty(),
        }
    }

    /// Takes over which store a configuration names. True when budgets are shared.
    pub(crate) fn configure(&self, config: &Config) -> bool {
        let next = Link::of(config, &self.ledger, &self.clock);
        let current = self.link.load_full();
        let same = match (&current, &next) {
            (None, None) => true,
            (Some(current), Some(next)) => current.is_same(next),
            _ => false,
        };
        let shared = next.is_some();
        if !same {
            self.link.store(next);
            if let Some(left) = current {
                tasks::spawn(async move { left.close().await });
            }
        }
        shared
    }

    /// Gives back what was borrowed and is not needed any more.
    pub(crate) async fn close(&self) {
        if let Some(link) = self.link.load_full() {
            link.close().await;
        }
    }

    /// Holds back what a try at `target` takes at most, at every level or at none.
    ///
    /// # Errors
    /// `budget_exhausted` or `rate_limited`, with the time until there is enough room;
    /// `store_unavailable`.
    pub(crate) async fn reserve(
        &self,
        chain: &Chain,
        target: &Target,
        amounts: Amounts,
    ) -> Result<Reservation, Short> {
        let provider = &*target.provider.name;
        let payers = chain.payers_with(provider);
        match self.try_reserve(&payers, &target.label, amounts) {
            Ok(held) => Ok(held),
            Err(ledger::Short::Refused(refusal)) => Err(Short::of(chain, provider, &refusal)),
            Err(ledger::Short::Lacking { .. }) => {
                let borrowed = self.borrow(chain, provider, &payers, &target.label, amounts);
                Box::pin(borrowed).await
            }
        }
    }

    /// As [`Treasury::reserve`] where nobody can wait: what is lacking is asked for meanwhile.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn reserve_now(
        &self,
        chain: &Chain,
        target: &Target,
        amounts: Amounts,
    ) -> Result<Reservation, Short> {
        let provider = &*target.provider.name;
        self.reserve_of(
            chain,
            provider,
            &chain.payers_with(provider),
            &target.label,
            amounts,
        )
    }

    fn reserve_of(
        &self,
        chain: &Chain,
        provider: &str,
        payers: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
    ) -> Result<Reservation, Short> {
        let held = self.try_reserve(payers, label, amounts);
        held.map_err(|short| match short {
            ledger::Short::Refused(refusal) => Short::of(chain, provider, &refusal),
            ledger::Short::Lacking { refusal, .. } => {
                if let Some(link) = self.link.load_full() {
                    tasks::spawn(async move { drop(link.exchange(false).await) });
                }
                let short = Short::of(chain, provider, &refusal);
                Short {
                    error: short.error.with_retry_after(WAIT),
                    ..short
                }
            }
        })
    }

    fn try_reserve(
        &self,
        payers: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
    ) -> Result<Reservation, ledger::Short> {
        if let Some(link) = &*self.link.load() {
            link.wake();
        }
        self.ledger
            .reserve(payers, label, amounts, self.clock.moment())
    }

    /// Asks the store for what is lacking.
    async fn borrow(
        &self,
        chain: &Chain,
        provider: &str,
        payers: &Payers,
        label: &Arc<str>,
        amounts: Amounts,
    ) -> Result<Reservation, Short> {
        let mut waits = 0;
        loop {
            let (refusal, others_hold, open) = match self.try_reserve(payers, label, amounts) {
                Ok(held) => return Ok(held),
                Err(ledger::Short::Refused(refusal)) => {
                    return Err(Short::of(chain, provider, &refusal));
                }
                Err(ledger::Short::Lacking {
                    refusal,
                    others_hold,
                    open,
                }) => (refusal, others_hold, open),
            };
            // The first time something was only lacking here; later the store had no more.
            if waits > 0 {
                if !others_hold || waits > MOST_WAITS {
                    return Err(Short::of(chain, provider, &refusal));
                }
                tokio::time::sleep(WAIT).await;
            }
            waits += 1;
            let Some(link) = self.link.load_full() else {
                return Err(Short::of(chain, provider, &refusal));
            };
            if let Err(error) = link.exchange(false).await {
                if open {
                    let now = self.clock.moment();
                    return Ok(self.ledger.reserve_anyway(payers, label, amounts, now));
                }
                let text = format!("the store of budgets and limits is unavailable: {error}");
                let error = Error::new(Code::StoreUnavailable, text).with_retry_after(WAIT);
                return Err(Short { here: false, error });
            }
        }
    }

    /// Whether that much could be held back now. Nothing changes.
    ///
    /// # Errors
    /// As [`Treasury::reserve`], as far as it can be told without a store.
    pub(crate) fn look(
        &self,
        chain: &Chain,
        target: &Target,
        amounts: Amounts,
    ) -> Result<(), Short> {
        let provider = &*target.provider.name;
        let payers = chain.payers_with(provider);
        let now = self.clock.moment();
        let room = self
            .ledger
            .would_reserve(&payers, &target.label, &amounts, now);
        room.map_err(|refusal| Short::of(chain, provider, &refusal))
    }

    /// Counts a call that comes in against every limit of requests, or against none.
    ///
    /// # Errors
    /// `rate_limited`, `store_unavailable`.
    pub(crate) async fn count(&self, chain: &Chain) -> Result<(), Error> {
        let payers = chain.payers();
        if !counts_requests(payers) {
            return Ok(());
        }
        let none: Arc<str> = Arc::from("");
        let counted = match self.try_reserve(payers, &none, Amounts::ONE_CALL) {
            Err(ledger::Short::Lacking { .. }) => {
                Box::pin(self.borrow(chain, "", payers, &none, Amounts::ONE_CALL)).await
            }
            Err(ledger::Short::Refused(refusal)) => Err(Short::of(chain, "", &refusal)),
            Ok(counted) => Ok(counted),
        };
        let counted = counted.map_err(|short| short.error)?;
        counted.settle(Amounts::ONE_CALL, self.clock.moment());
        Ok(())
    }

    /// Counts a try at `provider` by what the levels say of that alone.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(crate) fn count_at(&self, chain: &Chain, provider: &str) -> Result<(), Error> {
        let payers = chain.payers_at(provider);
        if !counts_requests(&payers) {
            return Ok(());
        }
        let none: Arc<str> = Arc::from("");
        let counted = self.reserve_of(chain, provider, &payers, &none, Amounts::ONE_CALL);
        let counted = counted.map_err(|short| short.error)?;
        counted.settle(Amounts::ONE_CALL, self.clock.moment());
        Ok(())
    }

    /// Whether a call could be counted now; a try at a provider where one is named. Nothing changes.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(crate) fn would_count(&self, chain: &Chain, provider: Option<&str>) -> Result<(), Error> {
        let payers = match provider {
            Some(provider) => &chain.payers_at(provider),
            None => chain.payers(),
        };
        let now = self.clock.moment();
        let room = self
            .ledger
            .would_reserve(payers, "", &Amounts::ONE_CALL, now);
        let provider = provider.unwrap_or_default();
        room.map_err(|refusal| Short::of(chain, provider, &refusal).error)
    }

    /// Refuses a call whose caller has nothing left, before any work is done.
    ///
    /// # Errors
    /// `budget_exhausted` or `rate_limited`.
    pub(crate) fn admit(&self, chain: &Chain) -> Result<(), Error> {
        let exhausted = self.ledger.exhausted(chain.payers(), self.clock.moment());
        exhausted.map_or(Ok(()), |refusal| Err(Short::of(chain, "", &refusal).error))
    }

    /// Ends a reservation with what was really taken.
    pub(crate) fn settle(&self, held: Reservation, amounts: Amounts) {
        held.settle(amounts, self.clock.moment());
    }

    /// Counts what was taken at `label` without having been held back.
    pub(crate) fn charge(&self, chain: &Chain, label: &Arc<str>, amounts: Amounts) {
        let provider = label.split('/').next().unwrap_or_default();
        let payers = chain.payers_with(provider);
        self.ledger
            .charge(&payers, label, amounts, self.clock.moment());
    }
}

fn counts_requests(payers: &Payers) -> bool {
    payers
        .iter()
        .any(|account| account.counts(Measure::Requests))
}

/// What a level says that has not enough for a try.
#[derive(Debug)]
pub(crate) struct Short {
    /// Whether it says so of that provider alone: another one may be asked.
    pub(crate) here: bool,
    /// `budget_exhausted`, `rate_limited` or `store_unavailable`.
    pub(crate) error: Error,
}

impl Short {
    fn of(chain: &Chain, provider: &str, refusal: &Refusal) -> Self {
        let owner = chain.owner(provider, &refusal.account);
        Self {
            here: owner.is_some_and(|node| node.level == Level::Provider),
            error: match owner {
                Some(node) => refused(&node.to_string(), refusal),
                None => refused(&refusal.account, refusal),
            },
        }
    }
}

fn time(span: &Span) -> String {
    match span {
        Span::Sliding(length) => format!(" per {length:?}"),
        Span::Calendar(calendar) => format!(" per {:?}", calendar.unit).to_lowercase(),
        Span::Ever => String::new(),
    }
}

/// The error of a call that does not fit.
fn refused(who: &str, refusal: &Refusal) -> Error {
    let Refusal {
        limit,
        used,
        wanted,
        ..
    } = *refusal;
    let per = time(&refusal.span);
    let error = match refusal.measure {
        Measure::Money => {
            let [limit, used, wanted] = [limit, used, wanted].map(Money::from_nanos);
            let (code, what) = if refusal.budget {
                (
                    Code::BudgetExhausted,
                    format!("has a budget of ${limit}{per}"),
                )
            } else {
                (Code::RateLimited, format!("may spend ${limit}{per}"))
            };
            let text = format!(
                "{who} {what}, of which ${used} is spent or reserved; this call could cost up to ${wanted}"
            );
            Error::new(code, text)
        }
        Measure::Requests => Error::new(
            Code::RateLimited,
            format!("{who} may make {limit} requests{per}"),
        ),
        measure => {
            let name = measure.name().replace('_', " ");
            let text = format!(
                "{who} may use {limit} {name}{per}, of which {used} are used or reserved; this call could \
                 take up to {wanted}"
            );
            Error::new(Code::RateLimited, text)
        }
    };
    match refusal.retry_after {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}
