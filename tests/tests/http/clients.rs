//! Clients: valid ones, slow ones, and those that send too much.

use std::io::{BufReader, Read as _, Write as _};

use airlock_tests::{
    http::{Server, connect, receive, request},
    programs::guest,
};

#[test]
fn requests_are_answered_one_after_the_other_on_a_connection() {
    let server = Server::start(&guest("hello"), &["--instances", "2"]);
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    for path in ["/", "/a?b=c", "/%20"] {
        connection.get_mut().write_all(&request("GET", path, b"")).expect("a request");
        let answer = receive(&mut connection).expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, format!("hello from {path}\n")));
    }
    // Two at once on one connection are answered in order.
    let both = [request("GET", "/1", b""), request("POST", "/2", b"body")].concat();
    connection.get_mut().write_all(&both).expect("two requests");
    for path in ["/1", "/2"] {
        assert_eq!(receive(&mut connection).expect("an answer").text(), format!("hello from {path}\n"));
    }
    assert_eq!(server.ask("GET", "/large", b"").body.len(), 32 << 20);
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_read() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--max-body", "1M"]);
    assert_eq!(server.ask("POST", "/", &vec![0; 1 << 20]).status, 200);
    // One GiB is announced, and some of it sent.
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n";
    connection.get_mut().write_all(head.as_bytes()).expect("a head");
    connection.get_mut().write_all(&[0; 4096]).expect("some of the body");
    let answer = receive(&mut connection).expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(answer.text().lines().count(), 1);
    // The same without a length.
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    connection
        .get_mut()
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .expect("a head");
    let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        connection.get_mut().write_all(&chunk).expect("a chunk");
    }
    assert_eq!(receive(&mut connection).expect("an answer").status, 413);
    assert_eq!(server.metric("airlock_http_own_answers_total{status=\"413\"}"), 2.0);
}

#[test]
fn bodies_take_no_more_memory_together_than_they_may() {
    let server = Server::start(&guest("hello"), &["--max-body", "1M", "--max-buffered", "512K"]);
    let answer = server.ask("POST", "/", &vec![0; 1 << 20]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // The memory of a body is free again for the next one, after failures too.
    for _ in 0..10 {
        assert_eq!(server.ask("POST", "/", &vec![0; 400 << 10]).status, 200);
    }
    assert_eq!(server.metric("airlock_http_own_answers_total{status=\"503\"}"), 1.0);
}

#[test]
fn slow_clients_hold_no_instance() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--client-timeout", "2"]);
    // A head that does not end, and a body that does not.
    let mut head = connect(server.address()).expect("a connection");
    head.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").expect("a part of a head");
    let mut body = BufReader::new(connect(server.address()).expect("a connection"));
    body.get_mut()
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        .expect("a part of a request");
    // The one instance answers others meanwhile.
    assert_eq!(server.ask("GET", "/", b"").status, 200);
    assert_eq!(receive(&mut body).expect("an answer").status, 408);
    let mut rest = Vec::new();
    head.read_to_end(&mut rest).expect("the end of the connection");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
}

/// A client that reads nothing of a long response is disconnected, and the instance serves the next one.
#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let server = Server::start(&guest("hello"), &["--instances", "1", "--client-timeout", "2"]);
    let mut deaf = connect(server.address()).expect("a connection");
    deaf.write_all(&request("GET", "/large", b"")).expect("a request");
    let mut first = [0; 16];
    deaf.read_exact(&mut first).expect("the start of an answer");
    assert_eq!(server.ask("GET", "/", b"").status, 200);
    let mut rest = Vec::new();
    // It ends before the 32 MiB are there.
    let _ = deaf.read_to_end(&mut rest);
    assert!(rest.len() < 32 << 20, "{} bytes", rest.len());
}

#[test]
fn what_is_no_request_is_refused() {
    let server = Server::start(&guest("hello"), &["--instances", "1"]);
    let say = |text: &[u8]| {
        let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
        connection.get_mut().write_all(text).expect("bytes");
        receive(&mut connection).expect("an answer").status
    };
    assert_eq!(say(b"nonsense\r\n\r\n"), 400);
    assert_eq!(say(b"GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(say(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 405);
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(1000));
    assert_eq!(say(many.as_bytes()), 431);
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let mut connection = BufReader::new(connect(server.address()).expect("a connection"));
    // The server may close the connection before all of it is sent.
    let _ = connection.get_mut().write_all(long.as_bytes());
    if let Ok(answer) = receive(&mut connection) {
        assert_eq!(answer.status, 431);
    }
    assert_eq!(server.ask("GET", "/", b"").status, 200);
}
