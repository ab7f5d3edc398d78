//! The plugin's socket and its registration.
//!
//! A kubelet that starts removes all sockets of plugins from their folder and creates its own again, and plugins must register
//! again. So the plugin compares both sockets with the known ones. Polling detects every change between two checks, including
//! the replacement of the whole folder, which a watch of the folder misses.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::UnixListener,
    sync::watch,
    time::{self, Instant, timeout},
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Status,
    transport::{Endpoint, Server},
};

use crate::{
    api::{self, Empty, KUBELET_SOCKET, Methods, RegisterRequest, VERSION, paths},
    error::PluginError,
    health::Devices,
    options::Options,
    plugin::{OPTIONS, Plugin},
};

/// Interval of checks of the sockets.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of a registration.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a failed registration; it doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Upper bound of that pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Concurrent calls on one connection of the kubelet, which has one stream open and calls one at a time.
const MAX_CALLS: u32 = 64;
/// Upper bound of a call's headers in bytes.
const MAX_HEADERS: u32 = 16 << 10;
/// Interval of pings on an idle connection, and the time limit of their answers.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Upper bound of a socket's path, `sun_path` without its zero.
const MAX_PATH: usize = 107;

/// Identity of a socket's file. A new file may reuse the inode number, but has another time.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    let found = fs::symlink_metadata(path).ok().filter(|found| found.file_type().is_socket())?;
    Some((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
}

/// The plugin's socket, and its registration with the kubelet.
#[derive(Debug)]
pub struct Kubelet {
    socket: PathBuf,
    own: PathBuf,
    resource: String,
    devices: watch::Receiver<Arc<Devices>>,
    serving: Option<Serving>,
    /// The kubelet's socket at the last registration.
    registered: Option<Identity>,
}

/// A socket that is being served.
#[derive(Debug)]
struct Serving {
    identity: Identity,
    /// Ends the streams and the server.
    stop: watch::Sender<bool>,
}

impl Kubelet {
    /// Checks the paths. [`Self::follow`] creates the socket.
    pub fn new(options: &Options, devices: watch::Receiver<Arc<Devices>>) -> Result<Self, PluginError> {
        let name = format!("{}.sock", options.resource.replace('/', "-"));
        let (own, socket) = (options.kubelet.join(name), options.kubelet.join(KUBELET_SOCKET));
        let length = own.as_os_str().len();
        if length > MAX_PATH || own.to_str().is_none() {
            return Err(PluginError::Path { path: own.display().to_string(), length });
        }
        let resource = options.resource.clone();
        Ok(Self { socket, own, resource, devices, serving: None, registered: None })
    }

    /// Serves and registers until dropped; failures are logged, and retried after a pause.
    pub async fn follow(&mut self) {
        let mut pause = FIRST_PAUSE;
        let mut next = Instant::now();
        let mut waits = false;
        let mut ticks = time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(kubelet) = identity(&self.socket) else {
                if !std::mem::replace(&mut waits, true) {
                    tracing::info!("waiting for {}", self.socket.display());
                }
                self.registered = None;
                continue;
            };
            let is_served = self.serving.as_ref().is_some_and(|serving| identity(&self.own) == Some(serving.identity));
            if is_served && self.registered == Some(kubelet) {
                continue;
            }
            if self.registered.is_some() || std::mem::take(&mut waits) {
                (pause, next) = (FIRST_PAUSE, Instant::now());
                self.registered = None;
            }
            if Instant::now() < next {
                continue;
            }
            match self.register(is_served).await {
                Ok(()) => {
                    tracing::info!(resource = self.resource, "registered with the kubelet");
                    self.registered = Some(kubelet);
                    pause = FIRST_PAUSE;
                }
                Err(error) => {
                    tracing::warn!("not registered with the kubelet, next attempt in {pause:?}: {error}");
                    next = Instant::now() + pause;
                    pause = pause.saturating_mul(2).min(MAX_PAUSE);
                }
            }
        }
    }

    /// Registers, after it has started the server where necessary: the kubelet connects to it at once.
    async fn register(&mut self, is_served: bool) -> Result<(), String> {
        if !is_served {
            self.stop();
            self.serve().map_err(|error| format!("{}: {error}", self.own.display()))?;
        }
        let request = RegisterRequest {
            version: VERSION.to_owned(),
            endpoint: self.own.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned(),
            resource_name: self.resource.clone(),
            options: Some(OPTIONS),
        };
        let endpoint = Endpoint::from_shared(format!("unix://{}", self.socket.display()));
        let registered = async {
            let channel =
                endpoint.map_err(|error| error.to_string())?.connect().await.map_err(|error| chain(&error))?;
            let registered = api::call::<_, Empty>(channel, paths::REGISTER, request).await;
            registered.map(drop).map_err(|status: Status| format!("{:?}: {}", status.code(), status.message()))
        };
        timeout(PATIENCE, registered).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?
    }

    /// Binds the socket and serves it. Removes the socket of an earlier run.
    fn serve(&mut self) -> io::Result<()> {
        if identity(&self.own).is_some() {
            fs::remove_file(&self.own)?;
        }
        let listener = UnixListener::bind(&self.own)?;
        let identity = identity(&self.own).ok_or(io::ErrorKind::NotFound)?;
        let (stop, mut stopped) = watch::channel(false);
        let plugin = Plugin { devices: self.devices.clone(), stop: stopped.clone() };
        let service = Methods(move |request| plugin.answer(request));
        let server = Server::builder()
            .max_concurrent_streams(MAX_CALLS)
            .http2_max_header_list_size(MAX_HEADERS)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE));
        tokio::spawn(async move {
            let stopped = async move { drop(stopped.wait_for(|&stop| stop).await) };
            let incoming = UnixListenerStream::new(listener);
            if let Err(error) = server.serve_with_incoming_shutdown(service, incoming, stopped).await {
                tracing::warn!("the plugin's socket: {error}");
            }
        });
        self.serving = Some(Serving { identity, stop });
        Ok(())
    }

    /// Ends the server and removes its socket.
    pub fn stop(&mut self) {
        if let Some(Serving { identity: known, stop }) = self.serving.take() {
            let _ = stop.send(true);
            if identity(&self.own) == Some(known) {
                let _ = fs::remove_file(&self.own);
            }
        }
    }
}

/// An error with its causes; tonic's own text is only "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
