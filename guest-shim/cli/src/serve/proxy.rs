//! Reverse proxy: buffers a request, forwards it to an instance, relays the response.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1,
    header::{CONNECTION, HOST, HeaderName, HeaderValue, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE},
};
use tokio::time::{Sleep, sleep_until, timeout_at};
use wasmtime_wasi_http::io::TokioIo;

use super::{
    access_log::{AccessLog, Entry, logged, unix_seconds},
    answer,
    body::{self, Bounds},
    limits::{MAX_HEAD, MAX_HEADERS},
    metrics::Metrics,
    pool::{Lease, NoInstance, Pool},
};

/// Hop-by-hop headers, which are not forwarded (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Addresses that a request passed through.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Maximum length of a received value; longer ones are replaced.
const MAX_FORWARDED: usize = 2048;

/// State shared by all requests.
#[derive(Debug)]
pub struct Proxy {
    /// The guest processes.
    pub pool: Arc<Pool>,
    /// Limits of a body.
    pub bounds: Bounds,
    /// Maximum wait for an instance.
    pub queue_timeout: Duration,
    /// Deadline from the instance to the end of the response.
    pub request_timeout: Duration,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The log.
    pub log: AccessLog,
}

/// Body of a response: the guest's, or the proxy's own.
pub type AnswerBody = Tracked<Either<GuestBody, Full<Bytes>>>;

impl Proxy {
    /// Handles a request. Every failure becomes a response.
    pub async fn answer(self: Arc<Self>, client: IpAddr, request: Request<Incoming>) -> Response<AnswerBody> {
        let mut record = Record::new(&self, client, &request);
        let outcome = self.forward(client, request, &mut record).await;
        let response = outcome.unwrap_or_else(|(status, why)| {
            record.own = true;
            let mut response = answer::plain(status, why).map(Either::Right);
            if status == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            if [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT].contains(&status) {
                // The rest of the body must not be parsed as the next request.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        });
        record.entry.status = response.status().as_u16();
        response.map(|body| Tracked { body, record })
    }

    async fn forward(
        &self,
        client: IpAddr,
        request: Request<Incoming>,
        record: &mut Record,
    ) -> Result<Response<Either<GuestBody, Full<Bytes>>>, (StatusCode, &'static str)> {
        if request.method() == Method::CONNECT {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "This is no proxy."));
        }
        let (head, body) = request.into_parts();
        let Some(host) = head.headers.get(HOST).cloned() else {
            return Err((StatusCode::BAD_REQUEST, "The request has no Host header."));
        };
        let body = body::read(&head.headers, body, &self.bounds).await.map_err(body::NoBody::answer)?;
        record.entry.received = body.bytes.len() as u64;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let make = || {
            let mut request = Request::new(Full::new(body.bytes.clone()));
            *request.method_mut() = head.method.clone();
            *request.uri_mut() = path.parse().unwrap_or_default();
            *request.headers_mut() = handed_on(&head.headers);
            request.headers_mut().insert(HOST, host.clone());
            forwarded_for(request.headers_mut(), client);
            request
        };
        match self.attempt(make(), record).await {
            // No part of a response has arrived, and the method is idempotent (RFC 9110, section 9.2.2).
            Err(Failure::Broken) if head.method.is_idempotent() => {
                self.metrics.retried();
                self.attempt(make(), record).await
            }
            other => other,
        }
        .map(|response| response.map(Either::Left))
        .map_err(Failure::answer)
    }

    /// Forwards a request to an instance and waits for the head of the response.
    async fn attempt(
        &self,
        request: Request<Full<Bytes>>,
        record: &mut Record,
    ) -> Result<Response<GuestBody>, Failure> {
        let start = Instant::now();
        let lease = self.pool.take(self.queue_timeout).await.map_err(Failure::NoInstance)?;
        let waited = start.elapsed();
        self.metrics.waited(waited);
        record.entry.wait_seconds += waited.as_secs_f64();
        record.entry.guest = Some(lease.guest());
        let deadline = tokio::time::Instant::now() + self.request_timeout;
        let answer = timeout_at(deadline, async {
            let connection = lease.connect()?;
            let mut http = http1::Builder::new();
            http.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
            let (mut sender, connection) = http.handshake(TokioIo::new(connection)).await.map_err(io::Error::other)?;
            // Ends with the body of the response, or when that is dropped.
            let connection = tokio::spawn(async move { drop(connection.await) });
            let answer = sender.send_request(request).await.map_err(io::Error::other);
            if answer.is_err() {
                connection.abort();
            }
            answer
        });
        match answer.await {
            Ok(Ok(response)) => {
                let (mut head, body) = response.into_parts();
                head.headers = handed_on(&head.headers);
                let over = Box::pin(sleep_until(deadline));
                Ok(Response::from_parts(head, GuestBody { body: Some(body), over, lease: Some(lease) }))
            }
            Ok(Err(error)) => {
                tracing::debug!("guest process {} gives no answer: {error}", lease.guest());
                Err(Failure::Broken)
            }
            Err(_) => {
                lease.kill();
                Err(Failure::Late)
            }
        }
    }
}

/// Reason for the lack of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    NoInstance(NoInstance),
    /// The process ended or closed the connection.
    Broken,
    /// The deadline passed.
    Late,
}

impl Failure {
    fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Failure::NoInstance(NoInstance::Full) => {
                (StatusCode::SERVICE_UNAVAILABLE, "Too many requests are waiting.")
            }
            Failure::NoInstance(NoInstance::Late) => {
                (StatusCode::SERVICE_UNAVAILABLE, "No instance became free in time.")
            }
            Failure::Broken => (StatusCode::BAD_GATEWAY, "The guest ended before it answered."),
            Failure::Late => (StatusCode::GATEWAY_TIMEOUT, "The guest did not answer in time."),
        }
    }
}

/// Removes hop-by-hop headers.
fn handed_on(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<_> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .collect();
    let mut left = headers.clone();
    for name in HOP_BY_HOP.iter().chain(&named) {
        left.remove(name);
    }
    left
}

/// Appends the client to `X-Forwarded-For`.
fn forwarded_for(headers: &mut HeaderMap, client: IpAddr) {
    let before = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let mut list = before.collect::<Vec<_>>().join(", ");
    if list.len() > MAX_FORWARDED {
        list.clear();
    }
    let list = if list.is_empty() { client.to_string() } else { format!("{list}, {client}") };
    if let Ok(value) = HeaderValue::from_str(&list) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// Body of a guest's response, which holds the lease. After the deadline, the body ends with an error and the process is killed.
#[derive(Debug)]
pub struct GuestBody {
    body: Option<Incoming>,
    over: Pin<Box<Sleep>>,
    lease: Option<Lease>,
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(outcome) => {
                self.body = None;
                self.lease = None;
                Poll::Ready(outcome.map(|frame| frame.map_err(io::Error::other)))
            }
            Poll::Pending => {
                std::task::ready!(self.over.as_mut().poll(cx));
                if let Some(lease) = self.lease.take() {
                    lease.kill();
                }
                self.body = None;
                Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// Record of a request, counted and logged when dropped.
#[derive(Debug)]
struct Record {
    entry: Entry,
    start: Instant,
    own: bool,
    metrics: Arc<Metrics>,
    log: AccessLog,
}

impl Record {
    fn new(proxy: &Proxy, client: IpAddr, request: &Request<Incoming>) -> Self {
        proxy.metrics.in_flight(1);
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let entry = Entry {
            unix_seconds: unix_seconds(),
            client,
            method: logged(request.method().as_str()),
            path: logged(path),
            // As nginx logs a client that closed the connection before the response.
            status: 499,
            received: 0,
            sent: 0,
            seconds: 0.0,
            wait_seconds: 0.0,
            guest: None,
            complete: false,
        };
        let (metrics, log) = (Arc::clone(&proxy.metrics), proxy.log.clone());
        Self { entry, start: Instant::now(), own: false, metrics, log }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let time = self.start.elapsed();
        self.entry.seconds = time.as_secs_f64();
        self.metrics.in_flight(-1);
        let Entry { status, received, sent, .. } = self.entry;
        self.metrics.answered(status, self.own, time, received, sent);
        self.log.write(&self.entry);
    }
}

/// Body that counts its bytes in the record.
#[derive(Debug)]
pub struct Tracked<B> {
    body: B,
    record: Record,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tracked<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let length = frame.data_ref().map_or(0, Bytes::len) as u64;
            self.record.entry.sent = self.record.entry.sent.saturating_add(length);
        }
        let ended = matches!(polled, Poll::Ready(None)) || polled.is_ready() && self.body.is_end_stream();
        self.record.entry.complete |= ended && !matches!(polled, Poll::Ready(Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_one_connection_stay() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("transfer-encoding", "chunked"),
            ("accept", "*/*"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let left = handed_on(&headers);
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    #[test]
    fn clients_are_added_to_proxies() {
        let mut headers = HeaderMap::new();
        forwarded_for(&mut headers, "10.0.0.1".parse().unwrap());
        forwarded_for(&mut headers, "::1".parse().unwrap());
        assert_eq!(headers[FORWARDED_FOR], "10.0.0.1, ::1");
        headers.insert(FORWARDED_FOR, "x".repeat(MAX_FORWARDED + 1).parse().unwrap());
        forwarded_for(&mut headers, "::1".parse().unwrap());
        assert_eq!(headers[FORWARDED_FOR], "::1");
    }
}
