mod connections;
mod proxies;
mod tls;
mod upstream;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tidegate_types::Segments;

use super::HttpTransport;
use crate::transport::{HttpRequest, HttpResponse, Transport as _, TransportError};

fn transport() -> HttpTransport {
    HttpTransport::new(&|_| None)
}

fn post(url: &str, body: impl Into<Segments>) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        uri: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        body: body.into(),
        rest: None,
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_secs(5),
    }
}

async fn collect(response: &mut HttpResponse) -> Result<String, TransportError> {
    let mut all = Vec::new();
    while let Some(piece) = response.body.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(all).expect("text"))
}

async fn fetch(transport: &HttpTransport, url: &str) -> Result<String, TransportError> {
    let mut response = transport.send(post(url, Bytes::from_static(b"{}"))).await?;
    collect(&mut response).await
}
