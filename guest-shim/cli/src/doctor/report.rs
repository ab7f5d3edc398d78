//! Report of `airlock doctor`, in the form of `--json`. Fields are added and never removed.

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
    versions::{WASMTIME_VERSION, WEBGPU_VERSION, WEBGPU_VERSIONS},
};

/// The whole report.
#[derive(Debug, Serialize)]
pub struct Report {
    /// True when a guest can run.
    pub ready: bool,
    pub versions: Versions,
    pub daemon: DaemonReport,
    /// Adapters of the worker; absent without a worker.
    pub adapters: Option<Vec<AdapterReport>>,
    /// Layers of a worker's jail; absent without a daemon program.
    pub jail: Option<JailReport>,
    pub system: System,
    pub findings: Vec<Finding>,
}

/// Versions of this program and its interfaces.
#[derive(Debug, Serialize)]
pub struct Versions {
    /// Version of this program.
    pub airlock: &'static str,
    /// Version of the protocol to the daemon.
    pub protocol: u32,
    /// Hash of the protocol's commands.
    pub schema: &'static str,
    /// Preferred version of `wasi:webgpu` for guests.
    pub wasi_webgpu: &'static str,
    /// All versions of `wasi:webgpu` for guests; a guest gets the one that it imports.
    pub wasi_webgpu_versions: [&'static str; 3],
    /// Versions of WASI for guests.
    pub wasi: [&'static str; 2],
    /// Major version of wasmtime.
    pub wasmtime: &'static str,
}

impl Default for Versions {
    fn default() -> Self {
        Self {
            airlock: env!("CARGO_PKG_VERSION"),
            protocol: PROTOCOL_VERSION,
            schema: SCHEMA_HASH,
            wasi_webgpu: WEBGPU_VERSION,
            wasi_webgpu_versions: WEBGPU_VERSIONS,
            wasi: ["0.2", "0.3.0"],
            wasmtime: WASMTIME_VERSION,
        }
    }
}

/// Source of workers.
#[derive(Debug, Serialize)]
pub struct DaemonReport {
    /// Program or socket.
    pub path: Option<String>,
    /// True for the socket of a running `gpu-daemon serve`.
    pub is_socket: bool,
    /// Reason for the lack of a session.
    pub error: Option<String>,
    /// Remedy, which is among the findings.
    #[serde(skip)]
    pub remedy: Option<String>,
}

impl DaemonReport {
    /// Report without a daemon program.
    pub fn missing(error: &CliError) -> Self {
        let remedy = Some("cargo build --release -p gpu-daemon".to_owned());
        Self { path: None, is_socket: false, error: Some(error.to_string()), remedy }
    }

    /// Report on a daemon, with the error of its session.
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
    /// Index for `--adapter`.
    pub index: usize,
    pub name: String,
    /// Graphics API.
    pub backend: String,
    pub driver: String,
    /// Version of the driver.
    pub driver_info: String,
    /// True for an adapter that computes on the CPU.
    pub software: bool,
    /// Features, as WebGPU spells them.
    pub features: Vec<&'static str>,
    /// Limits, as WebGPU spells them; sizes in bytes.
    pub limits: BTreeMap<&'static str, u64>,
}

impl AdapterReport {
    /// Converts the worker's description.
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

/// The operating system.
#[derive(Debug, Serialize)]
pub struct System {
    /// Name and version.
    pub name: String,
    /// Facilities for the jail of a worker.
    pub jail: Vec<Facility>,
}

/// One facility of the kernel.
#[derive(Debug, Serialize)]
pub struct Facility {
    pub name: &'static str,
    /// Availability; absent if unknown.
    pub available: Option<bool>,
    /// Version, or reason for its absence.
    pub detail: String,
    /// Remedy that enables it.
    pub remedy: Option<String>,
}

/// A missing or improvable part of the machine's set-up.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub problem: String,
    /// Command or instruction that helps.
    pub remedy: Option<String>,
    /// True when no guest with a GPU can run without the remedy.
    pub necessary: bool,
}
