//! Prices in the form in which they are reckoned with.

use crate::{
    Money, Service,
    config::{Dimension, Price},
};

/// What each dimension costs, in nano-dollars per million units; `None` where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates([Option<i64>; Dimension::COUNT]);

impl Default for Rates {
    fn default() -> Self {
        Self([None; Dimension::COUNT])
    }
}

impl Rates {
    /// Nano-dollars per million units of `dimension`.
    pub fn get(&self, dimension: Dimension) -> Option<i64> {
        self.0[dimension as usize]
    }

    /// Sets what `dimension` costs in nano-dollars per million units.
    pub fn set(&mut self, dimension: Dimension, rate: i64) {
        self.0[dimension as usize] = Some(rate);
    }

    /// The price of `dimension` per unit or per million units, as configuration writes it. What has
    /// more than nine decimals is rounded.
    pub fn price(&self, dimension: Dimension) -> Option<Money> {
        let rate = self.get(dimension)?;
        Some(Money::from_nanos(rate / (1_000_000 / dimension.per())))
    }

    /// These, and those of `base` where these say nothing.
    pub fn or(mut self, base: &Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(base.0) {
            *own = own.or(other);
        }
        self
    }

    /// True when nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    fn read(price: impl Fn(Dimension) -> Option<Money>) -> Self {
        let mut rates = Self::default();
        for dimension in Dimension::ALL {
            if let Some(amount) = price(*dimension) {
                rates.set(
                    *dimension,
                    amount.nanos().saturating_mul(1_000_000 / dimension.per()),
                );
            }
        }
        rates
    }
}

/// When a set of rates holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct When {
    /// The service that answers.
    pub service: Service,
    /// Prompts, cached tokens included, with more tokens than this.
    pub above: u64,
    /// From this moment on, in seconds since 1970.
    pub since: i64,
    /// Between these minutes of the day in UTC, the second excluded; across midnight when it is the
    /// smaller.
    pub hours: Option<(u16, u16)>,
}

impl When {
    /// Whether they hold at this moment, in seconds since 1970.
    pub fn is_now(&self, now: i64) -> bool {
        let minute = now.rem_euclid(86_400) / 60;
        let within = self.hours.is_none_or(|(from, to)| {
            let (from, to) = (i64::from(from), i64::from(to));
            if from <= to {
                (from..to).contains(&minute)
            } else {
                minute >= from || minute < to
            }
        });
        within && now >= self.since
    }
}

/// Rates and when they hold. Of several that do, the last in a list counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// When they hold.
    pub when: When,
    /// All of them: nothing is inherited from other terms.
    pub rates: Rates,
}

impl Price {
    /// The terms it means, the general ones first.
    pub fn terms(&self) -> Vec<Terms> {
        let base = Rates::read(|dimension| self.get(dimension));
        let mut terms = Vec::with_capacity(1 + self.tiers.len());
        self.add_terms(Service::Standard, &base, &mut terms);
        for (service, price) in &self.services {
            let own = Rates::read(|dimension| price.get(dimension)).or(&base);
            price.add_terms(*service, &own, &mut terms);
        }
        terms
    }

    fn add_terms(&self, service: Service, base: &Rates, terms: &mut Vec<Terms>) {
        let at = |above, rates| Terms {
            when: When {
                service,
                above,
                ..When::default()
            },
            rates,
        };
        terms.push(at(0, *base));
        let mut tiers: Vec<_> = self.tiers.iter().collect();
        tiers.sort_by_key(|tier| tier.above);
        for tier in tiers {
            let rates = Rates::read(|dimension| tier.get(dimension)).or(base);
            terms.push(at(tier.above, rates));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_price_becomes_terms_that_inherit() {
        let price: Price = serde_json::from_str(
            r#"{"input":1,"output":2,"second":"0.0001","tiers":[{"above":200000,"input":2},{"above":100,"output":3}],
                "services":{"flex":{"input":0.5}}}"#,
        )
        .unwrap();
        let terms = price.terms();
        let seen: Vec<_> = terms
            .iter()
            .map(|terms| {
                let rate = |dimension| terms.rates.price(dimension).unwrap().to_string();
                (
                    terms.when.service.as_str(),
                    terms.when.above,
                    rate(Dimension::Input),
                    rate(Dimension::Output),
                    rate(Dimension::Second),
                )
            })
            .collect();
        let text = |service, above, input: &str, output: &str| {
            (
                service,
                above,
                input.to_owned(),
                output.to_owned(),
                "0.0001".to_owned(),
            )
        };
        assert_eq!(
            seen,
            [
                text("standard", 0, "1", "2"),
                text("standard", 100, "1", "3"),
                text("standard", 200_000, "2", "2"),
                text("flex", 0, "0.5", "2"),
            ]
        );
    }

    #[test]
    fn hours_of_the_day_may_cross_midnight() {
        let at = |from, to, hour: i64| {
            When {
                hours: Some((from, to)),
                ..When::default()
            }
            .is_now(1_790_000_000 / 86_400 * 86_400 + hour * 3_600)
        };
        assert!(at(60, 240, 1) && at(60, 240, 3) && !at(60, 240, 4) && !at(60, 240, 0));
        assert!(at(990, 30, 17) && at(990, 30, 0) && !at(990, 30, 1));
    }
}
