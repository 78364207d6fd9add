//! The stretches of time that limits speak of.

use std::time::Duration;

use jiff::{Timestamp, ToSpan, Zoned, civil, tz::TimeZone};

use crate::clock::Moment;

/// Over which time something is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// The last so many seconds, at any moment.
    Sliding(Duration),
    /// A period of the calendar, from its beginning.
    Calendar(Calendar),
    /// All time.
    Ever,
}

/// Periods of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// How long a period is.
    pub unit: Unit,
    /// Whose midnight counts.
    pub zone: TimeZone,
    /// Where in a unit a period begins: the hour of the day, the day of the week (0 is Monday), the day
    /// of the month or the month of the year (1 is the first; a day that a month lacks is its last).
    pub starts: i8,
}

/// Lengths of a calendar's periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// From minute 0.
    Hour,
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// From January.
    Year,
}

/// From `start`, up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// Its first moment.
    pub start: Moment,
    /// The first moment of the next one.
    pub end: Moment,
}

impl Period {
    /// Whether a moment lies in it.
    pub fn has(&self, moment: Moment) -> bool {
        self.start <= moment && moment < self.end
    }
}

impl Span {
    /// The period that `now` lies in; all time where there are none.
    pub fn period(&self, now: Moment) -> Period {
        let whole = Period {
            start: Moment(0),
            end: Moment(u64::MAX),
        };
        match self {
            Self::Calendar(calendar) => calendar.period(now).unwrap_or(whole),
            Self::Sliding(_) | Self::Ever => whole,
        }
    }
}

impl Calendar {
    /// `None` beyond the years that calendars are made for.
    fn period(&self, now: Moment) -> Option<Period> {
        let stamp = Timestamp::from_nanosecond(i128::from(now.0)).ok()?;
        let local = stamp.to_zoned(self.zone.clone());
        if self.unit == Unit::Hour {
            let into = i64::from(local.minute()) * 60 + i64::from(local.second());
            let start = stamp.as_second().checked_sub(into)?;
            let start = u64::try_from(start).ok()?.checked_mul(1_000_000_000)?;
            return Some(Period {
                start: Moment(start),
                end: Moment(start.checked_add(3_600_000_000_000)?),
            });
        }
        let mut first = self.first(local.date())?;
        if self.at(first)? > local {
            first = self.first(self.step(first, -1)?)?;
        }
        let next = self.first(self.step(first, 1)?)?;
        Some(Period {
            start: moment(&self.at(first)?)?,
            end: moment(&self.at(next)?)?,
        })
    }

    /// The day on which the unit's period that `date` is in begins.
    fn first(&self, date: civil::Date) -> Option<civil::Date> {
        match self.unit {
            Unit::Hour | Unit::Day => Some(date),
            Unit::Week => {
                let since = (date.weekday().to_monday_zero_offset() - self.starts).rem_euclid(7);
                date.checked_sub(i64::from(since).days()).ok()
            }
            Unit::Month => {
                let day = self.starts.clamp(1, date.days_in_month());
                civil::Date::new(date.year(), date.month(), day).ok()
            }
            Unit::Year => civil::Date::new(date.year(), self.starts.clamp(1, 12), 1).ok(),
        }
    }

    fn step(&self, date: civil::Date, by: i64) -> Option<civil::Date> {
        let span = match self.unit {
            Unit::Hour | Unit::Day => by.days(),
            Unit::Week => (7 * by).days(),
            // The first, lest 31 January and a month be in March.
            Unit::Month => return date.first_of_month().checked_add(by.months()).ok(),
            Unit::Year => by.years(),
        };
        date.checked_add(span).ok()
    }

    /// When that day's period begins by the zone's clocks.
    fn at(&self, date: civil::Date) -> Option<Zoned> {
        let hour = if self.unit == Unit::Day {
            self.starts
        } else {
            0
        };
        date.at(hour.clamp(0, 23), 0, 0, 0)
            .to_zoned(self.zone.clone())
            .ok()
    }
}

fn moment(zoned: &Zoned) -> Option<Moment> {
    let nanos = zoned.timestamp().as_nanosecond();
    Some(Moment(u64::try_from(nanos.max(0)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Moment {
        let stamp: Timestamp = text.parse().unwrap();
        Moment(u64::try_from(stamp.as_nanosecond()).unwrap())
    }

    fn calendar(unit: Unit, zone: &str, starts: i8) -> Span {
        let zone = TimeZone::get(zone).unwrap();
        Span::Calendar(Calendar { unit, zone, starts })
    }

    #[test]
    fn periods_begin_by_the_clocks_of_their_zone() {
        let cases = [
            (
                Unit::Day,
                "UTC",
                0,
                "2026-11-28T09:00:00Z",
                "2026-11-28T00:00:00Z",
                "2026-11-29T00:00:00Z",
            ),
            (
                Unit::Day,
                "UTC",
                10,
                "2026-11-28T09:00:00Z",
                "2026-11-27T10:00:00Z",
                "2026-11-28T10:00:00Z",
            ),
            // The days on which clocks change have 23 and 25 hours.
            (
                Unit::Day,
                "Europe/Berlin",
                0,
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                Unit::Day,
                "Europe/Berlin",
                0,
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                Unit::Week,
                "UTC",
                0,
                "2026-11-28T09:00:00Z",
                "2026-11-23T00:00:00Z",
                "2026-11-30T00:00:00Z",
            ),
            (
                Unit::Week,
                "UTC",
                6,
                "2026-11-28T09:00:00Z",
                "2026-11-22T00:00:00Z",
                "2026-11-29T00:00:00Z",
            ),
            (
                Unit::Month,
                "UTC",
                1,
                "2028-02-29T23:59:59Z",
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                Unit::Month,
                "UTC",
                31,
                "2027-02-28T12:00:00Z",
                "2027-02-28T00:00:00Z",
                "2027-03-31T00:00:00Z",
            ),
            (
                Unit::Month,
                "UTC",
                31,
                "2027-02-27T12:00:00Z",
                "2027-01-31T00:00:00Z",
                "2027-02-28T00:00:00Z",
            ),
            (
                Unit::Month,
                "Asia/Kolkata",
                15,
                "2026-11-14T18:29:59Z",
                "2026-10-14T18:30:00Z",
                "2026-11-14T18:30:00Z",
            ),
            (
                Unit::Year,
                "UTC",
                4,
                "2026-03-31T23:00:00Z",
                "2025-04-01T00:00:00Z",
                "2026-04-01T00:00:00Z",
            ),
            (
                Unit::Hour,
                "Asia/Kolkata",
                0,
                "2026-11-28T09:45:00Z",
                "2026-11-28T09:30:00Z",
                "2026-11-28T10:30:00Z",
            ),
        ];
        for (unit, zone, starts, now, start, end) in cases {
            let period = calendar(unit, zone, starts).period(at(now));
            let wanted = Period {
                start: at(start),
                end: at(end),
            };
            assert_eq!(period, wanted, "{unit:?} {zone} {starts} {now}");
        }
    }

    proptest! {
        #[test]
        fn periods_cover_all_time_and_follow_one_another(
            second in 0u64..4_000_000_000,
            unit in prop::sample::select(vec![Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year]),
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
            starts in 0i8..32,
        ) {
            let span = calendar(unit, zone, starts);
            let now = Moment(second * 1_000_000_000);
            let period = span.period(now);
            prop_assert!(period.has(now), "{period:?}");
            prop_assert_eq!(span.period(period.end).start, period.end);
            prop_assert_eq!(span.period(Moment(period.end.0 - 1)), period);
        }
    }
}
