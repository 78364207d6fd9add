//! Every ancestor admits, and every ancestor pays: random hierarchies against the plainest reckoning.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use tidegate_types::{
    Money,
    config::{self, Budget, Config, Customer, EndUsers, Limit, Lists, Team, User, VirtualKey},
};

use super::*;
use crate::{
    admission::Room,
    clock::Moment,
    ledger::{Amounts, Ledger, Reservation, Short},
};

const NOW: Moment = Moment(1);

fn budget(nanos: i64) -> Vec<Budget> {
    vec![Budget {
        limit: Money::from_nanos(nanos),
        per: Some(config::Duration(Duration::from_hours(1))),
        ..Budget::default()
    }]
}

fn requests(most: u64) -> Vec<Limit> {
    vec![Limit {
        requests: Some(most),
        per: Some(config::Duration(Duration::from_hours(1))),
        ..Limit::default()
    }]
}

fn registry() -> Registry {
    Registry::new(Arc::<Room>::default(), Arc::default())
}

fn compile(config: &Config) -> Identities {
    Identities::compile(config, &mut registry(), NOW, config::unix_seconds)
}

fn found(identities: &Identities, secret: &str) -> Arc<Identity> {
    match identities.find(secret, 0) {
        Found::Known(identity) => Arc::clone(identity),
        other => panic!("{other:?}"),
    }
}

/// Two customers, three teams, three users, four keys: at every depth some.
fn tree() -> Config {
    let text = |text: &str| Some(text.to_owned());
    let key = |id: &str| VirtualKey {
        id: id.to_owned(),
        value: Some(format!("tg-{id}").into()),
        ..VirtualKey::default()
    };
    Config {
        customers: ["c0", "c1"]
            .map(|id| Customer {
                id: id.into(),
                ..Customer::default()
            })
            .into(),
        teams: vec![
            Team {
                id: "t0".into(),
                customer: text("c0"),
                ..Team::default()
            },
            Team {
                id: "t1".into(),
                customer: text("c0"),
                ..Team::default()
            },
            Team {
                id: "t2".into(),
                ..Team::default()
            },
        ],
        users: vec![
            User {
                id: "u0".into(),
                team: text("t0"),
                ..User::default()
            },
            User {
                id: "u1".into(),
                customer: text("c1"),
                ..User::default()
            },
            User {
                id: "u2".into(),
                ..User::default()
            },
        ],
        keys: vec![
            VirtualKey {
                user: text("u0"),
                ..key("k0")
            },
            VirtualKey {
                team: text("t0"),
                delegates: true,
                ..key("k1")
            },
            VirtualKey {
                team: text("t1"),
                ..key("k2")
            },
            VirtualKey {
                user: text("u1"),
                ..key("k3")
            },
            VirtualKey {
                customer: text("c1"),
                ..key("k4")
            },
            key("k5"),
        ],
        ..Config::default()
    }
}

/// What is above each key, written out.
const ABOVE: [&[&str]; 6] = [
    &["customer:c0", "team:t0", "user:u0", "key:k0"],
    &["customer:c0", "team:t0", "key:k1"],
    &["customer:c0", "team:t1", "key:k2"],
    &["customer:c1", "user:u1", "key:k3"],
    &["customer:c1", "key:k4"],
    &["key:k5"],
];

const LEVELS: [&str; 14] = [
    "customer:c0",
    "customer:c1",
    "team:t0",
    "team:t1",
    "team:t2",
    "user:u0",
    "user:u1",
    "user:u2",
    "key:k0",
    "key:k1",
    "key:k2",
    "key:k3",
    "key:k4",
    "key:k5",
];

/// One thing said of each level.
fn each<T: Clone>(config: &mut Config, told: &[T], mut set: impl FnMut(&mut Said<'_>, T)) {
    let mut told = told.iter().cloned();
    macro_rules! all {
        ($levels:expr) => {
            for level in $levels {
                let mut said = Said {
                    allow: &mut level.allow,
                    deny: &mut level.deny,
                    budgets: &mut level.budgets,
                    limits: &mut level.limits,
                    disabled: &mut level.disabled,
                };
                set(&mut said, told.next().unwrap());
            }
        };
    }
    all!(&mut config.customers);
    all!(&mut config.teams);
    all!(&mut config.users);
    all!(&mut config.keys);
}

struct Said<'a> {
    allow: &'a mut Lists,
    deny: &'a mut Lists,
    budgets: &'a mut Vec<Budget>,
    limits: &'a mut Vec<Limit>,
    disabled: &'a mut bool,
}

fn level_of(name: &str) -> usize {
    LEVELS.iter().position(|level| *level == name).unwrap()
}

#[test]
fn every_key_has_above_it_what_the_document_says() {
    let identities = compile(&tree());
    for (key, above) in ABOVE.iter().enumerate() {
        let identity = found(&identities, &format!("tg-k{key}"));
        let names: Vec<&str> = identity
            .chain
            .nodes()
            .iter()
            .map(|node| &*node.name)
            .collect();
        assert_eq!(names, **above);
        assert_eq!(identity.owner.as_deref(), above.last().copied());
    }
}

#[test]
fn an_end_user_is_the_same_for_every_call_and_follows_the_configuration() {
    let mut config = tree();
    config.keys[5].end_users = Some(EndUsers {
        budgets: budget(10),
        ..EndUsers::default()
    });
    let mut registry = registry();
    let mut compiled =
        |config: &Config| Identities::compile(config, &mut registry, NOW, config::unix_seconds);
    let identities = compiled(&config);
    let key = found(&identities, "tg-k5");
    let serving = |identities: &Identities, user: &str| {
        let key = found(identities, "tg-k5");
        identities
            .serving(Some(&key), Some(user), NOW)
            .unwrap()
            .chain
            .clone()
    };
    assert!(identities.asks_for_end_user(Some(&key)));
    let ledger = Arc::<Ledger>::default();
    let label: Arc<str> = Arc::from("p/m");
    let money = |nanos| Amounts::money(Money::from_nanos(nanos));
    let pays = |identities: &Identities, user: &str, nanos| {
        ledger.charge(
            serving(identities, user).payers(),
            &label,
            money(nanos),
            NOW,
        );
    };
    let over = |identities: &Identities, user: &str| {
        ledger
            .exhausted(serving(identities, user).payers(), NOW)
            .is_some()
    };
    pays(&identities, "a", 10);
    assert!(over(&identities, "a"));
    assert!(!over(&identities, "b"));
    config.keys[5].end_users = Some(EndUsers {
        budgets: budget(20),
        ..EndUsers::default()
    });
    let identities = compiled(&config);
    assert!(!over(&identities, "a"));
    let a = serving(&identities, "a");
    assert!(ledger.reserve(a.payers(), &label, money(11), NOW).is_err());
    // A name without end is a name like any other.
    let long = "x".repeat(100_000);
    pays(&identities, &long, 20);
    assert!(over(&identities, &long));
    assert!(!over(&identities, &long[1..]));
}

#[test]
fn only_who_delegates_may_name_a_user_and_only_below_itself() {
    let identities = compile(&tree());
    let named = |key: Option<&str>, named: Named<'_>| {
        let key = key.map(|key| found(&identities, key));
        identities
            .scoped(key.as_ref(), named)
            .map(|(identity, user)| {
                let nodes = identity.iter().flat_map(|identity| identity.chain.nodes());
                let names = nodes
                    .map(|node| node.id.to_string())
                    .collect::<Vec<_>>()
                    .join(" ");
                (names, user.map(str::to_owned))
            })
    };
    let user = |user| Named {
        user: Some(user),
        ..Named::default()
    };
    let team = |team| Named {
        team: Some(team),
        ..Named::default()
    };
    let both = |team, user| Named {
        team: Some(team),
        user: Some(user),
        ..Named::default()
    };
    let is = |names: &str, user: Option<&str>| Ok((names.to_owned(), user.map(str::to_owned)));
    let elsewhere = |level, id: &str| Err(Stray::Elsewhere(level, id.to_owned()));
    assert_eq!(named(None, Named::default()), is("", None));
    assert_eq!(named(None, team("t0")), is("c0 t0", None));
    assert_eq!(named(None, user("u0")), is("c0 t0 u0", None));
    assert_eq!(named(None, user("stranger")), is("", Some("stranger")));
    assert_eq!(
        named(None, both("t0", "stranger")),
        is("c0 t0", Some("stranger"))
    );
    assert_eq!(named(None, both("t1", "u0")), elsewhere(Level::User, "u0"));
    assert_eq!(
        named(None, team("t9")),
        Err(Stray::Unknown(Level::Team, "t9".to_owned()))
    );
    let wrong = Named {
        customer: Some("c1"),
        team: Some("t0"),
        user: None,
    };
    assert_eq!(named(None, wrong), elsewhere(Level::Team, "t0"));
    // The key of team t0 that delegates.
    assert_eq!(named(Some("tg-k1"), user("u0")), is("c0 t0 u0 k1", None));
    assert_eq!(named(Some("tg-k1"), user("u1")), is("c0 t0 k1", Some("u1")));
    assert_eq!(named(Some("tg-k1"), team("t0")), is("c0 t0 k1", None));
    assert_eq!(
        named(Some("tg-k1"), team("t1")),
        elsewhere(Level::Team, "t1")
    );
    // Others name end users.
    assert_eq!(named(Some("tg-k2"), user("u0")), is("c0 t1 k2", Some("u0")));
    assert_eq!(named(Some("tg-k0"), user("u0")), is("c0 t0 u0 k0", None));
    assert_eq!(
        named(Some("tg-k0"), user("u1")),
        is("c0 t0 u0 k0", Some("u1"))
    );
    assert_eq!(
        named(Some("tg-k5"), team("t2")),
        elsewhere(Level::Team, "t2")
    );
    for key in 0..6 {
        let key = found(&identities, &format!("tg-k{key}"));
        let again = identities.renewed(&key, NOW).unwrap();
        assert_eq!(again.owner, key.owner);
        assert_eq!(again.chain.nodes().len(), key.chain.nodes().len());
    }
}

proptest! {
    #[test]
    fn every_ancestor_admits(
        told in prop::collection::vec((0u8..8, 0u8..8, prop::bool::weighted(0.1)), LEVELS.len()),
        model in 0u8..3,
        provider in 0u8..3,
    ) {
        // Bits of a number are the names a list holds.
        let names = |bits: u8, of: &str| (0..3).filter(|bit| bits & 1 << bit != 0)
            .map(|bit| format!("{of}{bit}")).collect::<Vec<_>>();
        let mut config = tree();
        each(&mut config, &told, |said, (allow, deny, disabled)| {
            said.allow.models = names(allow, "m");
            said.allow.providers = names(deny, "p");
            said.deny.models = names(deny & allow.rotate_left(2), "m");
            said.deny.providers = names(allow & 1, "p");
            *said.disabled = disabled;
        });
        let identities = compile(&config);
        let (asked, reached) = (format!("m{model}"), format!("p{provider}"));
        for (key, above) in ABOVE.iter().enumerate() {
            let identity = found(&identities, &format!("tg-k{key}"));
            let levels: Vec<_> = above.iter().map(|name| told[level_of(name)]).collect();
            let has = |bits: u8, bit: u8| bits & 1 << bit != 0;
            let models = levels.iter().all(|(allow, deny, _)| {
                (*allow == 0 || has(*allow, model)) && !has(deny & allow.rotate_left(2), model)
            });
            let providers = levels.iter().all(|(allow, deny, _)| {
                (*deny == 0 || has(*deny, provider)) && !has(allow & 1, provider)
            });
            let active = levels.iter().all(|(.., disabled)| !disabled);
            prop_assert_eq!(identity.may_use(&asked), models);
            prop_assert_eq!(identity.active(0), active);
            prop_assert_eq!(identity.inactive(0).is_none(), active);
            prop_assert_eq!(identity.refuses_target(&reached, "x").is_none(), providers);
        }
    }

    #[test]
    fn every_ancestor_pays_and_none_overspends(
        limits in prop::collection::vec(20i64..200, LEVELS.len()),
        steps in prop::collection::vec((0usize..6, 0u8..4, 0i64..40), 0..80),
    ) {
        let mut config = tree();
        each(&mut config, &limits, |said, limit| *said.budgets = budget(limit));
        let identities = compile(&config);
        let keys: Vec<_> = (0..6).map(|key| found(&identities, &format!("tg-k{key}"))).collect();
        let ledger = Arc::<Ledger>::default();
        let label: Arc<str> = Arc::from("p/m");
        let money = |nanos| Amounts::money(Money::from_nanos(nanos));
        // Spent and held at every level, reckoned by hand.
        let mut spent = [0i64; LEVELS.len()];
        let mut held: Vec<(usize, i64, Reservation)> = Vec::new();
        for (key, step, amount) in steps {
            let open = |level: usize, held: &[(usize, i64, Reservation)]| held.iter()
                .filter(|(key, ..)| ABOVE[*key].contains(&LEVELS[level]))
                .map(|(_, amount, _)| *amount).sum::<i64>();
            match step {
                0 | 1 => {
                    let refuses = ABOVE[key].iter().map(|name| level_of(name)).find(|level| {
                        let used = spent[*level] + open(*level, &held);
                        used >= limits[*level] || used + amount > limits[*level]
                    });
                    let payers = keys[key].chain.payers();
                    match ledger.reserve(payers, &label, money(amount), NOW) {
                        Ok(one) => {
                            prop_assert_eq!(refuses, None);
                            held.push((key, amount, one));
                        }
                        Err(refused) => {
                            let refuses = refuses.map(|level| LEVELS[level]);
                            let Short::Refused(refused) = refused else { panic!("nothing is shared") };
                            prop_assert_eq!(refuses, Some(&*refused.account));
                        }
                    }
                }
                2 => if let Some((key, bound, one)) = held.pop() {
                    let cost = amount.min(bound);
                    one.settle(money(cost), NOW);
                    for name in ABOVE[key] {
                        spent[level_of(name)] += cost;
                    }
                },
                _ => drop(held.pop()),
            }
            for node in identities.nodes() {
                let level = level_of(&node.name);
                let standing = node.account.standing(NOW).remove(0);
                prop_assert_eq!(standing.spent, spent[level]);
                prop_assert_eq!(standing.reserved, open(level, &held));
                prop_assert!(standing.spent + standing.reserved <= standing.rule.limit);
            }
        }
    }

    #[test]
    fn a_refused_call_is_counted_nowhere(
        limits in prop::collection::vec(0u64..6, LEVELS.len()),
        calls in prop::collection::vec(0usize..6, 0..40),
    ) {
        let mut config = tree();
        each(&mut config, &limits, |said, most| *said.limits = requests(most + 1));
        let identities = compile(&config);
        let mut counted = [0u64; LEVELS.len()];
        let ledger = Arc::<Ledger>::default();
        let none: Arc<str> = Arc::from("");
        for key in calls {
            let identity = found(&identities, &format!("tg-k{key}"));
            let above: Vec<_> = ABOVE[key].iter().map(|name| level_of(name)).collect();
            let full = above.iter().find(|level| counted[**level] > limits[**level]);
            let payers = identity.chain.payers();
            let would = ledger.would_reserve(payers, "", &Amounts::ONE_CALL, NOW);
            prop_assert_eq!(would.is_ok(), full.is_none());
            match ledger.reserve(payers, &none, Amounts::ONE_CALL, NOW) {
                Ok(call) => {
                    call.settle(Amounts::ONE_CALL, NOW);
                    for level in &above {
                        counted[*level] += 1;
                    }
                }
                Err(Short::Refused(refused)) => {
                    prop_assert_eq!(full.map(|level| LEVELS[*level]), Some(&*refused.account));
                }
                Err(Short::Lacking { .. }) => panic!("nothing is shared"),
            }
        }
    }
}
