//! `tidegate replay`, and the logs that it reads.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::command::{File, run, text};

/// Two targets, dear and cheap.
const PROVIDERS: &str = "providers:\n  \
    dear: { dialect: openai, base_url: 'http://127.0.0.1:1/v1', api_key: '${NOBODY_HAS_THIS}', prices: { '*': { input: 10, output: 10 } } }\n  \
    cheap: { dialect: openai, base_url: 'http://127.0.0.1:1/v1', api_key: '${NOR_THIS}', prices: { '*': { input: 1, output: 1 } } }\n";

fn policy(name: &str, models: &str) -> File {
    File::new(name, &format!("{PROVIDERS}models: {{ fast: {models} }}\n"))
}

fn replayed(policy: &File, log: &File) -> Value {
    let output = run(&["replay", "--policy", policy.path(), "--json", log.path()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Calls that went to `dear` first, every fourth of which failed there and went on to `cheap`, which is
/// slower. 1000 tokens in, 100 out.
fn calls(count: u32) -> String {
    let mut log = String::new();
    for call in 0..count {
        let fails = call % 4 == 3;
        let mut attempts = vec![json!({
            "target": "dear/m", "after_ms": 0.0, "ms": if fails { 50.0 } else { 200.0 },
            "error": fails.then_some("upstream_failed"),
        })];
        if fails {
            attempts.push(json!({ "target": "cheap/m", "after_ms": 50.0, "ms": 400.0 }));
        }
        let line = json!({
            "time": format!("2026-11-28T09:{:02}:{:02}.{:03}Z", call / 600, call / 10 % 60, call % 10 * 100),
            "request_id": format!("req_{call}"), "endpoint": "chat", "dialect": "openai", "model": "fast", "route": "fast",
            "request": { "bytes": 4000, "input_tokens": 1000, "messages": 1 },
            "attempts": attempts,
            "target": if fails { "cheap/m" } else { "dear/m" },
            "ms": if fails { 450.0 } else { 200.0 },
            "usage": { "input": 1000, "output": 100 },
            "cost": if fails { "0.0011" } else { "0.011" },
            "cache": "off",
        });
        let _ = writeln!(log, "{line}");
    }
    log
}

#[test]
fn a_log_replayed_under_its_own_policy_comes_to_what_it_was() {
    let log = File::new("same.jsonl", &calls(1000));
    let breaker = "breaker: { enabled: false }\n";
    let same = File::new(
        "same.yaml",
        &format!(
            "{PROVIDERS}{breaker}models: {{ fast: {{ targets: [dear/m], fallbacks: [cheap/m], retry: {{ attempts: 1 }} }} }}\n"
        ),
    );
    let report = replayed(&same, &log);
    assert_eq!(report["recorded"], report["replayed"], "{report:#}");
    assert_eq!(report["changed"], 0);
    assert_eq!(report["founded"]["own"], 1000);
    let dear = &report["targets"]["dear/m"];
    assert_eq!(dear["recorded"], dear["replayed"]);
    assert_eq!(dear["recorded"]["failed"], 250);
    assert_eq!(report["recorded"]["cost"], "8.525");
}

#[test]
fn another_policy_costs_what_its_targets_cost_and_takes_what_they_took() {
    let log = File::new("other.jsonl", &calls(1000));
    let other = policy("other.yaml", "{ targets: [cheap/m], fallbacks: [dear/m] }");
    let report = replayed(&other, &log);
    let would = &report["replayed"];
    assert_eq!(would["answered"], 1000);
    assert_eq!(would["cost"], "1.1");
    assert_eq!(would["total_ms"]["p50"], 400.0);
    assert_eq!(report["changed"], 750);
    assert_eq!(report["founded"]["near"], 750);
    assert_eq!(report["targets"]["cheap/m"]["replayed"]["answered"], 1000);
    assert_eq!(report["targets"]["dear/m"]["replayed"]["tries"], 0);
    // The same seed tells the same; for people it is a table.
    assert_eq!(report, replayed(&other, &log));
    let output = run(&["replay", "-p", other.path(), log.path()]);
    let shown = text(&output.stdout);
    for words in [
        "1000 calls of 1000, 750 answered by another target",
        "$8.525",
        "$1.1",
        "-87.1 %",
        "250 -> 1000",
        "750  drawn from others' tries at the target within ten minutes",
    ] {
        assert!(shown.contains(words), "{words} in\n{shown}");
    }
}

#[test]
fn hedges_and_strategies_are_the_engines_own() {
    let log = File::new("race.jsonl", &calls(400));
    let race = policy(
        "race.yaml",
        "{ strategy: race, targets: [dear/m, cheap/m] }",
    );
    let report = replayed(&race, &log);
    assert_eq!(report["replayed"]["answered"], 400);
    let tries = report["replayed"]["tries"].as_u64().unwrap();
    assert!(tries >= 700, "{report:#}");
    let weighted = policy(
        "weighted.yaml",
        "{ strategy: weighted, targets: [{ model: dear/m, weight: 1 }, { model: cheap/m, weight: 3 }] }",
    );
    let report = replayed(&weighted, &log);
    let first = report["targets"]["cheap/m"]["replayed"]["answered"].as_u64();
    assert!(
        first.is_some_and(|first| (270..350).contains(&first)),
        "{report:#}"
    );
}

#[test]
fn rules_limits_and_budgets_hold_in_the_time_of_the_log() {
    let mut log = String::new();
    for line in calls(100).lines() {
        let mut call: Value = serde_json::from_str(line).unwrap();
        call["key"] = "alice".into();
        let _ = writeln!(log, "{call}");
    }
    let log = File::new("keys.jsonl", &log);
    let key = |more: &str| {
        let rule = "rules: [{ name: long, when: 'request.input_tokens > 900', use: cheap/m }]\n";
        let keys = format!("keys: [{{ id: alice, value: '${{A_KEY}}', {more} }}]\n");
        let models = "models: { fast: { targets: [dear/m] } }\n";
        File::new("keys.yaml", &[PROVIDERS, rule, &keys, models].concat())
    };
    // Ten calls a second, five of which may be.
    let report = replayed(&key("limits: [{ requests: 5, per: 1s }]"), &log);
    let would = &report["replayed"];
    // Windows slide in steps, never in the caller's favour.
    let refused = would["errors"]["rate_limited"].as_u64();
    assert!(
        refused.is_some_and(|refused| (50..60).contains(&refused)),
        "{report:#}"
    );
    assert_eq!(report["targets"]["dear/m"]["replayed"]["tries"], 0);
    let report = replayed(&key("budgets: [{ limit: 0.05, per: 1d }]"), &log);
    let refused = report["replayed"]["errors"]["budget_exhausted"].as_u64();
    assert!(refused.is_some_and(|refused| refused > 40), "{report:#}");
}

#[test]
fn what_a_log_does_not_tell_is_said() {
    let mut log = calls(8);
    log.push_str("{\"lost\":7}\n");
    log.push_str(
        "{\"time\":\"2026-11-28T09:30:00Z\",\"endpoint\":\"files\",\"dialect\":\"openai\"}\n",
    );
    log.push_str(
        "{\"time\":\"2026-11-28T09:31:00Z\",\"endpoint\":\"chat\",\"error\":\"cancelled\"}\n",
    );
    log.push_str("{\"time\":\"2026-11-28T09:3");
    let log = File::new("gaps.jsonl", &log);
    let new = policy("gaps.yaml", "{ targets: [cheap/another] }");
    let report = replayed(&new, &log);
    assert_eq!(report["founded"]["none"], 8, "{report:#}");
    assert_eq!(report["calls"]["lost"], 7);
    assert_eq!(report["calls"]["unreadable"], 1);
    assert_eq!(
        report["calls"]["left_out"],
        json!({ "endpoint": 1, "cancelled": 1 })
    );
    let output = run(&["replay", "-p", new.path(), log.path()]);
    let shown = text(&output.stdout);
    assert!(
        shown.contains("8  of a target that the log does not know"),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_replayed_is_an_error() {
    let new = policy("error.yaml", "{ targets: [cheap/m] }");
    let output = run(&["replay", "-p", new.path(), "/nowhere/calls.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nowhere/calls.jsonl"));
    let empty = File::new("empty.jsonl", "\n");
    let output = run(&["replay", "-p", new.path(), empty.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("holds no call"));
    let bad = policy("bad-policy.yaml", "{ targets: [nobody/m] }");
    let output = run(&["replay", "-p", bad.path(), empty.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("models.fast.targets[0]"));
    assert_eq!(run(&["replay", "calls.jsonl"]).status.code(), Some(2));
    let help = text(&run(&["replay", "--help"]).stdout);
    assert!(help.contains("What it assumes"), "{help}");
}

#[cfg(unix)]
#[test]
fn what_a_server_wrote_is_read_back_also_after_it_was_killed() {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };

    use rustix::process::Signal;

    use crate::{
        command::Running,
        support::{chat, post_with},
    };

    let log = File::new("served.jsonl", "");
    let served = File::new(
        "served.yaml",
        &format!(
            "log: {{ path: '{}' }}\n\
             providers: {{ a: {{ dialect: openai, mock: {{}} }} }}\n\
             models: {{ fast: {{ targets: [a/m] }} }}\n",
            log.path()
        ),
    );
    let ask = |running: &Running| {
        let mut stream = TcpStream::connect(&running.address).unwrap();
        let close = [("connection", "close")];
        let request = post_with("/v1/chat/completions", &close, &chat("fast", false));
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let mut running = Running::start(&served);
    for _ in 0..20 {
        ask(&running);
    }
    running.signal(Signal::TERM);
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    assert_eq!(replayed(&served, &log)["calls"]["compared"], 20);
    let mut running = Running::start(&served);
    for _ in 0..20 {
        ask(&running);
    }
    running.signal(Signal::KILL);
    running.child.wait().unwrap();
    // As if the kill had come in the middle of a line.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(log.path())
        .unwrap();
    file.write_all(b"{\"time\":\"20").unwrap();
    drop(file);
    let mut running = Running::start(&served);
    ask(&running);
    running.signal(Signal::TERM);
    running.child.wait().unwrap();
    let report = replayed(&served, &log);
    assert_eq!(report["calls"]["unreadable"], 1, "{report:#}");
    let compared = report["calls"]["compared"].as_u64().unwrap();
    assert!((21..=41).contains(&compared), "{compared}");
    assert_eq!(report["changed"], 0);
    assert_eq!(report["founded"]["own"], compared);
}
