use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use tidegate_types::Money;

use super::{
    cell::{Cell, Parts, Written},
    *,
};

const SECOND: u64 = 1_000_000_000;
/// 2026-11-28T00:00:00Z.
const DAY: u64 = 1_795_824_000 * SECOND;

fn rule(limit: i64, span: Span) -> Rule {
    Rule {
        measure: Measure::Money,
        limit,
        span,
        hard: true,
        budget: true,
        models: Vec::new(),
        open: false,
    }
}

fn minute(limit: i64) -> Rule {
    rule(limit, Span::Sliding(Duration::from_mins(1)))
}

fn money(nanos: i64) -> Amounts {
    Amounts::money(Money::from_nanos(nanos))
}

fn chain(ledger: &Ledger, rules: &[(&str, Vec<Rule>)], shared: bool) -> Payers {
    let accounts = rules.iter();
    accounts
        .map(|(name, rules)| ledger.configure(name, rules.clone(), shared, Moment(1)))
        .collect()
}

fn label() -> Arc<str> {
    Arc::from("mock/m")
}

#[test]
fn concurrent_reservations_never_overshoot_together() {
    let ledger = Arc::new(Ledger::default());
    let outer = ("team", vec![rule(1_000, Span::Ever)]);
    let inner = [("key-a", vec![minute(700)]), ("key-b", vec![minute(600)])];
    let chains: Vec<Payers> = inner
        .into_iter()
        .map(|inner| chain(&ledger, &[outer.clone(), inner], false))
        .collect();
    let spent: i64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (ledger, chain) = (Arc::clone(&ledger), chains[number % 2].clone());
                scope.spawn(move || {
                    let mut spent = 0;
                    for _ in 0..1_000 {
                        if let Ok(held) = ledger.reserve(&chain, &label(), money(7), Moment(DAY)) {
                            held.settle(money(7), Moment(DAY));
                            spent += 7;
                        }
                    }
                    spent
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(spent, 994);
    let left = chains
        .iter()
        .map(|chain| chain[1].standing(Moment(DAY))[0].spent);
    assert_eq!(left.sum::<i64>(), 994);
}

#[test]
fn a_refusal_names_the_account_and_when_there_is_room_again() {
    let ledger = Arc::new(Ledger::default());
    let zone = jiff::tz::TimeZone::UTC;
    let day = Span::Calendar(Calendar {
        unit: Unit::Day,
        zone,
        starts: 0,
    });
    let chain = chain(
        &ledger,
        &[
            ("team/x", vec![rule(100, day)]),
            ("key/y", vec![minute(1_000)]),
        ],
        false,
    );
    let at = Moment(DAY + 3_600 * SECOND);
    let held = ledger.reserve(&chain, &label(), money(60), at).unwrap();
    let Err(Short::Refused(refusal)) = ledger.reserve(&chain, &label(), money(41), at) else {
        panic!("it fits");
    };
    assert_eq!(
        (&*refusal.account, refusal.used, refusal.wanted),
        ("team/x", 60, 41)
    );
    assert_eq!(refusal.retry_after, Some(Duration::from_hours(23)));
    // Nothing of a refused call is left anywhere.
    assert_eq!(chain[1].standing(at)[0].reserved, 60);
    held.settle(money(10), at);
    assert!(ledger.reserve(&chain, &label(), money(90), at).is_ok());
    let next = Moment(DAY + 86_400 * SECOND);
    assert!(ledger.reserve(&chain, &label(), money(100), next).is_ok());
}

#[test]
fn a_call_that_ends_in_another_period_is_counted_in_its_own() {
    let ledger = Arc::new(Ledger::default());
    let zone = jiff::tz::TimeZone::UTC;
    let day = Span::Calendar(Calendar {
        unit: Unit::Day,
        zone,
        starts: 0,
    });
    let chain = chain(&ledger, &[("k", vec![rule(100, day)])], false);
    let (evening, morning) = (Moment(DAY - SECOND), Moment(DAY + SECOND));
    let late = ledger
        .reserve(&chain, &label(), money(100), evening)
        .unwrap();
    let early = ledger
        .reserve(&chain, &label(), money(70), morning)
        .unwrap();
    late.settle(money(100), morning);
    let standing = chain[0].standing(morning).remove(0);
    assert_eq!((standing.spent, standing.reserved), (0, 70));
    early.settle(money(70), morning);
    assert_eq!(chain[0].standing(morning)[0].spent, 70);
}

#[test]
fn a_clock_that_is_set_back_refills_nothing() {
    for span in [
        Span::Sliding(Duration::from_hours(1)),
        Span::Calendar(Calendar {
            unit: Unit::Hour,
            zone: jiff::tz::TimeZone::UTC,
            starts: 0,
        }),
        Span::Ever,
    ] {
        let ledger = Arc::new(Ledger::default());
        let chain = chain(&ledger, &[("k", vec![rule(100, span)])], false);
        let far = Moment(DAY + 1_000 * 86_400 * SECOND);
        ledger.charge(&chain, &label(), money(100), far);
        let now = Moment(DAY);
        assert!(ledger.reserve(&chain, &label(), money(1), now).is_err());
        let later = now.plus(Duration::from_hours(3));
        let free = ledger.reserve(&chain, &label(), money(1), later).is_ok();
        assert_eq!(
            free,
            !matches!(chain[0].standing(later)[0].rule.span, Span::Ever)
        );
    }
}

#[test]
fn limits_count_calls_and_tokens_beside_money() {
    let ledger = Arc::new(Ledger::default());
    let per = Span::Sliding(Duration::from_mins(1));
    let mut requests = rule(2, per.clone());
    (requests.measure, requests.budget) = (Measure::Requests, false);
    let mut tokens = rule(1_000, per);
    (tokens.measure, tokens.budget) = (Measure::Tokens, false);
    tokens.models = vec!["mock/*".to_owned()];
    let chain = chain(&ledger, &[("k", vec![requests, tokens])], false);
    let now = Moment(DAY);
    ledger
        .reserve(&chain, &label(), Amounts::ONE_CALL, now)
        .unwrap()
        .settle(Amounts::ONE_CALL, now);
    let call = Amounts {
        input: 300,
        output: 500,
        ..Amounts::default()
    };
    let held = ledger.reserve(&chain, &label(), call, now).unwrap();
    let other: Arc<str> = Arc::from("other/m");
    assert!(ledger.reserve(&chain, &other, call, now).is_ok());
    let Err(Short::Refused(refusal)) = ledger.reserve(&chain, &label(), call, now) else {
        panic!("it fits");
    };
    assert_eq!(
        (refusal.measure, refusal.budget, refusal.used),
        (Measure::Tokens, false, 800)
    );
    held.settle(
        Amounts {
            input: 290,
            output: 10,
            ..Amounts::default()
        },
        now,
    );
    assert!(
        ledger
            .reserve(&chain, &label(), Amounts { input: 700, ..call }, now)
            .is_err()
    );
    assert!(
        ledger
            .reserve(&chain, &label(), Amounts { input: 200, ..call }, now)
            .is_ok()
    );
    ledger
        .reserve(&chain, &label(), Amounts::ONE_CALL, now)
        .unwrap()
        .settle(Amounts::ONE_CALL, now);
    assert!(
        ledger
            .reserve(&chain, &label(), Amounts::ONE_CALL, now)
            .is_err()
    );
}

/// A store in this process's memory, and what engines wrote down.
#[derive(Debug, Default)]
struct World {
    cells: BTreeMap<Arc<str>, Cell>,
}

#[derive(Debug, Default)]
struct Paper(Mutex<Vec<Line>>);

#[derive(Debug, Clone)]
enum Line {
    Named(u32, String),
    Held(u64, Vec<Held>),
    Settled(u64, Vec<Settled>),
}

impl Log for Paper {
    fn named(&self, number: u32, key: &str) {
        self.0
            .lock()
            .unwrap()
            .push(Line::Named(number, key.to_owned()));
    }
    fn held(&self, call: u64, books: &[Held]) {
        self.0
            .lock()
            .unwrap()
            .push(Line::Held(call, books.to_vec()));
    }
    fn settled(&self, call: u64, books: &[Settled]) {
        self.0
            .lock()
            .unwrap()
            .push(Line::Settled(call, books.to_vec()));
    }
}

impl Paper {
    /// What the engine that wrote it had spent, by book; calls whose end is not known as what they held.
    fn read(&self) -> BTreeMap<Arc<str>, Vec<Written>> {
        let mut keys: BTreeMap<u32, Arc<str>> = BTreeMap::new();
        let mut open: BTreeMap<u64, Vec<Held>> = BTreeMap::new();
        let mut written: BTreeMap<Arc<str>, Vec<Written>> = BTreeMap::new();
        for line in self.0.lock().unwrap().iter() {
            match line {
                Line::Named(number, key) => {
                    let key: Arc<str> = Arc::from(key.as_str());
                    written.entry(Arc::clone(&key)).or_default();
                    keys.insert(*number, key);
                }
                Line::Held(call, books) => drop(open.insert(*call, books.clone())),
                Line::Settled(call, books) => {
                    open.remove(call);
                    for Settled {
                        book,
                        seq,
                        part,
                        amount,
                    } in books
                    {
                        let entry = Written {
                            seq: *seq,
                            part: *part,
                            amount: *amount,
                        };
                        written
                            .entry(Arc::clone(&keys[book]))
                            .or_default()
                            .push(entry);
                    }
                }
            }
        }
        for Held { book, part, amount } in open.into_values().flatten() {
            let entry = Written {
                seq: u64::MAX,
                part,
                amount,
            };
            written
                .entry(Arc::clone(&keys[&book]))
                .or_default()
                .push(entry);
        }
        written
    }
}

struct Engine {
    name: Arc<str>,
    ledger: Arc<Ledger>,
    paper: Arc<Paper>,
    chain: Payers,
    held: Vec<Reservation>,
}

impl Engine {
    fn start(number: usize, rules: &[(&str, Vec<Rule>)]) -> Self {
        let ledger = Arc::new(Ledger::default());
        let paper = Arc::<Paper>::default();
        ledger.set_log(Some(Arc::clone(&paper) as Arc<dyn Log>));
        Self {
            name: Arc::from(format!("engine-{number}")),
            chain: chain(&ledger, rules, true),
            ledger,
            paper,
            held: Vec::new(),
        }
    }

    fn exchange(&self, world: &mut World, now: Moment, due: bool, lost: bool) {
        let asks = self.ledger.asks(now, due);
        let answers: Vec<_> = asks
            .iter()
            .map(|Asking { ask, .. }| {
                let cell = world.cells.entry(Arc::clone(&ask.key)).or_default();
                cell.exchange(&self.name, ask, now)
            })
            .collect();
        if !lost {
            self.ledger.hear(&asks, &answers);
        }
    }

    fn reserve(&mut self, world: &mut World, amount: i64, now: Moment) -> bool {
        for _ in 0..2 {
            match self
                .ledger
                .reserve(&self.chain, &label(), money(amount), now)
            {
                Ok(held) => {
                    self.held.push(held);
                    return true;
                }
                Err(Short::Refused(_)) => return false,
                Err(Short::Lacking { .. }) => self.exchange(world, now, false, false),
            }
        }
        false
    }
}

#[test]
fn engines_use_a_shared_budget_up_together_and_never_more() {
    let rules = [("k", vec![rule(10_000, Span::Ever)])];
    let mut world = World::default();
    let mut engines: Vec<_> = (0..4).map(|number| Engine::start(number, &rules)).collect();
    let mut now = DAY;
    let mut spent = 0;
    let mut share = [0; 4];
    for round in 0..4_000u64 {
        now += 10_000_000;
        let number = (round % 4) as usize;
        let engine = &mut engines[number];
        // A bound ten times what calls really cost.
        if engine.reserve(&mut world, 100, Moment(now)) {
            let held = engine.held.pop().unwrap();
            held.settle(money(10), Moment(now));
            spent += 10;
            share[number] += 1;
        }
        for engine in &engines {
            engine.exchange(&mut world, Moment(now), true, false);
        }
    }
    assert!((9_900..=10_000).contains(&spent), "{spent}");
    assert!(share.iter().all(|calls| *calls > 150), "{share:?}");
    let (told, _) = world.cells.values().next().unwrap().used(&Parts::EVER);
    assert_eq!(told, spent);
}

#[test]
fn engines_far_from_the_limit_ask_seldom() {
    let rules = [(
        "k",
        vec![rule(i64::MAX / 4, Span::Sliding(Duration::from_hours(1)))],
    )];
    let mut world = World::default();
    let mut engine = Engine::start(0, &rules);
    let mut asked = 0;
    for call in 0..20_000u64 {
        let now = Moment(DAY + call * SECOND / 1_000);
        loop {
            let held = engine
                .ledger
                .reserve(&engine.chain, &label(), money(1_000), now);
            if let Ok(held) = held {
                break engine.held.push(held);
            }
            asked += 1;
            engine.exchange(&mut world, now, false, false);
        }
        if engine.held.len() > 200 {
            engine.held.remove(0).settle(money(900), now);
        }
        if call % 250 == 0 {
            asked += usize::from(!engine.ledger.asks(now, true).is_empty());
            engine.exchange(&mut world, now, true, false);
        }
    }
    assert!(asked < 200, "{asked} exchanges for 20,000 calls");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_engines_do_nothing_is_overspent_and_nothing_forgotten(
        steps in prop::collection::vec((0usize..3, 0u8..8, 1i64..300, 0u64..20), 1..250),
        sliding in any::<bool>(),
    ) {
        let span = if sliding { Span::Sliding(Duration::from_hours(10)) } else { Span::Ever };
        let rules = [("team", vec![rule(1_000, span.clone())]), ("key", vec![rule(900, span)])];
        let mut world = World::default();
        let mut engines: Vec<_> = (0..3).map(|number| Engine::start(number, &rules)).collect();
        let mut started = 3;
        let mut now = DAY;
        let mut spent = 0i64;
        for (number, step, amount, pass) in steps {
            now += pass * SECOND;
            let at = Moment(now);
            let engine = &mut engines[number];
            match step {
                0..3 => drop(engine.reserve(&mut world, amount, at)),
                3 => if !engine.held.is_empty() {
                    let held = engine.held.remove(0);
                    let actual = held.amounts().money.nanos().min(amount);
                    held.settle(money(actual), at);
                    spent += actual;
                },
                4 => drop(engine.held.pop()),
                5 => engine.exchange(&mut world, at, true, false),
                // The store's answer does not arrive.
                6 => engine.exchange(&mut world, at, true, true),
                // It dies, and its paper is found.
                _ => {
                    let open: i64 = engine.held.iter().map(|held| held.amounts().money.nanos()).sum();
                    let written = engine.paper.read();
                    let next = Engine::start(started, &rules);
                    started += 1;
                    let dead = std::mem::replace(engine, next);
                    for (key, written) in &written {
                        let cell = world.cells.entry(Arc::clone(key)).or_default();
                        cell.reconcile(&dead.name, written, at);
                        cell.reconcile(&dead.name, written, at);
                    }
                    spent += open;
                    std::mem::forget(dead.held);
                }
            }
            let open: i64 = engines.iter().flat_map(|engine| &engine.held)
                .map(|held| held.amounts().money.nanos()).sum();
            prop_assert!(spent + open <= 900, "spent {} open {}", spent, open);
        }
        let end = Moment(now + 30 * SECOND);
        for engine in &mut engines {
            engine.held.clear();
            engine.ledger.close();
            // The first tells what was in doubt, the second the rest.
            engine.exchange(&mut world, end, true, false);
            engine.exchange(&mut world, end, true, false);
        }
        for (key, cell) in &world.cells {
            let parts = Parts { oldest: 0, ..Parts::EVER };
            prop_assert_eq!(cell.used(&parts), (spent, 0), "{} {:?}", key, cell);
        }
    }
}
