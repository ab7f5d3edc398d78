//! Admin endpoint: metrics, liveness and readiness.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use wasmtime_wasi_http::io::TokioIo;

use super::{
    answer,
    limits::{ACCEPT_PAUSE, ADMIN_PATIENCE, MAX_ADMIN_CONNECTIONS, MAX_HEADERS},
    metrics::Metrics,
    patient::{Clock, Patient},
    pool::Pool,
};

/// State behind the responses.
#[derive(Debug)]
pub struct Admin {
    /// The guest processes.
    pub pool: Arc<Pool>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The server is shutting down.
    pub stopping: Arc<AtomicBool>,
}

/// Serves for the lifetime of the front, including its shutdown.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let places = Arc::new(Semaphore::new(MAX_ADMIN_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!("cannot accept a client of the admin address: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admin = Arc::clone(&admin);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let admin = Arc::clone(&admin);
                async move { Ok::<_, Infallible>(admin.answer(&request)) }
            });
            let mut http = http1::Builder::new();
            http.timer(Clock).header_read_timeout(ADMIN_PATIENCE).keep_alive(false).max_headers(MAX_HEADERS);
            let connection = http.serve_connection(TokioIo::new(Patient::new(stream, ADMIN_PATIENCE)), service);
            // One deadline for the request and one for the response.
            let _ = timeout(ADMIN_PATIENCE * 2, connection).await;
            drop(place);
        });
    }
}

impl Admin {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return answer::plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are known here.");
        }
        match request.uri().path() {
            "/metrics" => match self.metrics.text(self.pool.alive()) {
                Ok(text) => {
                    let mut response = Response::new(Full::new(Bytes::from(text)));
                    let kind = HeaderValue::from_static(prometheus::TEXT_FORMAT);
                    response.headers_mut().insert(CONTENT_TYPE, kind);
                    response
                }
                Err(error) => answer::plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
            },
            "/healthz" => answer::plain(StatusCode::OK, "The front process runs."),
            "/readyz" if self.stopping.load(Ordering::Relaxed) => {
                answer::plain(StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.")
            }
            "/readyz" if self.pool.alive() == 0 => {
                answer::plain(StatusCode::SERVICE_UNAVAILABLE, "No guest process is ready.")
            }
            "/readyz" => answer::plain(StatusCode::OK, "Requests are answered."),
            _ => answer::plain(StatusCode::NOT_FOUND, "There are /metrics, /healthz and /readyz."),
        }
    }
}
