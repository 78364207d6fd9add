//! Every store does the same. Postgres and Redis are those that `TIDEGATE_TEST_POSTGRES` and
//! `TIDEGATE_TEST_REDIS` name; `cargo xtask test` starts them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::similar_names,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and has tasks of its own"
)]

use std::{sync::Arc, time::Duration};

use tidegate_policy::{
    Moment,
    ledger::{
        Held, Log, Settled,
        cell::{Ask, Parts, Written},
        store::Store,
    },
};
use tidegate_stores::{Memory, connect, journal};

const NOW: Moment = Moment(1_795_824_000_000_000_000);

fn ask(key: &str, limit: i64, seq: u64, told: i64, keep: i64, demand: i64) -> Ask {
    Ask {
        key: Arc::from(key),
        limit,
        parts: Parts::EVER,
        seq,
        told: if told == 0 {
            Vec::new()
        } else {
            vec![(0, told)]
        },
        keep,
        demand,
        one: demand,
        least: demand,
        slice: 0,
        last: false,
    }
}

fn unique(name: &str) -> String {
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("test/{name}/{}/{nanos}", std::process::id())
}

async fn stores(folder: &std::path::Path) -> Vec<(&'static str, Vec<Arc<dyn Store>>)> {
    let memory: Arc<dyn Store> = Arc::new(Memory::default());
    let mut stores = vec![("memory", vec![Arc::clone(&memory), memory])];
    let sqlite = format!("sqlite://{}", folder.join("a b%20?.db").display()).replace('?', "");
    let mut urls = vec![("sqlite", Some(sqlite))];
    for (name, variable) in [
        ("postgres", "TIDEGATE_TEST_POSTGRES"),
        ("redis", "TIDEGATE_TEST_REDIS"),
    ] {
        let url = std::env::var(variable).ok();
        if url.is_none() {
            println!("skipped {name}: {variable} is not set");
        }
        urls.push((name, url));
    }
    for (name, url) in urls {
        if let Some(url) = url {
            // At the same time, so that both make what is missing.
            let (one, other) = tokio::join!(connect(&url), connect(&url));
            stores.push((name, vec![one.unwrap(), other.unwrap()]));
        }
    }
    stores
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_books_each_telling_once_and_lends_no_more_than_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, stores) in stores(folder.path()).await {
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("engine-a"), Arc::from("engine-b"));
        let (one, other) = (unique("one"), unique("other"));
        let asks = || vec![ask(&other, 50, 1, 0, 0, 20), ask(&one, 100, 1, 0, 0, 70)];
        let lent = stores[0].exchange(&a, asks(), NOW).await.unwrap();
        assert_eq!([lent[0].held, lent[1].held], [20, 70], "{name}");
        let rest = stores[1]
            .exchange(&b, vec![ask(&one, 100, 1, 0, 0, 70)], NOW)
            .await
            .unwrap();
        assert_eq!((rest[0].held, rest[0].others), (0, 70), "{name}");
        // Told twice, as after an answer that did not arrive.
        for _ in 0..2 {
            let told = stores[0]
                .exchange(&a, vec![ask(&one, 100, 2, 30, 0, 0)], NOW)
                .await
                .unwrap();
            assert_eq!((told[0].spent, told[0].held), (30, 0), "{name}");
        }
        let rest = stores[1]
            .exchange(&b, vec![ask(&one, 100, 2, 0, 0, 70)], NOW)
            .await
            .unwrap();
        assert_eq!(rest[0].held, 70, "{name}");
        // It dies. What it wrote down counts, whoever finds it and however often.
        let written = || {
            let entry = |seq, amount| Written {
                seq,
                part: 0,
                amount,
            };
            vec![(
                Arc::from(one.as_str()),
                vec![entry(2, 7), entry(3, 11), entry(u64::MAX, 5)],
            )]
        };
        for store in &stores {
            store.reconcile(&b, written(), NOW).await.unwrap();
        }
        let left = stores[0]
            .exchange(&a, vec![ask(&one, 100, 3, 0, 0, 1)], NOW)
            .await
            .unwrap();
        assert_eq!((left[0].spent, left[0].others), (46, 0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engines_that_ask_at_the_same_time_never_hold_more_than_there_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, stores) in stores(folder.path()).await {
        let keys = [unique("x"), unique("y")];
        let tasks: Vec<_> = (0..8u64)
            .map(|number| {
                let (store, keys) = (Arc::clone(&stores[number as usize % 2]), keys.clone());
                tokio::spawn(async move {
                    let engine: Arc<str> = Arc::from(format!("engine-{number}"));
                    let (mut held, mut spent) = ([0; 2], 0);
                    for seq in 1..40u64 {
                        // In another order than the others.
                        let order = if number % 2 == 0 { [0, 1] } else { [1, 0] };
                        let asks = order.map(|at| ask(&keys[at], 1_000, seq, held[at], 0, 9));
                        spent += held[0];
                        let answers = store.exchange(&engine, asks.into(), NOW).await.unwrap();
                        for (at, answer) in order.into_iter().zip(answers) {
                            assert!(answer.spent + answer.others + answer.held <= 1_000);
                            held[at] = answer.held;
                        }
                    }
                    spent
                })
            })
            .collect();
        let mut spent = 0;
        for task in tasks {
            spent += task.await.unwrap();
        }
        assert!((900..=1_000).contains(&spent), "{name}: {spent}");
    }
}

#[test]
fn a_journal_tells_what_a_dead_engine_had_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine: Arc<str> = Arc::from("engine-1");
    let journal = journal::Journal::create(folder.path(), &engine).unwrap();
    journal.named(3, "key/a/budget");
    let held = |call, amount| {
        journal.held(
            call,
            &[Held {
                book: 3,
                part: 5,
                amount,
            }],
        );
    };
    let settled = |call, seq, amount| {
        journal.settled(
            call,
            &[Settled {
                book: 3,
                seq,
                part: 5,
                amount,
            }],
        );
    };
    held(1, 100);
    held(2, 40);
    settled(1, 7, 60);
    held(3, 30);
    settled(3, 8, 0);
    assert!(
        journal::left(folder.path()).unwrap().is_empty(),
        "its engine lives"
    );
    drop(journal);
    // A line that was written by half.
    let path = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([40, 0, 0, 0, 1, 2, 3]);
    std::fs::write(&path, bytes).unwrap();
    let left = journal::left(folder.path()).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(&*left[0].engine, "engine-1");
    let (key, written) = &left[0].written[0];
    assert_eq!(&**key, "key/a/budget");
    let entry = |seq, amount| Written {
        seq,
        part: 5,
        amount,
    };
    assert_eq!(written[..], [entry(7, 60), entry(u64::MAX, 40)]);
    assert!(
        journal::left(folder.path()).unwrap().is_empty(),
        "somebody books it already"
    );
    for left in left {
        left.remove();
    }
    assert!(journal::left(folder.path()).unwrap().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_journal_forgets_what_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine: Arc<str> = Arc::from("engine-1");
    let journal = journal::Journal::create(folder.path(), &engine).unwrap();
    journal.named(1, &"k".repeat(100));
    let books = vec![
        Held {
            book: 1,
            part: 5,
            amount: 9
        };
        200
    ];
    let spent = vec![
        Settled {
            book: 1,
            seq: 1,
            part: 5,
            amount: 9
        };
        200
    ];
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut most = 0;
    for call in 0..20_000u64 {
        let seq = call / 1_000 + 1;
        journal.held(call, &books);
        let spent: Vec<_> = spent
            .iter()
            .map(|settled| Settled { seq, ..*settled })
            .collect();
        journal.settled(call, &spent);
        if call % 1_000 == 999 {
            journal.heard(1, seq);
        }
        most = most.max(files());
    }
    assert!((2..6).contains(&most), "{most} files");
    journal.remove();
    assert_eq!(files(), 0);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_without_its_password() {
    let urls = [
        "postgres://user:hush@127.0.0.1:1/db",
        "redis://:hush@127.0.0.1:1/",
        "sqlite:///no/such/folder/x.db",
        "carrier-pigeon://loft",
    ];
    for url in urls {
        let tried = tokio::time::timeout(Duration::from_secs(20), connect(url)).await;
        let error = tried.expect(url).expect_err(url);
        assert!(
            !error.0.is_empty() && !error.0.contains("hush"),
            "{url}: {error}"
        );
    }
}
