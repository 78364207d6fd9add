//! Stage 9: what of an upstream's answer the caller may see.

use http::{HeaderMap, HeaderName};
use smallvec::SmallVec;
use tidegate_types::Error;

use super::{Answer, Job};

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
    // Looking at the few headers that are there is cheaper than looking for each that may not be.
    let names: SmallVec<[HeaderName; 8]> = headers
        .keys()
        .filter(|name| withheld(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// Headers that belong to the connection with the upstream (RFC 9110 section 7.6.1), to its body's
/// framing, to its web front end, or that only the gateway may set.
fn withheld(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "transfer-encoding"
            | "trailer"
            | "upgrade"
            | "set-cookie"
            | "strict-transport-security"
            | "alt-svc"
            | "keep-alive"
            | "proxy-connection"
    ) || name.starts_with("x-tidegate-")
}
