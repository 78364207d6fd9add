//! Stage 9: what of an upstream's answer the caller may see.

use http::HeaderMap;
use tidegate_types::Error;

use super::{Answer, Job};

/// Headers that belong to the connection with the upstream (RFC 9110 section 7.6.1), to its body's
/// framing, or to its web front end.
const WITHHELD: &[&str] = &[
    "connection",
    "content-length",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "set-cookie",
    "strict-transport-security",
    "alt-svc",
    "keep-alive",
    "proxy-connection",
];

#[expect(
    clippy::unused_async,
    reason = "guardrails that ask another service await here"
)]
pub(super) async fn run(_job: &mut Job, answer: &mut Answer) -> Result<(), Error> {
    withhold(&mut answer.headers);
    Ok(())
}

/// Removes what the caller must not see.
pub(super) fn withhold(headers: &mut HeaderMap) {
    for name in WITHHELD {
        headers.remove(*name);
    }
}
