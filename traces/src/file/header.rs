//! The description of a run in a trace: JSON, so that readers need none of this code and fields can be added.

use airlock_protocol::{
    Command, Event,
    commands::adapter::{AdapterInfo, Capabilities, FeatureName, LimitName},
    handshake::{PROTOCOL_VERSION, SCHEMA_HASH},
};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::file::{format::Digest, processor::Processor};

/// The `Header` chunk. Unknown fields are ignored, missing ones have their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// Version of the program that made the trace.
    pub airlock: String,
    /// Version of the protocol.
    pub protocol: u32,
    /// Hash over the definitions of commands and events.
    pub schema: String,
    /// Number of kinds of commands in that version. They are only ever appended.
    pub commands: usize,
    /// Number of kinds of events in that version.
    pub events: usize,
    /// Version of `wasi:webgpu` that the guest imports. In older traces it is always the newest one that the guest was offered.
    pub webgpu: String,
    /// The system of the run.
    pub platform: Platform,
    /// The guest.
    pub component: Option<ComponentName>,
    /// The tools that have changed the trace, oldest first.
    pub history: Vec<String>,
    /// The processor that software adapters compiled for. In a file it is in the `Device` chunks of such adapters,
    /// since a header is written before there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processor>,
}

/// The system of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// The operating system: `linux`.
    pub os: String,
    /// The processor: `x86_64`.
    pub arch: String,
}

/// A guest, by its file's name and contents, without its path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComponentName {
    /// The file's name without folders.
    pub name: String,
    /// BLAKE3 of the file, 64 hexadecimal digits.
    pub blake3: String,
}

impl ComponentName {
    /// Identifies a file by its name and contents.
    pub fn new(name: &str, contents: &[u8]) -> Self {
        Self { name: name.to_owned(), blake3: Digest::of(contents).to_string() }
    }
}

impl Header {
    /// The header of a trace that this program makes.
    pub fn of_this_program(component: Option<ComponentName>, webgpu: &str) -> Self {
        Self {
            airlock: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL_VERSION,
            schema: SCHEMA_HASH.to_owned(),
            commands: Command::NAMES.len(),
            events: Event::KINDS,
            webgpu: webgpu.to_owned(),
            platform: Platform { os: std::env::consts::OS.to_owned(), arch: std::env::consts::ARCH.to_owned() },
            component,
            history: Vec::new(),
            processor: Some(Processor::here().clone()).filter(|processor| !processor.is_unknown()),
        }
    }

    /// True when the trace may hold commands or events that this program does not know.
    pub fn is_newer(&self) -> bool {
        self.commands > Command::NAMES.len() || self.events > Event::KINDS
    }

    /// True when this build made the trace and it was not redacted: then even the texts of error messages must be the
    /// same in a replay.
    pub fn is_ours(&self) -> bool {
        let redacted = self.history.iter().any(|step| step.starts_with("redacted"));
        !redacted && self.airlock == env!("CARGO_PKG_VERSION") && self.schema == SCHEMA_HASH
    }
}

/// A `Device` chunk: a device, and the adapter behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRecord {
    /// The session.
    pub session: u32,
    /// The adapter and its driver.
    pub adapter: Adapter,
    /// The features granted, by WebGPU's names.
    pub features: Vec<String>,
    /// The limits granted, by WebGPU's names.
    pub limits: Map<String, serde_json::Value>,
    /// The processor that a software adapter compiled for; absent for hardware, and in traces of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processor: Option<Processor>,
}

/// An adapter, by its own description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adapter {
    /// `GPUAdapterInfo.vendor`.
    pub vendor: String,
    /// `GPUAdapterInfo.architecture`.
    pub architecture: String,
    /// `GPUAdapterInfo.device`.
    pub device: String,
    /// `GPUAdapterInfo.description`.
    pub description: String,
    /// The graphics API.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
}

impl From<&AdapterInfo> for Adapter {
    fn from(info: &AdapterInfo) -> Self {
        Self {
            vendor: info.vendor.clone(),
            architecture: info.architecture.clone(),
            device: info.device.clone(),
            description: info.description.clone(),
            backend: info.backend.clone(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
        }
    }
}

impl Adapter {
    /// One line for the user.
    pub fn describe(&self) -> String {
        let name = if self.description.is_empty() { &self.device } else { &self.description };
        let driver = [self.driver.as_str(), self.driver_info.as_str()].join(" ");
        format!("{name} ({}, {})", self.backend, driver.trim())
    }

    /// A name for files: letters, digits and dashes, with the driver's version in it.
    pub fn slug(&self) -> String {
        let text = [&self.backend, &self.description, &self.driver, &self.driver_info].map(String::as_str).join(" ");
        let words: Vec<_> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '.')
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let mut slug = words.join("-");
        slug.truncate(96);
        if slug.is_empty() { "unknown".to_owned() } else { slug }
    }
}

impl DeviceRecord {
    /// The capabilities of a session's device, and the processor of a software adapter.
    pub fn new(session: u32, granted: &Capabilities, processor: Option<&Processor>) -> Self {
        let limits = LimitName::ALL.iter().map(|&name| (name.as_str().to_owned(), granted.limits.get(name).into()));
        Self {
            session,
            adapter: Adapter::from(&granted.info),
            features: granted.features.iter().copied().map(FeatureName::as_str).map(str::to_owned).collect(),
            limits: limits.collect(),
            processor: processor.filter(|_| granted.info.is_fallback_adapter).cloned(),
        }
    }
}
