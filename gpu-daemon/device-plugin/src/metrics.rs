//! The daemon's metrics: the crashes of each claim's workers. A failed scrape means that the daemon does not answer.

use std::{collections::HashMap, io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::options::MetricsAddress;

/// Time limit of a scrape.
const PATIENCE: Duration = Duration::from_secs(2);
/// Upper bound of a response in bytes: two lines of 128 bytes for each of 4096 claims, and the rest.
const MAX_RESPONSE: u64 = 4 << 20;
/// The request. The daemon closes the connection after its response.
const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: gpu-daemon\r\nConnection: close\r\n\r\n";
/// Start of the parsed metric's lines.
const CRASHES: &str = "airlock_claim_crashes_total{claim=\"";

/// Crashes of the workers of each claim since the daemon's start.
pub type Crashes = HashMap<String, u64>;

/// Scrapes the daemon's metrics.
pub async fn scrape(address: &MetricsAddress) -> io::Result<Crashes> {
    let response = async {
        match address {
            MetricsAddress::Unix(path) => exchange(UnixStream::connect(path).await?).await,
            MetricsAddress::Tcp(address) => exchange(TcpStream::connect(address.as_str()).await?).await,
        }
    };
    let response = timeout(PATIENCE, response).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    parse(&response).ok_or_else(|| io::Error::other("the answer is not the metrics of a gpu-daemon"))
}

async fn exchange(mut connection: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<Vec<u8>> {
    connection.write_all(REQUEST).await?;
    let mut response = Vec::new();
    connection.take(MAX_RESPONSE).read_to_end(&mut response).await?;
    Ok(response)
}

/// Parses a response; `None` if its status is not 200 or its body is not from a gpu-daemon. Skips lines that are cut or have
/// an invalid number.
fn parse(response: &[u8]) -> Option<Crashes> {
    let text = std::str::from_utf8(response).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.lines().next()?.split(' ').nth(1)?;
    // Present in every version of the daemon, also without claims.
    if status != "200" || !body.contains("airlock_sessions ") {
        return None;
    }
    let crashes = body.lines().filter_map(|line| {
        let (claim, count) = line.strip_prefix(CRASHES)?.split_once("\"} ")?;
        Some((claim.to_owned(), count.parse().ok()?))
    });
    Some(crashes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_are_read_from_a_success() {
        let body = "# HELP x\nairlock_sessions 3\nairlock_claim_crashes_total{claim=\"a\"} 7\n\
                    airlock_claim_crashes_total{claim=\"b\"} x\nairlock_claim_crashes_total{claim=\"c\"} 1";
        let response = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n{body}");
        let crashes = parse(response("200 OK").as_bytes()).unwrap();
        assert_eq!(crashes, HashMap::from([("a".to_owned(), 7), ("c".to_owned(), 1)]));
        assert_eq!(parse(response("500 Internal Server Error").as_bytes()), None);
        for other in [&b""[..], b"\xff", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1\r\n\r\nairlock_sessions 1"] {
            assert_eq!(parse(other), None);
        }
    }
}
