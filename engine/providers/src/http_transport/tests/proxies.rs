use super::{
    tls::{File, identity},
    upstream::{Peer, Upstream, answer},
    *,
};

fn through(proxy: String) -> HttpTransport {
    HttpTransport::new(&move |name| match name {
        "HTTP_PROXY" | "HTTPS_PROXY" => Some(proxy.clone()),
        "NO_PROXY" => Some("internal.example".to_owned()),
        _ => None,
    })
}

#[tokio::test]
async fn plain_requests_name_the_whole_url_to_the_proxy() {
    let proxy = Upstream::bind().await;
    let transport = through(format!("http://user:pass@{}", proxy.address));
    let server = async {
        let mut peer = proxy.accept().await;
        let (head, _) = peer.request().await.expect("a request");
        peer.write(&answer("by proxy")).await;
        head
    };
    let url = "http://vendor.example/v1/chat?x=1";
    let (head, text) = tokio::join!(server, fetch(&transport, url));
    assert_eq!(text.unwrap(), "by proxy");
    assert!(
        head.starts_with("POST http://vendor.example/v1/chat?x=1 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("proxy-authorization: Basic dXNlcjpwYXNz"),
        "{head}"
    );
    assert!(head.contains("host: vendor.example"), "{head}");
}

#[tokio::test]
async fn secure_requests_go_through_a_tunnel() {
    let proxy = Upstream::bind().await;
    let transport = through(format!("http://{}", proxy.address));
    let server = async {
        let mut peer = proxy.accept().await;
        let (head, _) = peer.request().await.expect("a CONNECT");
        peer.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .await;
        head
    };
    let (head, result) = tokio::join!(server, fetch(&transport, "https://vendor.example/secret"));
    assert!(
        head.starts_with("CONNECT vendor.example:443 HTTP/1.1\r\n"),
        "{head}"
    );
    let error = result.unwrap_err();
    assert!(matches!(error, TransportError::ConnectFailed(_)), "{error}");
    assert!(
        error.to_string().contains("through the proxy 127.0.0.1"),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn tunnel_carries_tls_to_the_upstream() {
    let proxy = Upstream::bind().await;
    let identity = identity("vendor.example");
    let roots = File::of(&identity.pem, proxy.address.port());
    let (address, named) = (format!("http://{}", proxy.address), roots.path());
    let transport = HttpTransport::new(&move |name| match name {
        "https_proxy" => Some(address.clone()),
        "SSL_CERT_FILE" => Some(named.clone()),
        _ => None,
    });
    let server = async {
        let mut peer = proxy.accept().await;
        peer.request().await.expect("a CONNECT");
        peer.write("HTTP/1.1 200 Connection established\r\n\r\n")
            .await;
        let mut peer = Peer(identity.acceptor.accept(peer.0).await.expect("a handshake"));
        let (head, _) = peer.request().await.expect("a request");
        peer.write(&answer("through")).await;
        head
    };
    let (head, text) = tokio::join!(server, fetch(&transport, "https://vendor.example/v1"));
    assert_eq!(text.unwrap(), "through");
    assert!(head.starts_with("POST /v1 HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("proxy-authorization"), "{head}");
}

#[tokio::test]
async fn socks_proxy_resolves_the_name_and_sees_no_request() {
    let proxy = Upstream::bind().await;
    let transport = through(format!("socks5h://{}", proxy.address));
    let server = async {
        let mut peer = proxy.accept().await;
        // RFC 1928: greeting, choice, request, reply.
        peer.exactly(&[5, 1, 0]).await;
        peer.bytes(&[5, 0]).await;
        let mut wanted = vec![5, 1, 0, 3, 14];
        wanted.extend_from_slice(b"vendor.example\0\x50");
        peer.exactly(&wanted).await;
        peer.bytes(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await;
        let (head, _) = peer.request().await.expect("a request");
        peer.write(&answer("by socks")).await;
        head
    };
    let (head, text) = tokio::join!(server, fetch(&transport, "http://vendor.example/v1"));
    assert_eq!(text.unwrap(), "by socks");
    assert!(head.starts_with("POST /v1 HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn connecting_is_given_up_in_time() {
    let proxy = Upstream::bind().await;
    let transport = through(format!("http://{}", proxy.address));
    let mut request = post("https://vendor.example/", Bytes::new());
    request.connect_timeout = Duration::from_millis(50);
    let (error, mut peer) = tokio::join!(transport.send(request), proxy.accept());
    assert_eq!(error.unwrap_err(), TransportError::ConnectTimeout);
    peer.closed_after().await;
}

#[tokio::test]
async fn hosts_named_by_no_proxy_are_reached_directly() {
    let upstream = Upstream::bind().await;
    let proxy = format!("http://{}", Upstream::bind().await.address);
    let transport = HttpTransport::new(&move |name| match name {
        "all_proxy" => Some(proxy.clone()),
        "no_proxy" => Some("127.0.0.0/8".to_owned()),
        _ => None,
    });
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("direct")).await;
    };
    let url = upstream.url("/");
    let (text, ()) = tokio::join!(fetch(&transport, &url), server);
    assert_eq!(text.unwrap(), "direct");
}

#[test]
fn proxy_variable_of_a_cgi_request_is_not_trusted() {
    let transport = HttpTransport::new(&|name| match name {
        "HTTP_PROXY" => Some("http://evil.example".to_owned()),
        "REQUEST_METHOD" => Some("GET".to_owned()),
        _ => None,
    });
    let uri: http::Uri = "http://vendor.example/".parse().unwrap();
    let route = transport
        .0
        .dialer
        .route(&uri, uri.authority().unwrap().clone(), false);
    assert!(route.proxy.is_none());
}
