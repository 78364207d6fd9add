//! HTTP/2, TLS and unix sockets.

use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::{body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::support::*;

async fn over_http2<S>(stream: S, stream_reply: bool) -> (u16, String, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let driver = tokio::task::spawn(connection);
    let request = Request::post("http://test/v1/chat/completions")
        .body(Full::new(Bytes::from(chat("mock/m", stream_reply))))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap();
    let cost = body
        .trailers()
        .and_then(|trailers| trailers.get("x-tidegate-cost").cloned());
    let cost = cost.map(|cost| cost.to_str().unwrap().to_owned());
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    driver.abort();
    (status, text, cost)
}

#[tokio::test]
async fn http2_is_spoken_without_tls_by_prior_knowledge() {
    let served = serve(scripted("openai", &json!([{ "text": "hello" }])));
    let stream = TcpStream::connect(served.address()).await.unwrap();
    let (status, text, _) = over_http2(stream, false).await;
    assert_eq!(status, 200);
    let reply: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(reply["choices"][0]["message"]["content"], "hello");
    let stream = TcpStream::connect(served.address()).await.unwrap();
    let (_, text, cost) = over_http2(stream, true).await;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert!(cost.is_some());
}

#[tokio::test]
async fn first_bytes_may_trickle_in() {
    let served = serve(scripted("openai", &json!([{ "text": "hello" }])));
    let mut client = served.connect().await;
    for byte in ["P", "O"] {
        client.send(byte).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let ask = post("/v1/chat/completions", &chat("mock/m", false));
    assert_eq!(client.ask(&ask[2..]).await.status, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn unix_socket_serves_and_leaves_no_file() {
    let file = std::env::temp_dir().join(format!("tidegate-{}.sock", std::process::id()));
    // What a server that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&file).unwrap());
    let listen = format!("unix:{}", file.display());
    let served = serve_at(scripted("openai", &json!([{ "text": "hello" }])), &listen);
    assert_eq!(served.handle.addr(), listen);
    let stream = tokio::net::UnixStream::connect(&file).await.unwrap();
    let mut client = Client::new(stream);
    let answer = client
        .ask(&post("/v1/chat/completions", &chat("mock/m", false)))
        .await;
    assert_eq!(answer.status, 200);
    let stream = tokio::net::UnixStream::connect(&file).await.unwrap();
    assert_eq!(over_http2(stream, false).await.0, 200);
    let engine = served.engine.clone();
    let options = tidegate_server::ServeOptions {
        listen: Some(listen),
        threads: None,
    };
    let error = tidegate_server::Server::start(&engine, options).unwrap_err();
    assert!(error.message().contains("another program"), "{error}");
    let handle = served.handle.clone();
    tokio::task::spawn_blocking(move || handle.shutdown(None))
        .await
        .unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn tls_speaks_both_protocols_and_takes_a_renewed_certificate() {
    let folder = std::env::temp_dir().join(format!("tidegate-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let renew = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    };
    let first = renew();
    let mut config = scripted("openai", &json!([{ "text": "hello" }]));
    config["server"] = json!({ "tls": { "cert": cert, "key": key } });
    let served = serve(config);
    assert!(served.handle.addr().starts_with("https://127.0.0.1:"));
    let connect = |trusted: rustls_pki_types::CertificateDer<'static>, protocol: &'static str| {
        let address = served.address().to_owned();
        async move {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(trusted).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            let stream = TcpStream::connect(address).await.unwrap();
            tokio_rustls::TlsConnector::from(Arc::new(config))
                .connect("localhost".try_into().unwrap(), stream)
                .await
        }
    };
    let mut client = Client::new(connect(first.clone(), "http/1.1").await.unwrap());
    let answer = client
        .ask(&post("/v1/chat/completions", &chat("mock/m", false)))
        .await;
    assert_eq!(answer.status, 200);
    let (status, _, _) = over_http2(connect(first.clone(), "h2").await.unwrap(), false).await;
    assert_eq!(status, 200);
    let second = renew();
    served.handle.reload_tls().unwrap();
    assert!(connect(first, "http/1.1").await.is_err());
    assert!(connect(second, "http/1.1").await.is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn tls_file_that_is_missing_is_named() {
    let mut config = scripted("openai", &json!([]));
    config["server"] = json!({ "tls": { "cert": "/nowhere/cert.pem", "key": "/nowhere/key.pem" } });
    let engine = tidegate::bridge::Engine::open(tidegate::bridge::Source::Value(config)).unwrap();
    let options = tidegate_server::ServeOptions {
        listen: Some("127.0.0.1:0".to_owned()),
        threads: None,
    };
    let error = tidegate_server::Server::start(&engine, options).unwrap_err();
    assert_eq!(error.param(), Some("server.tls.cert"));
    assert!(error.message().contains("/nowhere/cert.pem"), "{error}");
}
