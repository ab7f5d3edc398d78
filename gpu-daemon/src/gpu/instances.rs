//! wgpu's instances, created on first use: starting a driver takes time, and a session on the noop backend never starts
//! one.
//!
//! Vulkan (on other platforms Metal or Direct3D 12) comes first. OpenGL is started only where that finds no adapter: it
//! would list the same hardware again, with a less complete implementation.

use std::{
    io,
    panic::resume_unwind,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
};

use airlock_jail::worker::{Family, Jail, JailError, Narrowed, Narrowing};
use airlock_protocol::commands::{adapter::Capabilities, instance::PowerPreference};
use wgpu_core::{global::Global, id::AdapterId};
use wgpu_types::{
    AdapterInfo, Backend, BackendOptions, Backends, DeviceType, InstanceDescriptor, InstanceFlags, Limits,
};

use crate::{
    convert,
    gpu::objects::Adapter,
    worker::{shader_cache::ShaderCache, vitals::Vitals},
};

/// The instances of a session.
#[derive(Debug)]
pub struct Instances {
    /// The thread that starts the drivers.
    starting: Option<JoinHandle<Started>>,
    real: Option<Arc<Global>>,
    noop: Option<Arc<Global>>,
    jail: Jail,
    /// Records that a GPU is about to be opened; `None` on a machine without one, and after the record.
    vitals: Option<Arc<Vitals>>,
    /// The shader cache, filled before drivers start.
    cache: Option<Arc<ShaderCache>>,
}

/// An instance with its real adapters, if any.
type Real = (Option<Arc<Global>>, Vec<Found>);

/// The same, and the jail that their drivers run in.
type Started = (Real, Narrowed);

/// Keeps the jail wide enough to accept a client; dropped when that is done.
#[derive(Debug)]
pub struct Accepting(#[expect(dead_code, reason = "the drop is the message")] mpsc::Sender<()>);

/// An enumerated adapter.
#[derive(Debug)]
pub struct Found {
    pub adapter: Adapter,
    info: AdapterInfo,
}

impl Found {
    fn new(global: &Arc<Global>, id: AdapterId) -> Self {
        Self { info: global.adapter_get_info(id), adapter: Adapter { global: Arc::clone(global), id } }
    }

    /// The adapter's features, limits and info.
    pub fn capabilities(&self) -> Capabilities {
        let Adapter { global, id } = &self.adapter;
        convert::adapter::capabilities(&self.info, global.adapter_features(*id), &global.adapter_limits(*id))
    }

    /// Name for messages.
    pub fn name(&self) -> String {
        format!("{} ({})", self.info.name, self.info.backend.to_str())
    }

    /// True for a software adapter.
    pub fn is_software(&self) -> bool {
        self.info.device_type == DeviceType::Cpu
    }

    /// True when its name, driver or backend contains the text, ignoring case.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let info = &self.info;
        [info.name.as_str(), info.driver.as_str(), info.driver_info.as_str(), info.backend.to_str()]
            .iter()
            .any(|text| text.to_lowercase().contains(&name))
    }

    /// The driver family, for the jail.
    fn family(&self) -> Family {
        const NVIDIA: u32 = 0x10de;
        match self.info.device_type {
            DeviceType::Cpu => Family::MesaSoftware,
            // NVK is Mesa's driver for the same hardware.
            _ if self.info.vendor == NVIDIA && self.info.driver.to_lowercase().contains("nvidia") => Family::Nvidia,
            DeviceType::DiscreteGpu | DeviceType::IntegratedGpu | DeviceType::VirtualGpu | DeviceType::Other => {
                Family::MesaHardware
            }
        }
    }

    /// Sort key: hardware first, discrete before integrated.
    fn order(&self) -> u8 {
        match self.info.device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        }
    }

    /// True for the same hardware and driver: two driver manifests may name one driver twice.
    fn is_same(&self, other: &Self) -> bool {
        let key = |found: &Self| {
            let info = found.info.clone();
            (info.backend, info.name, info.vendor, info.device, info.device_pci_bus_id, info.driver, info.driver_info)
        };
        key(self) == key(other)
    }
}

impl Instances {
    /// Creates the value without starting a driver. The jail is narrowed when the drivers have started.
    pub fn new(jail: Jail, cache: Option<Arc<ShaderCache>>) -> Self {
        Self { starting: None, real: None, noop: None, jail, vitals: None, cache }
    }

    /// For a machine with a GPU: records in `vitals` when drivers start, which open it.
    pub fn on_a_gpu(mut self, vitals: Arc<Vitals>) -> Self {
        self.vitals = Some(vitals);
        self
    }

    fn tell(&mut self) {
        if let Some(vitals) = self.vitals.take() {
            vitals.gpu_is_opened();
        }
    }

    /// Starts the drivers on a thread, ahead of the first request for adapters. The thread narrows the jail when both they
    /// have started and the value that is returned was dropped.
    pub fn start_drivers(&mut self) -> io::Result<Accepting> {
        self.tell();
        let (cache, narrowing) = (self.cache.clone(), self.jail.narrowing());
        let (accepting, accepted) = mpsc::channel();
        let start = move || start_narrowed(cache.as_deref(), &narrowing, &accepted);
        self.starting = Some(thread::Builder::new().name("drivers".to_owned()).spawn(start)?);
        Ok(Accepting(accepting))
    }

    /// The current jail.
    pub fn jail(&self) -> &Jail {
        &self.jail
    }

    /// All real adapters, in the order that an adapter index refers to.
    pub fn adapters(&mut self) -> Result<Vec<Found>, JailError> {
        self.tell();
        let (found, narrowed) = match &self.real {
            Some(global) => {
                let found = list(global);
                let narrowed = narrow(&self.jail.narrowing(), &found);
                (found, narrowed)
            }
            None => {
                let ((real, found), narrowed) = match self.starting.take() {
                    // A panic of that thread continues in this command.
                    Some(starting) => starting.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    None => {
                        let real = start(self.cache.as_deref());
                        let narrowed = narrow(&self.jail.narrowing(), &real.1);
                        (real, narrowed)
                    }
                };
                // `None` without adapters, so that the next request enumerates again.
                self.real = real;
                (found, narrowed)
            }
        };
        self.jail.narrowed(narrowed)?;
        Ok(found)
    }

    /// The adapter of the noop backend.
    pub fn noop(&mut self) -> Option<Found> {
        let global = self.noop.get_or_insert_with(|| Arc::new(instance(Backends::NOOP)));
        global.enumerate_adapters(Backends::NOOP, false).into_iter().map(|id| Found::new(global, id)).next()
    }
}

/// Selects an adapter for `requestAdapter`; the list is in the order of [`Instances::adapters`].
pub fn prefer(found: Vec<Found>, preference: Option<PowerPreference>, fallback: bool) -> Option<Found> {
    let mut found: Vec<_> = found.into_iter().filter(|found| !fallback || found.is_software()).collect();
    if preference == Some(PowerPreference::LowPower) {
        found.sort_by_key(|found| match found.info.device_type {
            DeviceType::IntegratedGpu => 0,
            DeviceType::DiscreteGpu | DeviceType::VirtualGpu | DeviceType::Other | DeviceType::Cpu => {
                found.order().saturating_add(1)
            }
        });
    }
    found.into_iter().next()
}

/// Starts the drivers, waits until the client was accepted, and narrows the jail.
fn start_narrowed(cache: Option<&ShaderCache>, narrowing: &Narrowing, accepted: &Receiver<()>) -> Started {
    let real = start(cache);
    // Nothing is ever sent: this returns when the other end is dropped.
    let _ = accepted.recv();
    let narrowed = narrow(narrowing, &real.1);
    (real, narrowed)
}

fn narrow(narrowing: &Narrowing, found: &[Found]) -> Narrowed {
    narrowing.apply(found.iter().map(Found::family).collect())
}

fn start(cache: Option<&ShaderCache>) -> Real {
    if let Some(cache) = cache {
        cache.load();
    }
    for backends in [Backends::VULKAN | Backends::METAL | Backends::DX12, Backends::GL] {
        let global = Arc::new(instance(backends));
        let found = list(&global);
        if !found.is_empty() {
            return (Some(global), found);
        }
    }
    (None, Vec::new())
}

fn list(global: &Arc<Global>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for id in global.enumerate_adapters(Backends::all(), false) {
        let next = Found::new(global, id);
        if next.info.backend != Backend::Noop && !found.iter().any(|known| known.is_same(&next)) {
            found.push(next);
        }
    }
    found.sort_by_key(Found::order);
    found
}

fn instance(backends: Backends) -> Global {
    let mut backend_options = BackendOptions::default();
    if backends == Backends::NOOP {
        backend_options.noop.enable = true;
        // WebGPU's defaults: the backend's own are unbounded, and wgpu asserts on alignments below 32.
        backend_options.noop.limits = Some(Limits { max_immediate_size: 64, ..Limits::defaults() });
    }
    let descriptor = InstanceDescriptor {
        backends,
        // Without debug layers, which are for driver developers. Arguments of indirect calls are checked on the GPU: a
        // guest could make the driver read out of bounds otherwise. Timestamps are nanoseconds, as WebGPU requires.
        // Labels are withheld from the driver, which has no need to parse text from a guest.
        flags: InstanceFlags::VALIDATION_INDIRECT_CALL
            | InstanceFlags::AUTOMATIC_TIMESTAMP_NORMALIZATION
            | InstanceFlags::DISCARD_HAL_LABELS,
        backend_options,
        ..InstanceDescriptor::new_without_display_handle()
    };
    Global::new("airlock", descriptor, None)
}
