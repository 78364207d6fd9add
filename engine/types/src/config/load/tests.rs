use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::config::{CacheScope, Duration, Strategy};

const VENDORS: &[&str] = &["anthropic", "gemini", "groq", "ollama", "openai"];

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("sk-very-secret".to_owned()),
        "EMPTY" => Some(String::new()),
        "TRIES" => Some("3".to_owned()),
        "TRICKY" => Some("env:KEY ${KEY}".to_owned()),
        "LINES" => Some("sk-very-secret\nsk-other".to_owned()),
        _ => None,
    }
}

fn yaml(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Format::Yaml, VENDORS, &env)
}

/// All mistakes in a document, one per line.
fn told(text: &str) -> String {
    match yaml(text) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

/// Asserts that exactly these mistakes are told, in any order.
#[track_caller]
fn tells(text: &str, wanted: &[&str]) {
    let told = told(text);
    let mut found: Vec<&str> = told.lines().collect();
    let mut wanted = wanted.to_vec();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "\n{text}");
}

#[test]
fn the_three_formats_read_the_same() {
    let from_yaml = yaml("models: { fast: { targets: [openai/gpt-5-mini], cache: { ttl: 90s } } }");
    let from_toml = Config::parse(
        "[models.fast]\ntargets = [\"openai/gpt-5-mini\"]\ncache.ttl = \"90s\"",
        Format::Toml,
        VENDORS,
        &env,
    );
    let from_json = Config::parse(
        r#"{"$schema":"x","models":{"fast":{"targets":["openai/gpt-5-mini"],"cache":{"ttl":90}}}}"#,
        Format::Json,
        VENDORS,
        &env,
    );
    let text = |config: Result<Config, Problems>| serde_json::to_string(&config.unwrap()).unwrap();
    let first = text(from_yaml);
    assert_eq!(first, text(from_toml));
    assert_eq!(first, text(from_json));
    for empty in ["", "# nothing\n", "providers:\nkeys:\n"] {
        assert!(yaml(empty).unwrap().providers.is_none(), "{empty:?}");
    }
    assert!(Config::parse("", Format::Toml, VENDORS, &env).is_ok());
}

#[test]
fn the_documented_example_is_read_as_written() {
    let config = yaml(
        r#"
providers:
  openai:    { api_key: ${KEY} }
  anthropic: { keys: [ { name: a, value: "${KEY}", weight: 3 }, { name: b, value: env:TRICKY, models: [claude-*] } ] }
  local:     { dialect: openai, base_url: "http://127.0.0.1:11434/v1", prices: { "*": { input: 0, output: 0 } } }
  lab:       { dialect: anthropic, base_url: "http://10.0.0.5:8080", headers: { x-team: lab }, timeouts: { connect: 2s, first_byte: 20s, idle: 30s, total: 5m } }
  ollama:
models:
  fast:
    strategy: weighted
    targets: [ { model: openai/gpt-5-mini, weight: 3 }, { model: anthropic/claude-haiku-4-5 } ]
    fallbacks: [ local/llama ]
    retry: { attempts: "${TRIES}", backoff: 200ms, max_backoff: 2s }
    cache: { mode: exact, ttl: 1h, scope: public }
keys: [ { id: alice, value: "${ALICE:-tg-${KEY}}", models: [ "fast", "openai/*" ], limits: [ { requests: 60, per: 1m }, { in_flight: 8 } ] } ]
server: { listen: "127.0.0.1:8787" }
"#,
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    let providers = config.providers.unwrap();
    assert_eq!(
        providers["openai"].api_key.as_ref().unwrap().expose(),
        "sk-very-secret"
    );
    assert_eq!(providers["anthropic"].keys[0].weight, 3);
    assert_eq!(
        providers["anthropic"].keys[1].value.expose(),
        "env:KEY ${KEY}",
        "read once only"
    );
    assert!(providers.contains_key("ollama"));
    let fast = &config.models["fast"];
    assert_eq!(fast.strategy, Strategy::Weighted);
    assert_eq!((fast.targets[0].weight, fast.targets[1].weight), (3, 1));
    assert_eq!(
        fast.retry.attempts,
        Some(3),
        "a number may come from a variable"
    );
    assert_eq!(
        fast.retry.backoff.map(Duration::get).unwrap().as_millis(),
        200
    );
    assert_eq!(fast.cache.as_ref().unwrap().scope, CacheScope::Public);
    assert_eq!(
        config.keys[0].value.as_ref().unwrap().expose(),
        "tg-sk-very-secret"
    );
}

#[test]
fn variables_are_replaced_as_in_a_shell() {
    let read = |listen: &str| {
        let text = format!("server: {{ tls: {{ cert: \"{listen}\", key: k }} }}");
        yaml(&text).map(|config| config.server.tls.unwrap().cert)
    };
    for (written, meant) in [
        ("${KEY}", "sk-very-secret"),
        ("a${KEY}b${KEY}c", "ask-very-secretbsk-very-secretc"),
        ("${NOPE:-x}", "x"),
        ("${NOPE:-}y", "y"),
        ("${EMPTY:-x}", "x"),
        ("${NOPE:-${KEY}}", "sk-very-secret"),
        ("${NOPE:-{a,b}}", "{a,b}"),
        ("$${KEY}", "${KEY}"),
        ("$KEY $$ {KEY}", "$KEY $$ {KEY}"),
        ("${TRICKY}", "env:KEY ${KEY}"),
    ] {
        assert_eq!(read(written).unwrap(), meant, "{written}");
    }
    for (written, part) in [
        ("${NOPE}", "\"NOPE\" is not set"),
        ("${KEY", "never closed"),
        ("${}", "not followed by the name"),
        ("${1A}", "not followed by the name"),
        ("${KEY-x}", "not followed by the name"),
    ] {
        let problems = read(written).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{written}: {problems}");
        assert_eq!(problems.0[0].path, "server.tls.cert");
        assert!(
            problems.0[0].message.contains(part),
            "{written}: {problems}"
        );
    }
}

#[test]
fn references_keep_their_braces_inside_flow_collections() {
    let config =
        yaml("providers: { openai: { api_key: ${NOPE:-a,b[c]:{d}} }, groq: {api_key: ${KEY}} }");
    let providers = config
        .unwrap_or_else(|problems| panic!("{problems}"))
        .providers
        .unwrap();
    assert_eq!(
        providers["openai"].api_key.as_ref().unwrap().expose(),
        "a,b[c]:{d}"
    );
    assert_eq!(
        providers["groq"].api_key.as_ref().unwrap().expose(),
        "sk-very-secret"
    );
    // Columns are what they were, and the document's own private characters survive.
    let problems = yaml("a: ${KEY}\nb: { x: ${KEY}, : ]")
        .unwrap_err()
        .to_string();
    assert!(problems.contains("line 2"), "{problems}");
    let value = text::read("a: \"\u{e07b} ${A:-{}}\"", Format::Yaml).unwrap();
    assert_eq!(value, json!({ "a": "\u{e07b} ${A:-{}}" }));
}

#[test]
fn secrets_come_from_variables_and_files_and_never_show() {
    let path = std::env::temp_dir().join(format!("tidegate-secret-{}", std::process::id()));
    std::fs::write(&path, "sk-from-file\n").unwrap();
    let document = format!(
        "providers:\n  openai: {{ api_key: 'file:{}' }}\n  groq: {{ api_key: 'env:KEY', headers: {{ x-a: 'env:KEY' }} }}",
        path.display()
    );
    let config = yaml(&document).unwrap_or_else(|problems| panic!("{problems}"));
    let providers = config.providers.as_ref().unwrap();
    assert_eq!(
        providers["openai"].api_key.as_ref().unwrap().expose(),
        "sk-from-file"
    );
    assert_eq!(providers["groq"].headers["x-a"].expose(), "sk-very-secret");
    assert!(!format!("{config:?}").contains("secret"));
    assert!(!serde_json::to_string(&config).unwrap().contains("sk-"));
    std::fs::remove_file(&path).unwrap();
    tells(
        "providers: { openai: { api_key: 'env:NOPE' }, groq: { api_key: 'file:/no/such/file' } }",
        &[
            r#"providers.groq.api_key: cannot read the file "/no/such/file": entity not found"#,
            r#"providers.openai.api_key: the environment variable "NOPE" is not set"#,
        ],
    );
    // Elsewhere these are ordinary texts.
    assert!(yaml("server: { tls: { cert: 'file:/x', key: 'env:y' } }").is_ok());
    // Whatever is wrong about a secret, it is not quoted.
    for document in [
        "providers: { openai: { api_key: \"${LINES}\" } }",
        "providers: { openai: { api_key: { a: sk-very-secret } } }",
        "providers: { openai: sk-very-secret }",
        "providers: { openai: { keys: [ sk-very-secret ] } }",
        "providers: { openai: { keys: [ { value: sk-very-secret }, { value: sk-very-secret } ] } }",
        "models: { a: { targets: [ openai/x ], strategy: \"${KEY}\", retry: { backoff: \"${KEY}\" } } }",
        "keys: [ { id: a, value: sk-very-secret }, { id: b, value: sk-very-secret } ]",
        "providers: { lab: { dialect: openai, base_url: 'https://user:sk-very-secret@host/v1' } }",
        "providers: { openai: { api_key: \"sk-very-secret } }",
        "keys: sk-very-secret",
        "server: { listen: \"${KEY}\" }",
    ] {
        let told = told(document);
        assert!(!told.is_empty(), "{document}");
        assert!(!told.contains("secret"), "{document}: {told}");
    }
}

#[test]
fn unknown_fields_are_named_with_what_was_meant() {
    tells(
        "models:\n  fast: { targets: [openai/a], retries: 3 }\n  slow: { target: [openai/a] }\nserver: { port: 80 }\nservers: {}",
        &[
            r#"models.fast.retries: unknown field, did you mean "retry"? (known: at_once, by, cache, complexity, ensemble, fallbacks, fallbacks_on, hedge, priority, resume, retry, semantic, shadow, strategy, targets, try_anyway, window)"#,
            r#"models.slow.target: unknown field, did you mean "targets"? (known: at_once, by, cache, complexity, ensemble, fallbacks, fallbacks_on, hedge, priority, resume, retry, semantic, shadow, strategy, targets, try_anyway, window)"#,
            "server.port: unknown field (known: admin_key, anonymous, drain, listen, max_body, threads, tls, trusted_proxies)",
            r#"servers: unknown field, did you mean "server"? (known: assume_output_tokens, breaker, brownout, cache, customers, end_users, journal, keys, log, max_in_flight, models, on_unsupported, providers, queue, rules, server, shared, store, teams, timeouts, unpriced, users)"#,
        ],
    );
    tells(
        "models: { 'gpt-4.1': { targets: [ { modle: openai/a, model: openai/a } ] } }",
        &[
            r#"models["gpt-4.1"].targets[0].modle: unknown field, did you mean "model"? (known: canary, capabilities, complexity, description, examples, headers, max_in_flight, max_input_tokens, model, params, priority, probe, tags, timeouts, weight)"#,
        ],
    );
}

#[test]
fn wrong_types_and_values_are_told_together() {
    tells(
        "
models:
  fast:
    strategy: wieghted
    targets: [ 5, { weight: 2 }, { model: openai/a, weight: -1 }, { model: openai/a, weight: 1.5 } ]
    retry: { attempts: many, backoff: 3 parsecs }
    cache: true
  slow: [ ordered ]
keys:
  - { id: a }
  - { value: v, disabled: maybe, limits: [ { requests: 5000000000000000000000, per: 1m } ] }
  - [ a, b ]
cache: { memory: lots }
providers: { openai: { prices: { '*': { input: cheap } } } }
",
        &[
            r#"models.fast.strategy: unknown value "wieghted", did you mean "weighted"? (known: ordered, weighted, round_robin, least_busy, least_latency, least_cost, least_usage, consistent_hash, prompt_cache_affinity, complexity, semantic, race, ensemble)"#,
            "models.fast.targets[0]: expected `provider/model`, a route, or an object with `model`, found a whole number",
            "models.fast.targets[1].model: missing, and it has no default",
            "models.fast.targets[2].weight: expected a whole number, 0 or more, found a negative number",
            "models.fast.targets[3].weight: expected a whole number, 0 or more, found a decimal number",
            "models.fast.retry.attempts: expected a whole number, 0 or more, found a text",
            r#"models.fast.retry.backoff: not a duration: "3 parsecs" (use 250ms, 10s, 5m, 1h, 1d, 1w, 1mo or 1y)"#,
            "models.fast.cache: expected an object, found true or false",
            "models.slow: expected an object, found a list",
            "keys[0].value: missing: a key is known by its value or by its hash (`tidegate keys new` makes both)",
            "keys[1].id: missing, and it has no default",
            "keys[1].disabled: expected true or false, found a text",
            "keys[1].limits[0].requests: expected a whole number, 0 or more, found a decimal number",
            "keys[2]: expected an object, found a list",
            r#"cache.memory: not a size: "lots" (use 512KiB, 64MiB or 1GB)"#,
            r#"providers.openai.prices["*"].input: not an amount in dollars: "cheap" (use a decimal such as 5, 0.25 or "1000")"#,
        ],
    );
    tells("- a", &["the document must be an object, not a list"]);
}

#[test]
fn references_to_providers_are_judged() {
    tells(
        "models: { fast: { targets: [ openai/a, opnai/gpt, 'groq', fast, gpt-4o, '', /x, openai/, 'openai/*' ] } }",
        &[
            r#"models.fast.targets[1].model: unknown provider "opnai", did you mean "openai"?"#,
            r#"models.fast.targets[2].model: "groq" is a provider; write `groq/` and the model's name"#,
            "models.fast.targets[3].model: leads back to itself: fast -> fast",
            r#"models.fast.targets[4].model: "gpt-4o" is no route and has no provider; write `provider/model`"#,
            "models.fast.targets[5].model: empty; write `provider/model`",
            "models.fast.targets[6].model: the provider in front of the `/` is missing",
            r#"models.fast.targets[7].model: the model after "openai/" is missing"#,
            "models.fast.targets[8].model: a target is one model; it cannot hold a wildcard",
        ],
    );
    tells(
        "providers: { openai: {} }\nmodels: { fast: { targets: [ groq/x ], fallbacks: [ zzz/y ] } }",
        &[
            r#"models.fast.targets[0].model: provider "groq" is not configured; add providers.groq"#,
            r#"models.fast.fallbacks[0].model: unknown provider "zzz""#,
        ],
    );
    // What could not be read is not blamed on those who refer to it.
    tells(
        "providers: { lab: 5 }\nmodels: { fast: { targets: [ lab/x ] } }",
        &["providers.lab: expected an object, found a whole number"],
    );
    tells(
        "provider: { lab: {} }\nmodels: { fast: { targets: [ lab/x ] } }",
        &[
            r#"provider: unknown field, did you mean "providers"? (known: assume_output_tokens, breaker, brownout, cache, customers, end_users, journal, keys, log, max_in_flight, models, on_unsupported, providers, queue, rules, server, shared, store, teams, timeouts, unpriced, users)"#,
        ],
    );
    tells(
        "models: { fast: { targets: [ '${NOPE}' ] } }",
        &[
            r#"models.fast.targets[0]: the environment variable "NOPE" is not set; set it, or write ${NOPE:-default}"#,
        ],
    );
}

#[test]
fn providers_are_checked() {
    tells(
        "
providers:
  lab: {}
  opnai: { dialect: openai }
  demo: { mock: {} }
  a b: { dialect: openai, mock: {} }
  one: { dialect: openai, base_url: ftp://x }
  two: { dialect: openai, base_url: 'https://u:p@x/v1' }
  three: { dialect: openai, base_url: 'https://x/v1?a=b' }
  four: { dialect: openai, base_url: 'https://x:99999/v1' }
  five: { dialect: openai, base_url: 'localhost:8080' }
  six: { dialect: openai, base_url: 'http://[::1]:8080/v1', api_key: '', timeouts: { connect: 0 } }
  openai: { api_key: a, keys: [ { value: b, weight: 0 }, { value: b, weight: 0, name: n }, { value: c, weight: 0, name: n, models: [ '', 'a?' ] } ] }
  groq: { headers: { 'bad name': x, host: y, x-ok: \"a\\nb\" }, prices: { 'llama*': { input: -1 }, x: { request: '-0.5' } } }
  anthropic: { mock: { replies: [ { status: 99, text: a, body: b } ] } }
",
        &[
            r#"providers.lab: "lab" is not a known vendor; say its dialect and base_url"#,
            r#"providers.opnai.base_url: missing: "opnai" is not a known vendor; did you mean "openai"? If not, say where it listens"#,
            r#"providers.demo.dialect: missing: "demo" is not a known vendor; say its dialect"#,
            r#"providers["a b"]: a provider's name is made of letters, digits, `.`, `_` and `-`: it is part of `provider/model` and of paths"#,
            "providers.one.base_url: must begin with http:// or https://",
            "providers.two.base_url: must not hold a user name or password; use api_key or headers",
            "providers.three.base_url: must not hold a query or a fragment: paths are appended to it",
            "providers.four.base_url: not a valid URL",
            "providers.five.base_url: must begin with http:// or https://",
            "providers.six.api_key: empty",
            "providers.six.timeouts.connect: must be longer than 0",
            "providers.openai.keys: give either api_key or keys, not both",
            "providers.openai.keys: every weight is 0; at least one key must take calls",
            "providers.openai.keys[1].value: the same key as keys[0]",
            r#"providers.openai.keys[2].name: "n" already names keys[1]"#,
            "providers.openai.keys[2].models[0]: empty; name a model, or use * as a wildcard",
            "providers.openai.keys[2].models[1]: the only wildcard is *, which stands for any text",
            r#"providers.groq.headers["bad name"]: not a valid header name"#,
            "providers.groq.headers.host: cannot be set: HTTP itself decides this header",
            "providers.groq.headers.x-ok: holds characters a header cannot carry, such as a line break",
            r#"providers.groq.prices["llama*"]: no wildcards here: name one model, or use * alone for every model without an entry"#,
            r#"providers.groq.prices["llama*"].input: must not be negative"#,
            "providers.groq.prices.x.request: must not be negative",
            "providers.anthropic.mock.replies[0].status: must be a status from 200 to 599",
            "providers.anthropic.mock.replies[0].body: give either text or body, not both",
        ],
    );
    tells(
        "providers: {}",
        &[
            "providers: empty; add a provider, or leave `providers` out to use every vendor whose key is in the environment",
        ],
    );
}

#[test]
fn routes_are_checked() {
    tells(
        "
models:
  '': { targets: [ openai/a ] }
  'gpt-*': { targets: [ openai/a ] }
  empty:
  idle: { strategy: weighted, targets: [ { model: openai/a, weight: 0 } ] }
  tries: { targets: [ { model: openai/a, params: { model: x, stream: true } } ], retry: { attempts: 0, backoff: 5s, max_backoff: 1s }, cache: { ttl: 0 } }
",
        &[
            r#"models[""]: a route needs a name"#,
            r#"models["gpt-*"]: a route's name cannot hold a wildcard"#,
            "models.empty.targets: missing: name at least one `provider/model`",
            "models.idle.targets: every weight is 0; at least one target must take calls",
            "models.tries.targets[0].params.model: write the model as the target's own `model`",
            "models.tries.targets[0].params.stream: whether a reply is streamed is the caller's choice",
            "models.tries.retry.attempts: must be 1 or more: it counts every try, and 1 means no retry",
            "models.tries.retry.backoff: must not be longer than max_backoff",
            "models.tries.cache.ttl: must be longer than 0",
        ],
    );
}

#[test]
fn keys_are_checked() {
    tells(
        "
models: { fast: { targets: [ openai/a ] } }
keys:
  - { id: a, value: v, models: [ fast, fats, openai/*, opnai/*, '*', '*/x', gpt-4o, '' ] }
  - { id: a, value: v, expires: tomorrow }
  - { id: '', value: '', expires: '2027-01-01T00:00:00Z', budgets: [ { limit: 0, per: 1d }, { limit: 5, per: 0s } ] }
  - id: 'b'
    value: w
    limits: [ {}, { requests: 5 }, { requests: 5, per: 1m, in_flight: 3 }, { in_flight: 3, per: 1m }, { in_flight: 0 }, { requests: 0, per: 1m }, { tokens: 4 } ]
",
        &[
            r#"keys[0].models[1]: no route is called "fats", did you mean "fast"?"#,
            r#"keys[0].models[3]: unknown provider "opnai", did you mean "openai"?"#,
            r#"keys[0].models[6]: no route is called "gpt-4o"; for a provider's own model write `provider/model`"#,
            "keys[0].models[7]: empty; name a model, or use * as a wildcard",
            r#"keys[1].id: "a" already names keys[0]"#,
            "keys[1].value: the same value as keys[0]",
            "keys[1].expires: not a moment; write it as 2026-12-31T23:59:59Z (RFC 3339)",
            "keys[2].id: empty",
            "keys[2].value: empty",
            "keys[2].budgets[0].limit: must be more than 0; `disabled: true` stops a key",
            "keys[2].budgets[1].per: must be longer than 0",
            "keys[3].limits[0]: needs one of requests, tokens, input_tokens, output_tokens, cost (with per) or in_flight",
            "keys[3].limits[1].per: missing: requests in which time?",
            "keys[3].limits[2]: requests and in_flight are two limits; write two entries",
            "keys[3].limits[3].per: in_flight counts calls at the same time and takes no per",
            "keys[3].limits[4].in_flight: must be more than 0; `disabled: true` stops a key",
            "keys[3].limits[5].requests: must be more than 0; `disabled: true` stops a key",
            "keys[3].limits[6].per: missing: tokens in which time?",
        ],
    );
}

#[test]
fn the_server_is_checked() {
    let tell = |listen: &str| told(&format!("server: {{ listen: '{listen}' }}"));
    for fine in [
        "127.0.0.1:8787",
        "localhost:0",
        "[::1]:80",
        "unix:/run/t.sock",
        "0.0.0.0:1",
    ] {
        assert_eq!(tell(fine), "", "{fine}");
    }
    for (wrong, part) in [
        ("8787", "write 127.0.0.1:8787"),
        (":8787", "write 0.0.0.0:8787"),
        ("http://x:1", "leave out"),
        ("localhost", "host:port"),
        ("::1:80", "host:port"),
        ("x:70000", "up to 65535"),
        ("unix:", "unix:/path"),
        ("a b:1", "host:port"),
    ] {
        let told = tell(wrong);
        assert!(
            told.starts_with("server.listen: must be host:port"),
            "{wrong}: {told}"
        );
        assert!(told.contains(part), "{wrong}: {told}");
    }
    tells(
        "server: { threads: 0, max_body: 0, tls: { cert: '', key: k } }\ncache: { memory: 0 }\nassume_output_tokens: 0\ntimeouts: { total: 0 }",
        &[
            "server.threads: must be 1 or more",
            "server.max_body: must be more than 0",
            "server.tls.cert: empty; name a PEM file",
            "cache.memory: must be more than 0; a route without `cache` is not cached",
            "assume_output_tokens: must be 1 or more",
            "timeouts.total: must be longer than 0",
        ],
    );
}

#[test]
fn syntax_errors_name_line_and_column() {
    let told = |text: &str, format| {
        Config::parse(text, format, VENDORS, &env)
            .unwrap_err()
            .to_string()
    };
    for (format, text, start) in [
        (
            Format::Yaml,
            "models:\n  fast: [ a\n",
            "YAML syntax error at line 2, column 9: unclosed bracket",
        ),
        (
            Format::Yaml,
            "a: 1\nb: 2\na: 3\n",
            "YAML syntax error at line 3, column 1: ",
        ),
        (Format::Yaml, "a: \"x", "YAML syntax error at line 1"),
        (
            Format::Yaml,
            "a: .inf",
            "YAML syntax error at line 1, column 4: ",
        ),
        (
            Format::Yaml,
            "a: 1\n---\nb: 2",
            "YAML syntax error at line ",
        ),
        (
            Format::Toml,
            "a = 1\na = 2\n",
            "TOML syntax error at line 2, column 1: ",
        ),
        (Format::Toml, "a = [\n", "TOML syntax error at line "),
        (Format::Toml, "a = inf", "`inf` and `nan`"),
        (
            Format::Json,
            "{\n \"a\": 1,\n}",
            "JSON syntax error at line 3, column 1: ",
        ),
        (
            Format::Json,
            "{\"a\": 1, \"a\": 2}",
            "JSON syntax error at line 1, column 12: \"a\" is written twice",
        ),
        (
            Format::Json,
            "{\"a\": 1e999}",
            "JSON syntax error at line 1",
        ),
        (Format::Json, "", "JSON syntax error at line 1"),
    ] {
        let told = told(text, format);
        assert!(told.starts_with(start), "{text:?}: {told}");
        assert!(!told.contains('\n'), "{text:?}: {told}");
    }
}

#[test]
fn hostile_documents_are_refused_without_harm() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let list = vec![format!("*a{}", level - 1); 9].join(", ");
        let _ = writeln!(bomb, "a{level}: &a{level} [{list}]");
    }
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    for (format, text) in [
        (Format::Yaml, bomb),
        (Format::Yaml, deep("[", "]")),
        (Format::Yaml, deep("{a: ", "}")),
        (Format::Yaml, "- ".repeat(20_000)),
        (Format::Yaml, "a: &a [*a]".to_owned()),
        (Format::Json, deep("[", "]")),
        (Format::Json, deep("{\"a\":", "}")),
        (Format::Toml, format!("a = {}", deep("[", "]"))),
        (Format::Toml, format!("{}a = 1", "a.".repeat(20_000))),
        (Format::Yaml, "a".repeat(LARGE)),
    ] {
        let problems = Config::parse(&text, format, VENDORS, &env).unwrap_err();
        let told = problems.to_string();
        assert!(told.len() < 500, "{}", &told[..500]);
    }
    let mut value = json!(1);
    for _ in 0..100_000 {
        value = Value::Array(vec![value]);
    }
    let problems = Config::from_value(value, VENDORS, &env).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "the document is nested deeper than 64 levels"
    );
    let many: String = (0..500).fold("models:\n".to_owned(), |mut text, n| {
        let _ = writeln!(text, "  m{n}: {{ targets: [ nope/x ] }}");
        text
    });
    let problems = yaml(&many).unwrap_err();
    assert_eq!(problems.0.len(), 101);
    assert_eq!(problems.0[100].message, "and 400 more");
}

const LARGE: usize = (16 << 20) + 1;

#[test]
fn mistakes_become_one_error_with_its_first_path() {
    let error = crate::Error::from(yaml("server: { threads: 0, max_body: 0 }").unwrap_err());
    assert_eq!(error.code(), crate::Code::InvalidConfig);
    assert!(
        error.message().contains("server.threads") && error.message().contains("server.max_body")
    );
}

/// Reads arbitrary bytes in every format. Never panics.
fn any_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for format in [Format::Yaml, Format::Toml, Format::Json] {
        let _ = Config::parse(&text, format, VENDORS, &env);
    }
}

mod properties {
    use proptest::prelude::{
        Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof,
        proptest,
    };

    use super::{Config, Format, VENDORS, Value, any_text, env, json};

    /// Values that look like configurations in parts, so that the deeper checks are reached.
    fn any_value() -> impl Strategy<Value = Value> {
        let word = proptest::sample::select(vec![
            "providers",
            "models",
            "keys",
            "openai",
            "fast",
            "targets",
            "fallbacks",
            "model",
            "value",
            "id",
            "retry",
            "attempts",
            "limits",
            "per",
            "budgets",
            "limit",
            "prices",
            "*",
            "input",
            "headers",
            "api_key",
            "mock",
            "replies",
            "server",
            "listen",
            "cache",
            "ttl",
            "weight",
            "env:KEY",
            "${KEY}",
            "${NOPE}",
            "${",
            "1m",
            "openai/x",
            "",
            "x/y",
            "5",
            "$${a}",
            "dialect",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.clone().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((word.clone(), inner), 0..6).prop_map(|members| {
                    members
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect()
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            any_text(&bytes);
        }

        #[test]
        fn arbitrary_yaml_like_text_never_panics(text in "[a-z{}\\[\\]:,&*#|>!%@\"'$ \n\t-]{0,200}") {
            any_text(text.as_bytes());
        }

        #[test]
        fn arbitrary_values_never_panic_and_name_what_is_wrong(value in any_value()) {
            if let Err(problems) = Config::from_value(value, VENDORS, &env) {
                prop_assert!(!problems.0.is_empty());
                for problem in &problems.0 {
                    prop_assert!(!problem.message.is_empty());
                }
            }
        }

        #[test]
        fn a_valid_document_survives_yaml_and_json(name in "[a-z]{1,10}", weight in 1u32..1000, text in "[^$\\x00-\\x1f\\x7f]{0,40}") {
            let value = json!({ "models": { name.as_str(): { "targets": [
                { "model": "openai/x", "weight": weight, "params": { "user": text } }
            ] } } });
            let json = serde_json::to_string(&value).unwrap();
            let first = Config::parse(&json, Format::Json, VENDORS, &env).unwrap();
            let second = Config::from_value(value, VENDORS, &env).unwrap();
            prop_assert_eq!(serde_json::to_string(&first).unwrap(), serde_json::to_string(&second).unwrap());
            prop_assert_eq!(first.models[&name].targets[0].weight, weight);
        }
    }
}
