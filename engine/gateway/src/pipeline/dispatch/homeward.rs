//! Addresses that a vendor gives its callers to go on with, led back here.
//!
//! A caller in this process reaches the engine at the vendor's own address. One in another process
//! would go past it, with a key the vendor does not know.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use tidegate_types::{Dialect, Endpoint};

use crate::{
    kept::{Origin, Place},
    pipeline::Job,
    snapshot::Target,
    wire::base_path,
};

/// Where the bytes of a file go whose upload has begun (Google's page on the Files API).
const UPLOAD_URL: HeaderName = HeaderName::from_static("x-goog-upload-url");

/// The member of Anthropic's batches that says where their results are.
const RESULTS: &[u8] = b"\"results_url\"";

/// Whether the body of an answer may hold an address to lead back: one of Anthropic's batches, or a
/// list of them.
pub(super) fn may_hold(job: &Job, dialect: Dialect) -> bool {
    let Endpoint::Passthrough { path, .. } = &job.endpoint else {
        return false;
    };
    let place = Place::of(path);
    !job.context.trusted
        && dialect == Dialect::Anthropic
        && place.kind == "batches"
        && place.rest != "results"
}

/// Leaves of each address of results its path, which the packages put behind their base URL.
pub(super) fn results(body: Bytes) -> Bytes {
    let mut out: Vec<u8> = Vec::new();
    let mut copied = 0;
    for found in memchr::memmem::find_iter(&body, RESULTS) {
        let Some((start, path)) = origin_at(&body, found + RESULTS.len()) else {
            continue;
        };
        out.extend_from_slice(body.get(copied..start).unwrap_or_default());
        copied = path;
    }
    if copied == 0 {
        return body;
    }
    out.extend_from_slice(body.get(copied..).unwrap_or_default());
    out.into()
}

/// From where to where the scheme and host lie of the address that is the value behind `at`.
fn origin_at(body: &[u8], at: usize) -> Option<(usize, usize)> {
    let skip = |from: usize, byte: u8| {
        let rest = body.get(from..)?;
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
        let at = from + blank.count();
        (body.get(at) == Some(&byte)).then_some(at + 1)
    };
    let start = skip(skip(at, b':')?, b'"')?;
    let address = body.get(start..)?;
    let host = ["https://", "http://"].iter().find_map(|scheme| {
        address
            .starts_with(scheme.as_bytes())
            .then_some(scheme.len())
    })?;
    let end = memchr::memchr2(b'/', b'"', address.get(host..)?)?;
    (address.get(host + end) == Some(&b'/')).then_some((start, start + host + end))
}

/// Puts this gateway's address into the header that says where to upload, below the provider's
/// prefix, and remembers whose upload it is: what follows carries no key.
pub(super) fn upload(job: &Job, target: &Target, base: &str, headers: &mut HeaderMap) {
    let Some(address) = headers.get(&UPLOAD_URL).filter(|_| !job.context.trusted) else {
        return;
    };
    let text = address.to_str().ok();
    let Some(address) = text.and_then(|text| text.parse::<Uri>().ok()) else {
        return;
    };
    let said = |name: &HeaderName| job.headers.get(name)?.to_str().ok();
    let Some(host) = said(&header::HOST) else {
        return;
    };
    let tls = job.snapshot.config.server.tls.is_some();
    let scheme = said(&HeaderName::from_static("x-forwarded-proto")).unwrap_or(if tls {
        "https"
    } else {
        "http"
    });
    let path = address.path();
    let path = path.strip_prefix(base_path(base)).unwrap_or(path);
    let name = &*target.provider.name;
    let query = address.query().unwrap_or_default();
    let Ok(led) = HeaderValue::try_from(format!("{scheme}://{host}/{name}{path}?{query}")) else {
        return;
    };
    if let Some(id) = upload_id(query) {
        job.gateway.kept.origins.note(&noted(id), || Origin {
            owner: job.owner().cloned(),
            target: Arc::clone(&target.label),
            batch: None,
        });
    }
    headers.insert(UPLOAD_URL, led);
}

/// Under which name the upload is remembered that a path goes on with.
pub(in crate::pipeline) fn upload_of(path: &str) -> Option<String> {
    let (path, query) = path.split_once('?')?;
    path.starts_with("/upload/")
        .then(|| upload_id(query))
        .flatten()
        .map(noted)
}

fn upload_id(query: &str) -> Option<&str> {
    let mut parts = query.split('&');
    parts.find_map(|part| part.strip_prefix("upload_id="))
}

/// Apart from the ids of things.
fn noted(id: &str) -> String {
    ["upload_id=", id].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_results_lose_their_origin_and_nothing_else_changes() {
        let cut =
            |text: &str| String::from_utf8(results(Bytes::from(text.to_owned())).into()).unwrap();
        assert_eq!(
            cut(r#"{"a": 1.0,"results_url" : "https://api.anthropic.com/v1/x/results", "b":[]}"#),
            r#"{"a": 1.0,"results_url" : "/v1/x/results", "b":[]}"#
        );
        assert_eq!(
            cut(
                r#"[{"results_url":"http://h:1/a"},{"results_url":null},{"results_url":"https://h/b"}]"#
            ),
            r#"[{"results_url":"/a"},{"results_url":null},{"results_url":"/b"}]"#
        );
        for same in [
            r#"{"results_url":null}"#,
            r#"{"results_url":"/v1/x"}"#,
            r#"{"results_url":"https://host"}"#,
            r#"{"text":"\"results_url\":\"https://h/x\""}"#,
            r#"{"results_url""#,
            r#"{"results_url":"https://"#,
            "",
        ] {
            assert_eq!(cut(same), same);
        }
    }

    #[test]
    fn only_paths_of_uploads_name_one() {
        let name = Some("upload_id=u1".to_owned());
        assert_eq!(upload_of("/upload/v1beta/files?upload_id=u1&x=2"), name);
        assert_eq!(upload_of("/v1beta/files?upload_id=u1"), None);
        assert_eq!(upload_of("/upload/v1beta/files"), None);
    }
}
