//! Findings of `airlock doctor`, in the form of `--json`. Fields are only ever added.

use std::collections::BTreeMap;

use airlock::{ConnectError, Daemon};
use airlock_protocol::{
    commands::adapter::{Capabilities, FeatureName, LimitName},
    handshake::{PROTOCOL_VERSION, SCHEMA_HASH},
};
use serde::Serialize;

use super::jail::JailReport;
use crate::{
    error::CliError,
    versions::{WASMTIME_VERSION, WEBGPU_VERSION},
};

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// A guest could run.
    pub ready: bool,
    /// What this program is.
    pub versions: Versions,
    /// Where workers come from.
    pub daemon: DaemonReport,
    /// What the worker found; absent when there is no worker to ask.
    pub adapters: Option<Vec<AdapterReport>>,
    /// Which layers of a worker's jail hold; absent when there is no program to ask.
    pub jail: Option<JailReport>,
    /// What the operating system offers.
    pub system: System,
    /// What is missing or could be better.
    pub findings: Vec<Finding>,
}

/// What this program is.
#[derive(Debug, Serialize)]
pub struct Versions {
    /// This program.
    pub airlock: &'static str,
    /// The protocol to the daemon.
    pub protocol: u32,
    /// A hash over its commands.
    pub schema: &'static str,
    /// The version of `wasi:webgpu` for guests.
    pub wasi_webgpu: &'static str,
    /// The versions of WASI for guests.
    pub wasi: [&'static str; 2],
    /// The major version of wasmtime.
    pub wasmtime: &'static str,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            airlock: env!("CARGO_PKG_VERSION"),
            protocol: PROTOCOL_VERSION,
            schema: SCHEMA_HASH,
            wasi_webgpu: WEBGPU_VERSION,
            wasi: ["0.2", "0.3.0"],
            wasmtime: WASMTIME_VERSION,
        }
    }
}

/// Where workers come from.
#[derive(Debug, Serialize)]
pub struct DaemonReport {
    /// The program or the socket.
    pub path: Option<String>,
    /// The path is that of a running `gpu-daemon serve`.
    pub is_socket: bool,
    /// Why there is no session with it.
    pub error: Option<String>,
    /// What helps then; it is among the findings.
    #[serde(skip)]
    pub remedy: Option<String>,
}

impl DaemonReport {
    /// There is no program.
    pub fn missing(error: &CliError) -> Self {
        let remedy = Some("cargo build --release -p gpu-daemon".to_owned());
        Self { path: None, is_socket: false, error: Some(error.to_string()), remedy }
    }

    /// There is one, which works or does not.
    pub fn found(daemon: &Daemon, error: Option<&CliError>) -> Self {
        let path = daemon.to_string();
        let is_socket = matches!(daemon, Daemon::Socket(_));
        let (error, remedy) = match error {
            None => (None, None),
            Some(CliError::WorkerEnded { how } | CliError::Connect(ConnectError::Ended { how, .. })) => (
                Some(format!("the GPU daemon ends while it starts the graphics drivers: {how}")),
                Some(
                    "vulkaninfo --summary   (starts the same drivers; VK_DRIVER_FILES=MANIFEST chooses one)".to_owned(),
                ),
            ),
            Some(error) if is_socket => (Some(error.to_string()), Some(format!("gpu-daemon serve --socket {path}"))),
            Some(error) => (Some(error.to_string()), Some("cargo build --release -p airlock -p gpu-daemon".to_owned())),
        };
        Self { path: Some(path), is_socket, error, remedy }
    }
}

/// One adapter.
#[derive(Debug, Serialize)]
pub struct AdapterReport {
    /// Its number for `--adapter`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The API that drives it.
    pub backend: String,
    /// Its driver.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// It computes on the CPU.
    pub software: bool,
    /// WebGPU's features, as WebGPU spells them.
    pub features: Vec<&'static str>,
    /// WebGPU's limits, as WebGPU spells them; sizes in bytes.
    pub limits: BTreeMap<&'static str, u64>,
}

impl AdapterReport {
    /// From what the worker says.
    pub fn new((index, adapter): (usize, &Capabilities)) -> Self {
        let info = &adapter.info;
        Self {
            index,
            name: info.description.clone(),
            backend: info.backend.clone(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            software: info.is_fallback_adapter,
            features: adapter.features.iter().copied().map(FeatureName::as_str).collect(),
            limits: LimitName::ALL.iter().map(|&name| (name.as_str(), adapter.limits.get(name))).collect(),
        }
    }
}

/// What the operating system offers.
#[derive(Debug, Serialize)]
pub struct System {
    /// Its name and version.
    pub name: String,
    /// What a jail for the worker can be made from.
    pub jail: Vec<Facility>,
}

/// One facility of the kernel.
#[derive(Debug, Serialize)]
pub struct Facility {
    /// Its name.
    pub name: &'static str,
    /// It is there; absent when that cannot be found out.
    pub available: Option<bool>,
    /// Its version, or why it is not there.
    pub detail: String,
    /// What enables it.
    pub remedy: Option<String>,
}

/// Something that is missing or could be better.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What.
    pub problem: String,
    /// What helps: a command, or what to do.
    pub remedy: Option<String>,
    /// No guest with a GPU can run without it.
    pub necessary: bool,
}
