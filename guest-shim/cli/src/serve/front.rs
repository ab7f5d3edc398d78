//! The front process: owns the sockets and serves clients, confined before it accepts the first connection.

use std::{
    convert::Infallible,
    io::Write as _,
    net::SocketAddr,
    os::{fd::OwnedFd, unix::net::UnixStream},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use airlock_protocol::descriptors;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};
use wasmtime_wasi_http::io::TokioIo;

use super::{
    access_log::AccessLog,
    admin::{self, Admin},
    body::{Bounds, Budget},
    channel,
    limits::{ACCEPT_PAUSE, MAX_HEAD, MAX_HEADERS},
    metrics::Metrics,
    options::Arguments,
    patient::{Clock, Patient},
    pool::Pool,
    proxy::Proxy,
};
use crate::{
    confine::confine_front,
    error::{CliError, plain},
};

/// Deadline for a listening socket, which the supervisor sends right after the start.
const SOCKET_WAIT: Duration = Duration::from_secs(60);

/// Serves until the end of the supervisor's stream.
pub fn run(arguments: &Arguments) -> Result<u8, CliError> {
    let lost = |error: std::io::Error| CliError::Channel { cause: plain(&error) };
    let channel = channel::of_standard_input().map_err(lost)?;
    let socket = || {
        let socket = descriptors::receive(&channel, Some(SOCKET_WAIT));
        socket.map(std::net::TcpListener::from).map_err(|error| CliError::Channel { cause: error.to_string() })
    };
    let listening = socket()?;
    let admin = if arguments.admin.is_some() { Some(socket()?) } else { None };
    // Before the first byte of a client is read.
    confine_front(arguments.daemon.jail())?;

    let metrics = Arc::new(Metrics::new().map_err(|error| CliError::Channel { cause: error.to_string() })?);
    let queue = usize::try_from(arguments.queue).unwrap_or(usize::MAX);
    let pool = Pool::new(queue, channel.try_clone().map_err(lost)?, Arc::clone(&metrics));
    let front = Front { arguments, pool, metrics, stopping: Arc::default() };
    let runtime = crate::engine::runtime()?;
    let code = runtime.block_on(front.serve(channel, listening, admin));
    runtime.shutdown_background();
    code
}

struct Front<'a> {
    arguments: &'a Arguments,
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
}

impl Front<'_> {
    async fn serve(
        self,
        channel: UnixStream,
        listening: std::net::TcpListener,
        admin: Option<std::net::TcpListener>,
    ) -> Result<u8, CliError> {
        let lost = |error: std::io::Error| CliError::Channel { cause: plain(&error) };
        let listen = |listener: std::net::TcpListener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let listener = listen(listening).map_err(lost)?;
        let mut guests = self.guests(channel).map_err(lost)?;
        let metrics = Arc::clone(&self.metrics);
        if let Some(admin) = admin {
            let state = Admin {
                pool: Arc::clone(&self.pool),
                metrics: Arc::clone(&metrics),
                stopping: Arc::clone(&self.stopping),
            };
            let admin = listen(admin).map_err(lost)?;
            announce("metrics, health and readiness", &admin);
            tokio::spawn(admin::serve(admin, Arc::new(state)));
        }
        let proxy = Arc::new(Proxy {
            pool: Arc::clone(&self.pool),
            bounds: Bounds {
                longest: self.arguments.max_body.0,
                time: self.arguments.client_timeout,
                budget: Budget::new(self.arguments.max_buffered.0),
            },
            queue_timeout: self.arguments.queue_timeout,
            request_timeout: self.arguments.request_timeout,
            metrics: Arc::clone(&metrics),
            log: AccessLog::start(self.arguments.access_log, metrics).map_err(lost)?,
        });

        // Connections stay in the backlog until an instance is ready.
        loop {
            tokio::select! {
                guest = guests.recv() => match guest {
                    Some(guest) => self.follow(guest)?,
                    None => return Ok(0),
                },
                () = self.pool.first_ready() => break,
            }
        }
        announce("serving", &listener);
        let places = usize::try_from(self.arguments.max_connections).unwrap_or(Semaphore::MAX_PERMITS);
        let connections = Arc::new(Semaphore::new(places));
        let (stop, stopped) = watch::channel(false);
        loop {
            tokio::select! {
                guest = guests.recv() => match guest {
                    Some(guest) => self.follow(guest)?,
                    None => break,
                },
                (stream, address, place) = accept(&listener, &connections) => {
                    let client = Client { stream, address, patience: self.arguments.client_timeout, _place: place };
                    tokio::spawn(client.converse(Arc::clone(&proxy), stopped.clone()));
                }
            }
        }
        self.stopping.store(true, Ordering::Relaxed);
        drop(listener);
        let _ = stop.send(true);
        // All permits are free once all connections have ended.
        let all = u32::try_from(places).unwrap_or(u32::MAX);
        if timeout(self.arguments.grace, connections.acquire_many(all)).await.is_err() {
            tracing::warn!("requests were still being answered after --grace");
        }
        Ok(0)
    }

    /// Receives the guest processes' streams from the supervisor. The end of that stream means stop.
    fn guests(&self, channel: UnixStream) -> std::io::Result<mpsc::Receiver<OwnedFd>> {
        let (sender, guests) = mpsc::channel(1);
        let receive = move || {
            while let Ok(guest) = descriptors::receive(&channel, None) {
                if sender.blocking_send(guest).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("supervisor".to_owned()).spawn(receive)?;
        Ok(guests)
    }

    /// Tracks a guest process until it ends.
    fn follow(&self, guest: OwnedFd) -> Result<(), CliError> {
        let lost = |error: std::io::Error| CliError::Channel { cause: plain(&error) };
        let stream = UnixStream::from(guest);
        stream.set_nonblocking(true).map_err(lost)?;
        let stream = tokio::net::UnixStream::from_std(stream).map_err(lost)?;
        tokio::spawn(Arc::clone(&self.pool).follow(stream));
        Ok(())
    }
}

/// Prints an address to standard error.
fn announce(what: &str, listener: &TcpListener) {
    if let Ok(address) = listener.local_addr() {
        // A closed standard error does not stop the server.
        let _ = writeln!(std::io::stderr(), "airlock: {what} on http://{address}");
    }
}

/// Accepts the next connection, once a permit is free.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, address)) => return (stream, address, place),
            Err(error) => {
                tracing::debug!("cannot accept a client: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A client's connection.
struct Client {
    stream: TcpStream,
    address: SocketAddr,
    patience: Duration,
    _place: OwnedSemaphorePermit,
}

impl Client {
    /// Serves the connection until it is closed, or until the server stops and the current request is complete.
    async fn converse(self, proxy: Arc<Proxy>, mut stopped: watch::Receiver<bool>) {
        let _open = Open::count(&proxy.metrics);
        let client = self.address.ip();
        // Responses are written whole; Nagle's algorithm would only delay them.
        let _ = self.stream.set_nodelay(true);
        let service = service_fn(move |request: Request<Incoming>| {
            let proxy = Arc::clone(&proxy);
            async move { Ok::<_, Infallible>(proxy.answer(client, request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(Clock).header_read_timeout(self.patience).max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
        let mut connection =
            pin!(http.serve_connection(TokioIo::new(Patient::new(self.stream, self.patience)), service));
        let outcome = tokio::select! {
            outcome = &mut connection => outcome,
            () = told(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!("a connection of {client} ended: {error}");
        }
    }
}

/// Resolves when the server stops.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // A dropped sender means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Guard that counts an open connection.
struct Open(Arc<Metrics>);

impl Open {
    fn count(metrics: &Arc<Metrics>) -> Self {
        metrics.connections(1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections(-1);
    }
}
