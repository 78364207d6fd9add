//! `tidegate demo`: what the gateway does, shown with scripted providers.

use std::{
    fmt,
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tidegate::{
    Code, Error, Money, VERSION,
    bridge::{End, Engine, Mode, Outcome, Request, Source},
    header as names,
    providers::catalogue,
};

use super::{
    Demo, OK, complain, logging,
    paint::{self, Paint},
    serve::{Attendant, Files},
};
use crate::{ServeOptions, Server, ServerHandle};

/// Longest pause between two words of the shown stream.
const STEP: Duration = Duration::from_millis(200);

pub(super) fn run(options: Demo) -> i32 {
    match show(options) {
        Ok(code) => code,
        Err(Broken::Engine(error)) => complain(&error),
        // Whoever read the output has seen enough.
        Err(Broken::Output) => OK,
    }
}

enum Broken {
    Engine(Error),
    Output,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Output
    }
}

fn show(options: Demo) -> Result<i32, Broken> {
    logging::install("quiet")?;
    let found = vendors_with_keys();
    let engine = Engine::open(Source::Value(configuration(&found)))?;
    let stdout = io::stdout();
    let paint = Paint(paint::wanted(stdout.is_terminal()));
    let mut stage = Stage {
        out: stdout.lock(),
        paint,
        engine: &engine,
        total: Money::ZERO,
    };
    stage.play()?;
    if options.exit {
        return Ok(OK);
    }
    let attendant = Attendant::new()?;
    let server = start(&engine, options.listen)?;
    stage.invite(server.addr(), &found)?;
    drop(stage);
    Ok(attendant.attend(&engine, &server, Files::default()))
}

/// Vendors whose usual environment variable is set.
#[expect(
    clippy::disallowed_methods,
    reason = "asks whether a key is there; the engine reads it"
)]
fn vendors_with_keys() -> Vec<&'static str> {
    let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    catalogue::vendors()
        .filter(|vendor| vendor.env.iter().any(set))
        .map(|vendor| vendor.name)
        .collect()
}

/// The usual address, or any when that is taken and nobody asked for it.
fn start(engine: &Engine, listen: Option<String>) -> Result<ServerHandle, Error> {
    let given = listen.is_some();
    let options = |listen| ServeOptions {
        listen,
        threads: None,
    };
    match Server::start(engine, options(listen)) {
        Err(error) if !given && error.code() == Code::InvalidConfig => {
            Server::start(engine, options(Some("127.0.0.1:0".to_owned())))
        }
        result => result,
    }
}

/// Three scripted vendors, four routes, one key with a small budget; and the real vendors found.
fn configuration(found: &[&str]) -> Value {
    let prices = json!({ "*": { "input": "0.25", "output": "2" } });
    let mut providers = json!({
        "harbour": {
            "dialect": "openai",
            "prices": prices,
            "mock": { "replies": [{ "text": "A gateway inside your process: no hop, no second service, one bill." }] },
        },
        "lagoon": {
            "dialect": "anthropic",
            "prices": { "*": { "input": "1", "output": "5" } },
            "mock": { "replies": [{
                "text": "The tide takes what the harbour lends, and brings it back before day ends.",
                "pace": "45ms",
            }] },
        },
        "reef": {
            "dialect": "openai",
            "prices": prices,
            "mock": { "replies": [{ "status": 429, "headers": { "retry-after": "20" } }] },
        },
    });
    for name in found {
        providers[name] = json!({});
    }
    json!({
        "providers": providers,
        "models": {
            "quick": { "targets": ["harbour/small"] },
            "poet": { "targets": ["lagoon/large"] },
            "sturdy": { "targets": ["reef/small"], "fallbacks": ["harbour/small"] },
            "thrifty": { "targets": ["harbour/small"], "cache": { "mode": "exact", "ttl": "1h" } },
        },
        "keys": [{ "id": "demo", "value": "tg-demo", "budgets": [{ "limit": "0.01", "per": "1d" }] }],
        "server": { "anonymous": "allow" },
    })
}

/// Where the show takes place.
struct Stage<'a, W> {
    out: W,
    paint: Paint,
    engine: &'a Engine,
    total: Money,
}

impl<W: Write> Stage<'_, W> {
    fn play(&mut self) -> Result<(), Broken> {
        let paint = self.paint;
        let title = format!("Tidegate {VERSION}");
        writeln!(
            self.out,
            "{}  scripted providers, no key, no network\n",
            paint.bold(title)
        )?;
        self.reply()?;
        self.stream()?;
        self.fallback()?;
        self.cache()?;
        self.budget()?;
        let total = format!("${}", self.total);
        writeln!(
            self.out,
            "{:<10} {}\n",
            paint.bold("total"),
            paint.green(total)
        )?;
        Ok(())
    }

    fn reply(&mut self) -> Result<(), Broken> {
        let (head, body) = self.ask("quick", "What are you?", &json!({}))?;
        self.scene("reply", text_of(&body))?;
        self.facts(&head)
    }

    fn stream(&mut self) -> Result<(), Broken> {
        let wish = json!({ "stream": true });
        let outcome = self
            .engine
            .call(request("poet", "A rhyme, please.", &wish, None));
        let (head, stream) = match outcome {
            Outcome::Stream(head, stream) => (head, stream),
            Outcome::Reply(..) => return Ok(()),
            Outcome::Error(error) => return Err(error.into()),
        };
        write!(self.out, "{:<10} ", self.paint.bold("stream"))?;
        let mut headers = head.headers;
        loop {
            let batch = stream.read(16, Some(STEP));
            for frame in batch.frames {
                let chunk: Value = serde_json::from_slice(&frame.data).unwrap_or_default();
                let word = chunk["choices"][0]["delta"]["content"].as_str();
                write!(self.out, "{}", self.paint.cyan(word.unwrap_or_default()))?;
                self.out.flush()?;
            }
            match batch.end {
                None => {}
                Some(End::Complete(last)) => {
                    headers.extend(last);
                    break;
                }
                Some(End::Failed(error)) => return Err(error.into()),
            }
        }
        writeln!(self.out)?;
        self.facts(&headers)?;
        self.note("an Anthropic-style provider, read through the OpenAI API")
    }

    fn fallback(&mut self) -> Result<(), Broken> {
        let (head, _) = self.ask("sturdy", "Are you there?", &json!({}))?;
        self.scene("fallback", "reef answers 429, harbour takes over")?;
        self.facts(&head)
    }

    fn cache(&mut self) -> Result<(), Broken> {
        let (first, _) = self.ask("thrifty", "What is a tide?", &json!({}))?;
        let (second, _) = self.ask("thrifty", "What is a tide?", &json!({}))?;
        self.scene(
            "cache",
            "the same question twice: asked once, remembered once",
        )?;
        self.facts(&first)?;
        self.facts(&second)
    }

    fn budget(&mut self) -> Result<(), Broken> {
        let wish = json!({ "max_tokens": 100_000 });
        let call = request("quick", "Write me a novel.", &wish, Some("tg-demo"));
        match self.engine.call(call) {
            Outcome::Error(error) => {
                let refused = format!("refused: {}", error.message());
                writeln!(
                    self.out,
                    "{:<10} {}",
                    self.paint.bold("budget"),
                    self.paint.yellow(refused)
                )?;
                let code = format!("{} {}", error.code().number(), error.code().slug());
                self.note(&format!("{code}; over HTTP a {}", error.status().as_u16()))
            }
            _ => Ok(()),
        }
    }

    fn invite(&mut self, url: &str, found: &[&str]) -> Result<(), Broken> {
        let paint = self.paint;
        writeln!(self.out, "Serving {}   Ctrl-C stops\n", paint.bold(url))?;
        let body = r#"{"model":"sturdy","messages":[{"role":"user","content":"hi"}]}"#;
        writeln!(self.out, "Try next")?;
        writeln!(self.out, "  curl -i {url}/v1/chat/completions -d '{body}'")?;
        writeln!(
            self.out,
            "  any OpenAI SDK with base_url={url}/v1, any Anthropic SDK with base_url={url}"
        )?;
        match found.first() {
            Some(vendor) => writeln!(
                self.out,
                "  real models too, for keys of yours were found: {} (model \"{vendor}/...\")",
                found.join(", ")
            )?,
            None => writeln!(
                self.out,
                "  OPENAI_API_KEY=... tidegate serve      the same with real models"
            )?,
        }
        writeln!(self.out, "  tidegate serve --help")?;
        Ok(())
    }

    fn scene(&mut self, name: &str, text: impl fmt::Display) -> Result<(), Broken> {
        writeln!(
            self.out,
            "{:<10} {}",
            self.paint.bold(name),
            self.paint.cyan(text)
        )?;
        Ok(())
    }

    fn note(&mut self, text: &str) -> Result<(), Broken> {
        writeln!(self.out, "{:<10} {}", "", self.paint.dim(text))?;
        Ok(())
    }

    /// What the gateway says about a call, one aligned line.
    fn facts(&mut self, headers: &HeaderMap) -> Result<(), Broken> {
        let text = |name: &http::HeaderName| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("-")
        };
        let cost = text(&names::COST);
        if let Ok(amount) = cost.parse::<Money>() {
            self.total = self.total.saturating_add(amount);
        }
        let tries = match text(&names::ATTEMPTS) {
            "1" => "1 try".to_owned(),
            many => format!("{many} tries"),
        };
        let target = match text(&names::TARGET) {
            "-" => "cache",
            target => target,
        };
        let paint = self.paint;
        writeln!(
            self.out,
            "{:<10} {:<16}{:<9}{:<14}{}",
            "",
            paint.dim(target),
            paint.dim(tries),
            paint.green(format!("${cost}")),
            paint.dim(format!("{} \u{b5}s in the gateway", text(&names::OVERHEAD))),
        )?;
        Ok(())
    }

    fn ask(&self, model: &str, text: &str, wish: &Value) -> Result<(HeaderMap, Bytes), Broken> {
        match self.engine.call(request(model, text, wish, None)) {
            Outcome::Reply(head, body) => Ok((head.headers, body)),
            Outcome::Stream(head, _) => Ok((head.headers, Bytes::new())),
            Outcome::Error(error) => Err(error.into()),
        }
    }
}

fn request(model: &str, text: &str, wish: &Value, key: Option<&str>) -> Request {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": text }] });
    if let (Some(body), Some(wish)) = (body.as_object_mut(), wish.as_object()) {
        body.extend(wish.clone());
    }
    Request {
        mode: Mode::Native,
        method: Method::POST,
        target: "/v1/chat/completions".to_owned(),
        headers: HeaderMap::new(),
        body: body.to_string().into(),
        key: key.map(str::to_owned),
        trusted: true,
    }
}

fn text_of(body: &[u8]) -> String {
    let reply: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = reply["choices"][0]["message"]["content"].as_str();
    text.unwrap_or_default().to_owned()
}
