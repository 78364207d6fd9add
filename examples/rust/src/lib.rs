//! What the example programs share. The code of `docs/getting-started/rust.md` is run as this
//! crate's documentation tests.
#![doc = include_str!("../../../docs/getting-started/rust.md")]

use std::path::Path;

use serde_json::json;
use tidegate::{Call, CallContext, Dialect, Endpoint, Error, Gateway, Source};

/// The gateway of `examples/tidegate.yaml`.
///
/// # Errors
/// `unreadable_config`, `invalid_config`.
pub fn gateway() -> Result<Gateway, Error> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tidegate.yaml");
    Ok(Gateway::new(Source::Path(file).load()?))
}

/// A chat of one turn, in the OpenAI dialect.
pub fn chat(model: &str, text: &str, stream: bool) -> Call {
    let body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": text }],
        "max_tokens": 32,
        "stream": stream,
    });
    Call {
        endpoint: Endpoint::Chat,
        dialect: Dialect::OpenAi,
        provider: None,
        named: None,
        body: body.to_string().into_bytes().into(),
        rest: None,
        headers: http::HeaderMap::new(),
    }
}

/// A caller inside this process, who needs no key.
pub fn root() -> CallContext {
    CallContext {
        trusted: true,
        ..CallContext::default()
    }
}
