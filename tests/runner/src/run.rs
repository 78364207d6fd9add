//! One case on one face.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use mock_upstream::{Recorded, Reply};
use serde_json::{Map, Value, json};

use crate::{
    case::{Case, Step},
    digest::digest,
    driver::Driver,
    matcher::differences,
    world::World,
};

/// What a whole case may take.
const CASE_LIMIT: Duration = Duration::from_secs(20);
/// How long the upstream's log may lag behind the driver's reply.
const LOG_LIMIT: Duration = Duration::from_secs(1);

/// Runs the case; `Err` holds everything there is to say about its failure. A driver that did not
/// answer in time or ended is reported by `broken`, so that a fresh one takes its place.
pub(crate) fn run(
    case: &Case,
    driver: &mut Driver,
    world: &World,
    broken: &mut bool,
) -> Result<(), String> {
    let deadline = Instant::now() + CASE_LIMIT;
    world.reset().map_err(|error| error.to_string())?;
    for (name, replies) in &case.upstream {
        let replies: Result<Vec<Reply>, _> = replies
            .iter()
            .map(|reply| serde_json::from_str(reply.get()))
            .collect();
        let replies = replies.map_err(|error| format!("upstream {name}: {error}"))?;
        world.upstream.script(name, replies);
    }
    let mut ask = |operation: &Value, broken: &mut bool| {
        let left = deadline.saturating_duration_since(Instant::now());
        driver.ask(operation, left).inspect_err(|_| *broken = true)
    };
    if let Some(config) = &case.config {
        let opened = ask(
            &json!({
                "op": "open", "config": world.fill_value(config), "functions": case.functions,
            }),
            broken,
        )?;
        if opened.get("ok").is_none() {
            return Err(format!("open: {opened}"));
        }
    }
    let mut noted = BTreeMap::new();
    for (index, step) in case.steps.iter().enumerate() {
        let recalled;
        let step = if noted.is_empty() {
            step
        } else {
            recalled = recall(step, &noted)?;
            &recalled
        };
        let place = || format!("step {} ({})", index + 1, step.op);
        let before = world.upstream.log().len();
        let mut replied_ms = 0.0;
        if step.op == "read" {
            read_lines(step, world).map_err(|why| format!("{}\n{why}", place()))?;
        } else if !perform_here(step, world)? {
            let operation =
                world.fill_value(&serde_json::to_value(step).map_err(|error| error.to_string())?);
            for _ in 0..step.repeat.unwrap_or(1) {
                let started = Instant::now();
                let reply = ask(&operation, broken)?;
                replied_ms = world.upstream.now_ms();
                let mut reply = digest(reply, &step.op);
                if let Some(members) = reply.as_object_mut() {
                    let elapsed = started.elapsed().as_secs_f64() * 1e3;
                    members.insert("elapsed_ms".to_owned(), elapsed.round().into());
                }
                for (name, pointer) in &step.note {
                    let value = reply.pointer(pointer).and_then(Value::as_str);
                    let value =
                        value.ok_or_else(|| format!("{}: no text at {pointer}", place()))?;
                    noted.insert(name.clone(), value.to_owned());
                }
                let expect = step.expect.clone().unwrap_or_else(|| json!({ "ok": {} }));
                let found = differences(&world.fill_value(&expect), Some(&reply));
                if !found.is_empty() {
                    let log = sketch(&world.upstream.log());
                    return Err(format!(
                        "{}\n  {}\n--- reply\n{reply}\n--- upstream\n{log}",
                        place(),
                        found.join("\n  ")
                    ));
                }
            }
        }
        if step.op == "drop" {
            // Hosts let go in their own time; what comes next finds the place free.
            let gone = |entry: &Recorded| entry.answered || entry.closed_ms.is_some();
            world
                .upstream
                .wait(LOG_LIMIT, |log: &[Recorded]| log.iter().all(gone));
        }
        for (sent, since) in [(&step.sent, before), (&step.sent_in_all, 0)] {
            if let Some(sent) = sent {
                check_sent(sent, since, replied_ms, world)
                    .map_err(|why| format!("{}\n{why}", place()))?;
            }
        }
    }
    Ok(())
}

/// The step with what earlier ones noted.
fn recall(step: &Step, noted: &BTreeMap<String, String>) -> Result<Step, String> {
    let filled = |value: &Value| {
        let mut text = value.to_string();
        for (name, value) in noted {
            text = text.replace(&format!("{{noted.{name}}}"), value);
        }
        serde_json::from_str::<Value>(&text).map_err(|error| format!("{}: {error}", step.op))
    };
    let mut recalled = step.clone();
    for text in [&mut recalled.target, &mut recalled.body]
        .into_iter()
        .flatten()
    {
        if let Value::String(filled) = filled(&Value::String(text.clone()))? {
            *text = filled;
        }
    }
    for value in [&mut recalled.expect, &mut recalled.request]
        .into_iter()
        .flatten()
    {
        *value = filled(value)?;
    }
    for id in recalled.ids.iter_mut().flatten() {
        if let Value::String(given) = filled(&Value::String(id.clone()))? {
            *id = given;
        }
    }
    for value in recalled.sent.iter_mut().flatten().map(|(_, value)| value) {
        *value = filled(value)?;
    }
    Ok(recalled)
}

/// Compares the lines of a file with what is expected, once they are there.
fn read_lines(step: &Step, world: &World) -> Result<(), String> {
    let path = world.fill(step.path.as_deref().unwrap_or_default());
    let expect = world.fill_value(&step.expect.clone().unwrap_or_else(|| json!([])));
    let until = Instant::now() + LOG_LIMIT;
    loop {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let lines = lines.map_err(|error| format!("{path}: {error}\n{text}"))?;
        let found = differences(&expect, Some(&Value::Array(lines)));
        if found.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(format!("  {}\n--- {path}\n{text}", found.join("\n  ")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Steps that need no driver; `false` for the others.
fn perform_here(step: &Step, world: &World) -> Result<bool, String> {
    match step.op.as_str() {
        "script" => {
            for (name, replies) in &step.upstream {
                let replies: Result<Vec<Reply>, _> = replies
                    .iter()
                    .map(|reply| serde_json::from_value(reply.clone()))
                    .collect();
                world
                    .upstream
                    .script(name, replies.map_err(|error| format!("{name}: {error}"))?);
            }
            Ok(true)
        }
        "serve" => {
            let config = step.config.as_ref().map(|config| world.fill_value(config));
            world.serve(&config.unwrap_or_default()).map(|()| true)
        }
        "write" => {
            let path = world.fill(step.path.as_deref().unwrap_or_default());
            let text = world.fill(step.text.as_deref().unwrap_or_default());
            std::fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Compares what arrived since `before` with what the step says.
fn check_sent(
    sent: &BTreeMap<String, Value>,
    before: usize,
    replied_ms: f64,
    world: &World,
) -> Result<(), String> {
    let expected: BTreeMap<&str, Value> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), world.fill_value(value)))
        .collect();
    // What was sent just before a cancellation may still be on its way into the log.
    let settled = |log: &[Recorded]| {
        expected.iter().all(|(name, value)| {
            let calls: Vec<&Recorded> = log
                .iter()
                .skip(before)
                .filter(|entry| entry.name == *name)
                .collect();
            match value {
                Value::Array(list) => {
                    calls.len() >= list.len()
                        && list.iter().zip(&calls).all(|(wanted, call)| {
                            (wanted.get("closed_within_ms").is_none() || call.closed_ms.is_some())
                                && said(wanted) <= call.messages.len()
                        })
                }
                Value::Number(count) => calls.len() as u64 >= count.as_u64().unwrap_or(0),
                _ => true,
            }
        })
    };
    let log = world.upstream.wait(LOG_LIMIT, settled);
    let fresh = log.get(before..).unwrap_or_default();
    let mut found = Vec::new();
    for (name, value) in &expected {
        let calls: Vec<Value> = fresh
            .iter()
            .filter(|entry| entry.name == *name)
            .map(|entry| received(entry, replied_ms))
            .collect();
        let actual = if value.is_array() {
            Value::Array(calls)
        } else {
            calls.len().into()
        };
        let value = if value.is_array() {
            soften(value)
        } else {
            value.clone()
        };
        for line in differences(&json!({ *name: value }), Some(&json!({ *name: actual }))) {
            found.push(line);
        }
    }
    for entry in fresh {
        if !expected.contains_key(entry.name.as_str()) {
            found.push(format!(
                "{} received {} {}",
                entry.name, entry.method, entry.path
            ));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "  sent: {}\n--- upstream\n{}",
        found.join("\n  sent: "),
        sketch(fresh)
    ))
}

/// How many messages of a session are waited for.
fn said(wanted: &Value) -> usize {
    wanted["messages"].as_array().map_or(0, Vec::len)
}

/// `closed_within_ms: n` becomes a matcher for the time between the reply and the close.
fn soften(list: &Value) -> Value {
    let mut list = list.clone();
    for call in list.as_array_mut().into_iter().flatten() {
        if let Some(members) = call.as_object_mut()
            && let Some(limit) = members.remove("closed_within_ms")
        {
            members.insert(
                "closed_after_ms".to_owned(),
                json!({ "$between": [-1e9, limit] }),
            );
        }
    }
    list
}

fn received(entry: &Recorded, replied_ms: f64) -> Value {
    let mut headers = Map::new();
    for (name, value) in &entry.headers {
        headers.insert(name.clone(), value.clone().into());
    }
    let bytes = String::from_utf8_lossy(&entry.body).into_owned();
    json!({
        "method": entry.method,
        "path": entry.path,
        "headers": headers,
        "body": serde_json::from_str::<Value>(&bytes).unwrap_or(Value::Null),
        "bytes": bytes,
        "connection": entry.connection,
        "answered": entry.answered,
        "messages": entry.messages,
        "closed_after_ms": entry.closed_ms.map(|closed| closed - replied_ms),
    })
}

fn sketch(log: &[Recorded]) -> String {
    let lines: Vec<String> = log
        .iter()
        .map(|entry| {
            let body = String::from_utf8_lossy(&entry.body);
            let body: String = body.chars().take(400).collect();
            let end = match (entry.answered, entry.closed_ms) {
                (true, _) => "answered".to_owned(),
                (false, Some(at)) => format!("left at {at:.0} ms"),
                (false, None) => "open".to_owned(),
            };
            let (at, name) = (entry.at_ms, &entry.name);
            format!(
                "{at:.0} ms {name} {} {} {body} [{end}]",
                entry.method, entry.path
            )
        })
        .collect();
    lines.join("\n")
}
