//! `tidegate explain`: what would become of a request, and why.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Read as _},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate::{
    Code, Error,
    bridge::{Engine, Mode, Request},
    explain::{Considered, Explanation, Skipped, TargetSeen},
};

use super::{
    Explain, complain, find,
    paint::{Paint, wanted},
    print,
};

pub(super) fn run(options: Explain) -> i32 {
    let json = options.json;
    let told = ask(options).and_then(|told| {
        let explanation = serde_json::from_slice::<Explanation>(&told);
        let explanation = explanation.map_err(|error| {
            let text = format!("what came is no explanation: {error}");
            Error::new(Code::Internal, text)
        })?;
        Ok((told, explanation))
    });
    match told {
        Err(error) => complain(&error),
        Ok((told, _)) if json => print(&format!("{}\n", String::from_utf8_lossy(&told))),
        Ok((_, explanation)) => {
            let paint = Paint(wanted(std::io::stdout().is_terminal()));
            print(&shown(&explanation, paint))
        }
    }
}

fn ask(options: Explain) -> Result<Bytes, Error> {
    let body = read(&options.request)?;
    let mut headers = HeaderMap::new();
    for text in &options.header {
        let (name, value) = header(text)?;
        headers.append(name, value);
    }
    let method = options.method.parse().map_err(|_| {
        let text = format!("{:?} is no HTTP method", options.method);
        Error::new(Code::InvalidRequest, text)
    })?;
    let engine = match &options.url {
        Some(url) => Engine::connect(url, options.key.clone())?,
        None => Engine::open(find(options.config).0)?,
    };
    engine.explain(Request {
        mode: Mode::Native,
        method,
        target: options.path,
        headers,
        body: Bytes::from(body),
        key: options.key,
        trusted: true,
    })
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut body).map(|_| body)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        let text = format!("cannot read {}: {error}", path.display());
        Error::new(Code::InvalidRequest, text)
    })
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let parts = text.split_once(':');
    let read = parts.and_then(|(name, value)| {
        let name = name.trim().parse().ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    });
    read.ok_or_else(|| {
        let text = format!("{text:?} is no header: write NAME:VALUE");
        Error::new(Code::InvalidRequest, text)
    })
}

/// An explanation for people. Writing to a String cannot fail.
fn shown(told: &Explanation, paint: Paint) -> String {
    let mut text = String::new();
    let outcome = &told.outcome;
    let target = outcome.target.as_deref().unwrap_or_default();
    let heading = match outcome.does.as_str() {
        "ask" if outcome.anyway => format!("asks {target} although it is not well"),
        "ask" if outcome.by_chance => format!("asks {target} first, most likely"),
        "ask" => format!("asks {target} first"),
        "cached" => format!("gives the stored answer of {target}"),
        "refuse" => "is refused".to_owned(),
        _ => "is answered by the gateway itself".to_owned(),
    };
    let _ = writeln!(text, "{}", paint.bold(heading));
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "  {:<10} {value}", paint.dim(label));
    };
    if let Some(error) = &outcome.error {
        line("because", said(error));
    }
    let asked = &told.request;
    let bound = asked.max_output_tokens;
    let bound = bound.map_or_else(String::new, |most| format!(", at most {most} tokens out"));
    line(
        "request",
        format!(
            "{} for {:?} in {}{}, about {} tokens in{bound}",
            asked.endpoint,
            asked.model,
            asked.dialect,
            if asked.stream { ", streamed" } else { "" },
            asked.input_tokens,
        ),
    );
    line("caller", caller(told));
    for (at, rule) in told.rules.iter().enumerate() {
        line(if at == 0 { "rules" } else { "" }, rule_said(rule));
    }
    if let Some(route) = &told.route {
        let level = route.level.as_ref();
        let level = level.map_or_else(String::new, |level| format!(", the request is {level}"));
        line(
            "route",
            format!("{}, {}{level}", route.name, route.strategy),
        );
        for compared in &route.semantic {
            let known = if compared.known {
                "compared by"
            } else {
                "as written: a call would first ask"
            };
            line("", format!("{known} {}", compared.embedder));
        }
    }
    line("cache", cache_said(told));
    if let Some(most) = outcome.reserves {
        line("reserves", format!("${most} at most"));
    }
    list(&mut text, "targets", &told.targets, paint);
    list(&mut text, "fallbacks", &told.fallbacks, paint);
    for (cause, targets) in &told.fallbacks_on {
        list(&mut text, &format!("on {cause}"), targets, paint);
    }
    if let Some(panel) = &told.panel {
        list(&mut text, "judges", &panel.judges, paint);
    }
    if let Some(shadow) = &told.shadow {
        list(&mut text, "copies", &shadow.targets, paint);
    }
    text
}

fn said(error: &serde_json::Value) -> String {
    let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let wait = error["retry_after"].as_f64();
    let wait = wait.map_or_else(String::new, |wait| format!(", again in {wait:.1} s"));
    format!("{} [{}]{wait}", word("message"), word("slug"))
}

fn caller(told: &Explanation) -> String {
    let mut text = told.identity.clone().unwrap_or_else(|| "root".to_owned());
    if told.chain.len() > 1 {
        let levels = told
            .chain
            .iter()
            .map(|one| format!("{} {}", one.level, one.id));
        let _ = write!(text, " ({})", levels.collect::<Vec<_>>().join(" > "));
    }
    match &told.admission.error {
        Some(error) => {
            let _ = write!(text, ", not let in: {}", said(error));
        }
        None => text.push_str(", let in"),
    }
    for budget in &told.admission.budgets {
        let (spent, reserved, limit) = (budget.spent, budget.reserved, budget.limit);
        let _ = write!(
            text,
            "; {}: ${spent} spent, ${reserved} held, of ${limit}",
            budget.of
        );
    }
    if let Some(used) = told.admission.limit_used.filter(|used| *used > 0.0) {
        let _ = write!(text, "; {used:.0} % of its limits used");
    }
    text
}

fn rule_said(rule: &Considered) -> String {
    let mut text = rule.name.clone();
    text.push_str(match (rule.holds, &rule.undefined) {
        (Some(true), _) => ": applies",
        (Some(false), _) => ": no",
        (None, _) => ": no value",
    });
    if let Some(why) = &rule.undefined {
        let _ = write!(text, " ({why})");
    }
    if let Some(target) = &rule.leads_to {
        let _ = write!(text, ", leads to {target}");
    }
    for (key, value) in &rule.set {
        let _ = write!(text, ", sets {key} to {value}");
    }
    if rule.refuses {
        text.push_str(", refuses");
    }
    if let Some(when) = &rule.when {
        let _ = write!(text, "   when {when}");
    }
    text
}

fn cache_said(told: &Explanation) -> String {
    let cache = &told.cache;
    match (&cache.age_s, &cache.target) {
        (Some(age), Some(target)) => format!("hit, {age:.0} s old, from {target}"),
        _ => cache.state.clone(),
    }
}

fn list(text: &mut String, label: &str, targets: &[TargetSeen], paint: Paint) {
    if targets.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", paint.bold(label));
    for (at, target) in targets.iter().enumerate() {
        let share = target.first;
        let share = share.map_or_else(String::new, |share| {
            format!("  first in {:.0} % of calls", share * 100.0)
        });
        let name = paint.bold(&target.target);
        let _ = writeln!(text, "  {}. {name}{share}", at + 1);
        if let Some(skipped) = &target.skipped {
            let _ = writeln!(text, "     {}", paint.yellow(skip_said(skipped)));
        }
        for line in facts(target) {
            let _ = writeln!(text, "     {line}");
        }
    }
}

fn skip_said(skipped: &Skipped) -> String {
    let wait = skipped.for_s;
    let wait = wait.map_or_else(String::new, |wait| format!(", for {wait:.1} s"));
    format!("not asked: {}{wait}", skipped.text)
}

fn facts(target: &TargetSeen) -> Vec<String> {
    let mut lines = Vec::new();
    for place in &target.places {
        let mut line = format!("{} {}: {}", place.strategy, place.name, place.why);
        if place.priority > 0 {
            let _ = write!(line, ", priority {}", place.priority);
        }
        if place.outlier {
            line.push_str(", behind the others: it fails far more often");
        }
        if let Some(canary) = &place.canary {
            let word = if canary.chosen { "in" } else { "not in" };
            let (at, percent) = (canary.bucket, canary.percent);
            let _ = write!(line, ", {word} the canary of {percent} % (at {at:.1})");
        }
        lines.push(line);
    }
    if !target.tags.is_empty() {
        lines.push(format!("tags {}", target.tags.join(", ")));
    }
    let guess = if target.priced {
        ""
    } else {
        " (no price known)"
    };
    let mut cost = format!(
        "${} expected, ${} at most{guess}",
        target.cost, target.reserves
    );
    if let Some(error) = &target.over_budget {
        let _ = write!(cost, "; does not fit: {}", said(error));
    }
    lines.push(cost);
    if target.translated {
        let mut line = format!("translated into {}", target.dialect);
        if !target.dropped.is_empty() {
            let _ = write!(line, ", without {}", target.dropped.join(", "));
        }
        lines.push(line);
    } else if !target.dropped.is_empty() {
        lines.push(format!("sent without {}", target.dropped.join(", ")));
    }
    let breaker = &target.breaker;
    let mut health = format!("{}, breaker {}", target.standing, breaker.state);
    if let Some(left) = breaker.open_s {
        let _ = write!(health, " for {left:.1} s");
    }
    let _ = write!(
        health,
        ", {:.0} % failing, {} calls under way",
        breaker.failing * 100.0,
        target.in_flight
    );
    if let Some(total) = target.latency_ms.total {
        let _ = write!(health, ", {total:.0} ms in all");
    }
    lines.push(health);
    for key in &target.keys {
        let name = key.name.as_deref().unwrap_or("its key");
        let states = [
            (key.refused_s, "was refused: left alone"),
            (key.limited_s, "asks too often: left alone"),
            (key.scarce_s, "has little quota left: behind others"),
        ];
        for (left, what) in states {
            if let Some(left) = left {
                lines.push(format!("key {name} {what} for {left:.1} s"));
            }
        }
    }
    lines
}
