//! wgpu's instances, made when they are first needed: starting a driver costs time, and a session on the noop backend
//! never starts one.
//!
//! Vulkan (and what other platforms have in its place) comes first. OpenGL is started only where that finds nothing:
//! it would list the same hardware again, and it is the less complete of the two.

use std::{
    io,
    panic::resume_unwind,
    sync::Arc,
    thread::{self, JoinHandle},
};

use airlock_protocol::commands::{adapter::Capabilities, instance::PowerPreference};
use wgpu_core::{global::Global, id::AdapterId};
use wgpu_types::{
    AdapterInfo, Backend, BackendOptions, Backends, DeviceType, InstanceDescriptor, InstanceFlags, Limits,
};

use crate::{
    convert,
    gpu::objects::Adapter,
    jail::{Family, Jail, JailError},
    worker::{shader_cache::ShaderCache, vitals::Vitals},
};

/// The instances of a session.
#[derive(Debug)]
pub struct Instances {
    /// Drivers that are starting.
    starting: Option<JoinHandle<Real>>,
    real: Option<Arc<Global>>,
    noop: Option<Arc<Global>>,
    jail: Jail,
    /// Who is to know that a GPU is about to be opened; `None` where there is none.
    vitals: Option<Arc<Vitals>>,
    /// What drivers find when they start.
    cache: Option<Arc<ShaderCache>>,
}

/// An instance with real adapters, if there are any.
type Real = (Option<Arc<Global>>, Vec<Found>);

/// An adapter that was found.
#[derive(Debug)]
pub struct Found {
    /// The adapter.
    pub adapter: Adapter,
    info: AdapterInfo,
}

impl Found {
    fn new(global: &Arc<Global>, id: AdapterId) -> Self {
        Self { info: global.adapter_get_info(id), adapter: Adapter { global: Arc::clone(global), id } }
    }

    /// What it offers.
    pub fn capabilities(&self) -> Capabilities {
        let Adapter { global, id } = &self.adapter;
        convert::adapter::capabilities(&self.info, global.adapter_features(*id), &global.adapter_limits(*id))
    }

    /// A name for messages.
    pub fn name(&self) -> String {
        format!("{} ({})", self.info.name, self.info.backend.to_str())
    }

    /// It is a software adapter.
    pub fn is_software(&self) -> bool {
        self.info.device_type == DeviceType::Cpu
    }

    /// Its name, driver or backend contains the text, case ignored.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let info = &self.info;
        [info.name.as_str(), info.driver.as_str(), info.driver_info.as_str(), info.backend.to_str()]
            .iter()
            .any(|text| text.to_lowercase().contains(&name))
    }

    /// What the jail must leave its driver.
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

    /// Its place in the list: hardware first, discrete before integrated.
    fn order(&self) -> u8 {
        match self.info.device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        }
    }

    /// The same hardware under the same driver: two driver manifests may name one driver twice.
    fn is_same(&self, other: &Self) -> bool {
        let key = |found: &Self| {
            let info = found.info.clone();
            (info.backend, info.name, info.vendor, info.device, info.device_pci_bus_id, info.driver, info.driver_info)
        };
        key(self) == key(other)
    }
}

impl Instances {
    /// None is made yet. The jail is narrowed when the drivers have started.
    pub fn new(jail: Jail, cache: Option<Arc<ShaderCache>>) -> Self {
        Self { starting: None, real: None, noop: None, jail, vitals: None, cache }
    }

    /// The machine has a GPU: these are told when drivers start, which open it.
    pub fn on_a_gpu(mut self, vitals: Arc<Vitals>) -> Self {
        self.vitals = Some(vitals);
        self
    }

    fn tell(&mut self) {
        if let Some(vitals) = self.vitals.take() {
            vitals.gpu_is_opened();
        }
    }

    /// Starts the drivers on a thread, for whoever asks for adapters.
    pub fn start_drivers(&mut self) -> io::Result<()> {
        self.tell();
        let cache = self.cache.clone();
        let start = move || start(cache.as_deref());
        self.starting = Some(thread::Builder::new().name("drivers".to_owned()).spawn(start)?);
        Ok(())
    }

    /// The jail as it is now.
    pub fn jail(&self) -> &Jail {
        &self.jail
    }

    /// Every real adapter, in the order that an index counts.
    pub fn adapters(&mut self) -> Result<Vec<Found>, JailError> {
        self.tell();
        let found = match &self.real {
            Some(global) => list(global),
            None => {
                let (real, found) = match self.starting.take() {
                    // A panic over there is one of this command.
                    Some(starting) => starting.join().unwrap_or_else(|panic| resume_unwind(panic)),
                    None => start(self.cache.as_deref()),
                };
                // Kept only where it found something: the next request looks again.
                self.real = real;
                found
            }
        };
        self.jail.drivers_started(found.iter().map(Found::family).collect())?;
        Ok(found)
    }

    /// The adapter of the noop backend.
    pub fn noop(&mut self) -> Option<Found> {
        let global = self.noop.get_or_insert_with(|| Arc::new(instance(Backends::NOOP)));
        global.enumerate_adapters(Backends::NOOP, false).into_iter().map(|id| Found::new(global, id)).next()
    }
}

/// Chooses as `requestAdapter` does; the list is in [`Instances::adapters`]' order.
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
        // WebGPU's own: the backend's would be without bounds, and wgpu asserts on alignments below 32.
        backend_options.noop.limits = Some(Limits { max_immediate_size: 64, ..Limits::defaults() });
    }
    let descriptor = InstanceDescriptor {
        backends,
        // Not the debug layers, which are for people who debug a driver. What indirect calls read is checked on the
        // GPU: a guest could make the driver read out of bounds otherwise. Timestamps are nanoseconds, as WebGPU has
        // them. Labels stay out of the driver, which has no need to parse text from a guest.
        flags: InstanceFlags::VALIDATION_INDIRECT_CALL
            | InstanceFlags::AUTOMATIC_TIMESTAMP_NORMALIZATION
            | InstanceFlags::DISCARD_HAL_LABELS,
        backend_options,
        ..InstanceDescriptor::new_without_display_handle()
    };
    Global::new("airlock", descriptor, None)
}
