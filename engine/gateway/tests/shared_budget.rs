//! Processes that share a budget: together they spend what there is and no more, also when they are
//! killed. Postgres and Redis are those that `TIDEGATE_TEST_POSTGRES` and `TIDEGATE_TEST_REDIS` name.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and has processes of its own"
)]

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use serde_json::json;
use tidegate::{
    Gateway,
    config::{Config, Format},
    wire::Trust,
};

/// What a call costs, in nano-dollars: ten tokens at a dollar a million.
const COST: i64 = 10_000;
const TASKS: usize = 64;

fn config(url: &str, folder: &Path, calls: i64) -> Config {
    // A budget of its own for every folder.
    let id = folder.to_string_lossy();
    let limit = tidegate_types::Money::from_nanos(calls * COST).to_string();
    let place = if url.starts_with("redis") {
        "shared"
    } else {
        "store"
    };
    let document = json!({
        "providers": { "mock": {
            "dialect": "openai",
            "base_url": "http://mock",
            "mock": { "replies": [{ "text": "one two three", "input_tokens": 1, "output_tokens": 10, "delay": "2ms" }] },
            "prices": { "*": { "input": 0, "output": 1 } },
        } },
        "models": { "fast": { "targets": ["mock/m"] } },
        "keys": [{ "id": id, "value": "tg-alice", "budgets": [{ "limit": limit }] }],
        place: url,
        "journal": folder.join("journal"),
    });
    Config::parse(&document.to_string(), Format::Json, &[], &|_| None).unwrap()
}

/// One call; whether it was let through.
async fn call(gateway: &Gateway) -> bool {
    // The bound is three times what the call costs.
    let body = json!({ "model": "fast", "max_tokens": 30, "messages": [{ "role": "user", "content": "hi" }] });
    let request = Request::post("/v1/chat/completions")
        .header("authorization", "Bearer tg-alice")
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()).into())
        .unwrap();
    let response = gateway.handle(request, Trust::Network { peer: None }).await;
    match response.status().as_u16() {
        200 => true,
        402 => false,
        status => panic!("status {status}"),
    }
}

/// The other process: calls until the budget is used up, and notes each call whose answer it got.
#[test]
fn child() {
    let Ok(url) = env::var("SHARED_BUDGET_URL") else {
        return;
    };
    let folder = env::var("SHARED_BUDGET_FOLDER").unwrap();
    let folder = Path::new(&folder);
    let calls = env::var("SHARED_BUDGET_CALLS").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let gateway = Gateway::new(config(&url, folder, calls));
        let done = Arc::new(AtomicBool::new(false));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (gateway, done) = (gateway.clone(), Arc::clone(&done));
                let path = folder.join(format!("answers-{}", std::process::id()));
                let mut answers = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
                    .unwrap();
                tokio::spawn(async move {
                    while !done.load(Ordering::Relaxed) {
                        if call(&gateway).await {
                            answers.write_all(b".").unwrap();
                        } else {
                            // Others may still give something back.
                            tokio::time::sleep(Duration::from_millis(300)).await;
                            if call(&gateway).await {
                                answers.write_all(b".").unwrap();
                            } else {
                                done.store(true, Ordering::Relaxed);
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        gateway.close(Duration::from_secs(5)).await;
    });
}

fn start(url: &str, folder: &Path, calls: i64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("SHARED_BUDGET_URL", url)
        .env("SHARED_BUDGET_FOLDER", folder)
        .env("SHARED_BUDGET_CALLS", calls.to_string())
        .stdout(File::create(folder.join("out")).unwrap())
        .spawn()
        .unwrap()
}

fn answers(folder: &Path) -> i64 {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_name().to_string_lossy().starts_with("answers-"));
    files
        .map(|entry| i64::try_from(entry.metadata().unwrap().len()).unwrap())
        .sum()
}

/// What the store says was spent, once everything that dead engines left is booked.
async fn spent(url: &str, folder: &Path, calls: i64) -> i64 {
    let gateway = Gateway::new(config(url, folder, calls));
    // The first call books what is left, and learns what was spent.
    let _ = call(&gateway).await;
    let health = gateway.health();
    println!("{health}");
    let spent = health["keys"][&*folder.to_string_lossy()]["budgets"][0]["spent"]
        .as_str()
        .unwrap();
    let spent: tidegate_types::Money = spent.parse().unwrap();
    gateway.close(Duration::from_secs(5)).await;
    spent.nanos() / COST
}

fn urls(folder: &Path) -> Vec<(&'static str, String)> {
    let mut urls = vec![(
        "sqlite",
        format!("sqlite://{}", folder.join("shared.db").display()),
    )];
    for (name, variable) in [
        ("postgres", "TIDEGATE_TEST_POSTGRES"),
        ("redis", "TIDEGATE_TEST_REDIS"),
    ] {
        match env::var(variable) {
            Ok(url) => urls.push((name, url)),
            Err(_) => println!("skipped {name}: {variable} is not set"),
        }
    }
    urls
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_use_a_shared_budget_up_and_never_more() {
    let base = tempfile::tempdir().unwrap();
    for (name, url) in urls(base.path()) {
        let calls = 4_000 + i64::from(std::process::id() % 97);
        let folder = base.path().join(name);
        fs::create_dir(&folder).unwrap();
        let mut children: Vec<_> = (0..4).map(|_| start(&url, &folder, calls)).collect();
        for child in &mut children {
            assert!(child.wait().unwrap().success(), "{name}");
        }
        let answered = answers(&folder);
        assert!(answered <= calls, "{name}: {answered} of {calls}");
        assert!(
            answered * 1_000 >= calls * 995,
            "{name}: only {answered} of {calls}"
        );
        let each = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let each = each.filter(|entry| entry.file_name().to_string_lossy().starts_with("answers-"));
        let least = each.map(|entry| entry.metadata().unwrap().len()).min();
        assert!(
            least.is_some_and(|least| least > 100),
            "{name}: one got only {least:?}"
        );
        assert_eq!(
            fs::read_dir(folder.join("journal")).unwrap().count(),
            0,
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_forget_nothing_and_overspend_nothing() {
    let base = tempfile::tempdir().unwrap();
    for (name, url) in urls(base.path()) {
        let calls = 6_000;
        let folder = base.path().join(name);
        fs::create_dir(&folder).unwrap();
        let until = Instant::now() + Duration::from_secs(6);
        let mut children: Vec<_> = (0..3).map(|_| start(&url, &folder, calls)).collect();
        let mut turn = 0;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(400)).await;
            // SIGKILL: it has no time for anything.
            children[turn % 3].kill().unwrap();
            children[turn % 3].wait().unwrap();
            children[turn % 3] = start(&url, &folder, calls);
            turn += 1;
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let answered = answers(&folder);
        let spent = spent(&url, &folder, calls).await;
        println!("{name}: {answered} answers, {spent} booked, limit {calls}");
        assert!(answered > 300, "{name}: {answered}");
        assert!(
            answered <= spent,
            "{name}: {answered} answers, {spent} booked"
        );
        assert!(spent <= calls, "{name}: {spent} booked of {calls}");
    }
}
