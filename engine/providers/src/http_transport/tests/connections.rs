#![expect(
    clippy::disallowed_methods,
    reason = "tests play the other side of the wire"
)]

use super::{
    upstream::{Upstream, answer},
    *,
};

const AT_ONCE: Duration = Duration::from_millis(100);
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn requests_share_a_kept_alive_connection() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a first request");
        peer.write(&answer("one")).await;
        peer.request().await.expect("a second request");
        peer.write(&format!("{CHUNKED}3\r\ntwo\r\n0\r\n\r\n")).await;
        peer.request().await.expect("a third request");
        peer.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        peer.request().await.expect("a fourth request");
        peer.write(&answer("four")).await;
        assert!(upstream.stays_alone().await);
    };
    let client = async {
        for expected in ["one", "two", "", "four"] {
            assert_eq!(
                fetch(&transport, &upstream.url("/v1")).await.unwrap(),
                expected
            );
        }
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn request_arrives_as_it_was_given() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        let (head, body) = peer.request().await.expect("a request");
        peer.write(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nx-Odd: \t a b \r\ncontent-length: 2\r\n\r\n\x1f\x01",
        )
        .await;
        (head, body)
    };
    let client = async {
        let parts = ["{\"a\":", "1,", "\"b\":2}"].map(|part| Bytes::from_static(part.as_bytes()));
        let mut request = post(&upstream.url("/v1/chat?beta=true"), Bytes::new());
        request.body = parts.into_iter().collect();
        request.headers.insert("x-api-key", "k".parse().unwrap());
        request
            .headers
            .insert("content-length", "999".parse().unwrap());
        let mut response = transport.send(request).await.unwrap();
        assert_eq!(response.headers["content-encoding"], "gzip");
        assert_eq!(response.headers["x-odd"], "a b");
        assert_eq!(response.body.size_hint(), Some(2));
        assert_eq!(collect(&mut response).await.unwrap(), "\x1f\x01");
    };
    let ((head, body), ()) = tokio::join!(server, client);
    assert_eq!(body, r#"{"a":1,"b":2}"#);
    let mut lines: Vec<_> = head.lines().collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", upstream.address);
    assert_eq!(
        lines,
        [
            "POST /v1/chat?beta=true HTTP/1.1",
            "content-length: 13",
            host.as_str(),
            "x-api-key: k"
        ]
    );
}

#[tokio::test]
async fn body_of_a_megabyte_arrives_whole_both_ways() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let piece = Bytes::from("0123456789abcdef".repeat(4096));
    let server = async {
        let mut peer = upstream.accept().await;
        let (_, body) = peer.request().await.expect("a request");
        peer.write(&answer(&body)).await;
        body
    };
    let client = async {
        let mut request = post(&upstream.url("/"), Bytes::new());
        request.body = (0..16).map(|_| piece.clone()).collect();
        let mut response = transport.send(request).await.unwrap();
        collect(&mut response).await.unwrap()
    };
    let (sent, received) = tokio::join!(server, client);
    assert_eq!(sent.len(), 1 << 20);
    assert!(sent == received);
}

#[tokio::test]
async fn answer_is_heard_while_the_request_is_still_being_sent() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let server = async {
        let mut peer = upstream.accept().await;
        peer.write("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
            .await;
        peer.closed_after().await
    };
    let client = async {
        let mut request = post(&upstream.url("/"), Bytes::new());
        request.body = (0..64).map(|_| piece.clone()).collect();
        let mut response = transport.send(request).await.unwrap();
        assert_eq!(response.status, 413);
        assert_eq!(collect(&mut response).await.unwrap(), "big");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn answer_may_begin_before_the_whole_request_is_read() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let piece = Bytes::from(vec![b'x'; 1 << 20]);
    let server = async {
        let mut peer = upstream.accept().await;
        peer.write(CHUNKED).await;
        let (_, body) = peer.request().await.expect("all of the request");
        peer.write("4\r\nread\r\n0\r\n\r\n").await;
        peer.request()
            .await
            .expect("another request on the same connection");
        peer.write(&answer("again")).await;
        body.len()
    };
    let client = async {
        let mut request = post(&upstream.url("/"), Bytes::new());
        request.body = (0..16).map(|_| piece.clone()).collect();
        let mut response = transport.send(request).await.unwrap();
        assert_eq!(collect(&mut response).await.unwrap(), "read");
        assert_eq!(
            fetch(&transport, &upstream.url("/")).await.unwrap(),
            "again"
        );
    };
    let (length, ()) = tokio::join!(server, client);
    assert_eq!(length, 16 << 20);
}

#[tokio::test]
async fn connection_with_bytes_nobody_asked_for_is_not_used_again() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&format!("{}HTTP/1.1 200 OK\r\n", answer("one")))
            .await;
        peer.closed_after().await;
        let mut peer = upstream.accept().await;
        peer.request()
            .await
            .expect("a request on another connection");
        peer.write(&answer("two")).await;
    };
    let client = async {
        for expected in ["one", "two"] {
            assert_eq!(
                fetch(&transport, &upstream.url("/")).await.unwrap(),
                expected
            );
        }
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn dropped_body_closes_the_connection_at_once() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&format!("{CHUNKED}3\r\none\r\n")).await;
        peer.closed_after().await
    };
    let client = async {
        let mut response = transport
            .send(post(&upstream.url("/"), Bytes::new()))
            .await
            .unwrap();
        assert_eq!(response.body.next().await.unwrap().unwrap(), "one");
        drop(response);
    };
    let (took, ()) = tokio::join!(server, client);
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn dropped_request_closes_the_connection_at_once() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let mut sending = transport.send(post(&upstream.url("/"), Bytes::new()));
    let mut peer = tokio::select! {
        _ = &mut sending => panic!("nobody has answered"),
        peer = async {
            let mut peer = upstream.accept().await;
            peer.request().await.expect("a request");
            peer
        } => peer,
    };
    drop(sending);
    let took = peer.closed_after().await;
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn body_dropped_after_its_last_byte_keeps_the_connection() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&format!("{CHUNKED}6\r\n[DONE]\r\n0\r\n\r\n"))
            .await;
        peer.request()
            .await
            .expect("a second request on the same connection");
        peer.write(&answer("two")).await;
    };
    let client = async {
        let mut response = transport
            .send(post(&upstream.url("/"), Bytes::new()))
            .await
            .unwrap();
        assert_eq!(response.body.next().await.unwrap().unwrap(), "[DONE]");
        drop(response);
        assert_eq!(fetch(&transport, &upstream.url("/")).await.unwrap(), "two");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn connection_closed_while_idle_is_replaced_unnoticed() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let (told, closed) = tokio::sync::oneshot::channel();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("one")).await;
        drop(peer);
        told.send(()).unwrap();
        let mut peer = upstream.accept().await;
        peer.request().await.expect("the second request");
        peer.write(&answer("two")).await;
    };
    let client = async {
        assert_eq!(fetch(&transport, &upstream.url("/")).await.unwrap(), "one");
        closed.await.unwrap();
        assert_eq!(fetch(&transport, &upstream.url("/")).await.unwrap(), "two");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn slow_answer_is_a_first_byte_timeout_and_closes() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("quick")).await;
        peer.request().await.expect("a second request");
        peer.closed_after().await
    };
    let client = async {
        assert_eq!(
            fetch(&transport, &upstream.url("/")).await.unwrap(),
            "quick"
        );
        let mut request = post(&upstream.url("/"), Bytes::new());
        request.first_byte_timeout = Duration::from_millis(50);
        let error = transport.send(request).await.unwrap_err();
        assert_eq!(error, TransportError::FirstByteTimeout);
    };
    let (took, ()) = tokio::join!(server, client);
    assert!(took < Duration::from_millis(50) + AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn body_may_take_longer_than_the_first_byte_may() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&format!("{CHUNKED}3\r\none\r\n")).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
        peer.write("3\r\ntwo\r\n0\r\n\r\n").await;
    };
    let client = async {
        let mut request = post(&upstream.url("/"), Bytes::new());
        request.first_byte_timeout = Duration::from_millis(60);
        let mut response = transport.send(request).await.unwrap();
        assert_eq!(collect(&mut response).await.unwrap(), "onetwo");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn refused_connection_names_host_and_port_only() {
    let upstream = Upstream::bind().await;
    let url = upstream.url("/v1/secret?key=sk-123");
    let place = upstream.address.to_string();
    drop(upstream);
    let error = fetch(&transport(), &url).await.unwrap_err();
    let TransportError::ConnectFailed(text) = error else {
        panic!("{error}")
    };
    assert!(
        text.starts_with(&place) && text.contains("refused"),
        "{text}"
    );
    assert!(
        !text.contains("secret") && !text.contains("sk-123"),
        "{text}"
    );
}

#[tokio::test]
async fn truncated_bodies_are_lost_connections() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        &format!("{CHUNKED}5\r\nshort\r\n"),
    ] {
        let server = async {
            let mut peer = upstream.accept().await;
            peer.request().await.expect("a request");
            peer.write(head).await;
        };
        let client = async {
            let mut response = transport
                .send(post(&upstream.url("/"), Bytes::new()))
                .await
                .unwrap();
            assert_eq!(response.body.next().await.unwrap().unwrap(), "short");
            let error = response.body.next().await.unwrap().unwrap_err();
            assert!(
                matches!(error, TransportError::ConnectionLost(_)),
                "{error}"
            );
            assert!(response.body.next().await.is_none());
        };
        tokio::join!(server, client);
    }
}

#[tokio::test]
async fn connections_lost_before_the_answer_are_reported_not_retried() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-", "what is this"] {
        let server = async {
            let mut peer = upstream.accept().await;
            peer.request().await.expect("a request");
            peer.write(answer).await;
        };
        let client = async {
            let error = fetch(&transport, &upstream.url("/")).await.unwrap_err();
            assert!(
                matches!(error, TransportError::ConnectionLost(_)),
                "{error}"
            );
        };
        tokio::join!(server, client);
    }
    assert!(upstream.stays_alone().await);
}

#[tokio::test]
async fn body_without_a_length_ends_with_the_connection() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write("HTTP/1.1 200 OK\r\n\r\nall of it").await;
    };
    let (text, ()) = {
        let url = upstream.url("/");
        tokio::join!(fetch(&transport, &url), server)
    };
    assert_eq!(text.unwrap(), "all of it");
}

#[tokio::test]
async fn urls_that_cannot_be_requested_are_named_without_their_secrets() {
    for url in ["ftp://host/", "/v1/chat", "http://user:hunter2@host/"] {
        let error = fetch(&transport(), url).await.unwrap_err();
        assert!(matches!(error, TransportError::InvalidUrl(_)), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn many_requests_at_once_each_get_their_own_answer() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let url = upstream.url("/");
    let serving = tokio::spawn(async move {
        loop {
            let mut peer = upstream.accept().await;
            tokio::spawn(async move {
                while let Some((_, body)) = peer.request().await {
                    peer.write(&answer(&body)).await;
                }
            });
        }
    });
    let calls = (0..64).map(|task| {
        let (transport, url) = (transport.clone(), url.clone());
        tokio::spawn(async move {
            for call in 0..50 {
                let body = format!("{task}:{call}");
                let mut response = transport
                    .send(post(&url, body.clone().into_bytes()))
                    .await
                    .unwrap();
                assert_eq!(collect(&mut response).await.unwrap(), body);
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    serving.abort();
}

#[tokio::test]
async fn idle_connections_are_closed_after_a_while() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("one")).await;
        peer
    };
    let url = upstream.url("/");
    let (mut peer, text) = tokio::join!(server, fetch(&transport, &url));
    assert_eq!(text.unwrap(), "one");
    let shared = &transport.0.pool.shared;
    for _ in 1..5 {
        assert!(shared.advance(), "kept for a minute");
    }
    assert!(!shared.advance());
    let took = peer.closed_after().await;
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn connections_the_upstream_closed_are_swept_away() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("one")).await;
    };
    let url = upstream.url("/");
    let ((), text) = tokio::join!(server, fetch(&transport, &url));
    assert_eq!(text.unwrap(), "one");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!transport.0.pool.shared.advance());
}

#[tokio::test]
async fn connections_close_with_their_transport() {
    let upstream = Upstream::bind().await;
    let transport = transport();
    let server = async {
        let mut peer = upstream.accept().await;
        peer.request().await.expect("a request");
        peer.write(&answer("one")).await;
        peer
    };
    let url = upstream.url("/");
    let (mut peer, text) = tokio::join!(server, fetch(&transport, &url));
    assert_eq!(text.unwrap(), "one");
    drop(transport);
    let took = peer.closed_after().await;
    assert!(took < AT_ONCE, "{took:?}");
}
