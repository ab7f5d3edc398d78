//! `GPUAdapter`: device requests.

use std::{rc::Rc, sync::Arc};

use airlock_protocol::{
    Event,
    commands::adapter::{Capabilities, RequestDevice},
    events::{RequestDeviceError, RequestDeviceErrorKind},
};
use wgpu_core::{
    device::DeviceDescriptor,
    global::Global,
    id::{BufferId, DeviceId},
};
#[cfg(not(target_os = "linux"))]
use wgpu_core::{
    id::{AdapterId, QueueId},
    instance::RequestDeviceError as CoreError,
};
use wgpu_types as wgt;

#[cfg(target_os = "linux")]
use crate::gpu::imported::{self, request_device};

use crate::{
    convert,
    gpu::{
        device::{CoreDevice, Device},
        errors,
        memory::Counted,
        uploads::Uploads,
        violation::{Outcome, check_list},
    },
    session::Session,
};

impl Session {
    pub(super) fn request_device(&mut self, c: RequestDevice<'_>) -> Outcome {
        check_list(&c.required_features)?;
        check_list(&c.required_limits)?;
        self.devices.free(c.device)?;
        self.adapters.get(c.adapter)?;
        let result = self.make_device(&c)?.map(Box::new);
        self.completions.events.send(&Event::DeviceReply { request: c.request, result });
        Ok(())
    }

    fn make_device(
        &mut self,
        c: &RequestDevice<'_>,
    ) -> Result<Result<Capabilities, RequestDeviceError>, crate::gpu::violation::Violation> {
        let adapter = self.adapters.get(c.adapter)?;
        let global = &adapter.global;
        let refuse = |kind, message| Ok(Err(RequestDeviceError { kind, message }));
        if self.global.as_ref().is_some_and(|used| !Arc::ptr_eq(used, global)) {
            let message = "a session uses either real adapters or the noop adapter".to_owned();
            return refuse(RequestDeviceErrorKind::Operation, message);
        }
        if let Some(refusal) = self.devices.refusal() {
            self.refused();
            return refuse(RequestDeviceErrorKind::Operation, refusal.to_string());
        }
        let offered = global.adapter_features(adapter.id);
        let mut features = offered & wgt::Features::IMMEDIATES;
        for &name in &c.required_features {
            match convert::adapter::with_implied(name).filter(|&bits| offered.contains(bits)) {
                Some(bits) => features |= bits,
                None => {
                    let message = format!("the adapter does not have the feature {}", name.as_str());
                    return refuse(RequestDeviceErrorKind::Type, message);
                }
            }
        }
        let limits = global.adapter_limits(adapter.id);
        let granted = match convert::adapter::grant(&c.required_limits, &convert::adapter::limits(&limits, offered)) {
            Ok(granted) => granted,
            Err(message) => return refuse(RequestDeviceErrorKind::Operation, message),
        };
        let descriptor = DeviceDescriptor {
            label: convert::label(c.label),
            required_features: features,
            required_limits: convert::adapter::device_limits(&granted, &limits),
            experimental_features: wgt::ExperimentalFeatures::disabled(),
            memory_hints: wgt::MemoryHints::Performance,
            trace: wgt::Trace::Off,
        };
        let (device, queue) = match request_device(global, adapter.id, &descriptor) {
            Ok(ids) => ids,
            Err(error) => {
                let message = errors::describe("GPUAdapter.requestDevice", c.label, &error);
                return refuse(RequestDeviceErrorKind::Operation, message);
            }
        };
        let held = self.completions.submits.held();
        let uploads = Uploads::new(self.import_ring(global, device));
        let core = Arc::new(CoreDevice::new(Arc::clone(global), device, queue, self.serial, c.device, held, uploads));
        let capabilities = convert::adapter::capabilities(
            &global.device_adapter_info(device),
            global.device_features(device),
            &global.device_limits(device),
        );
        self.serial = self.serial.saturating_add(1);
        self.global = Some(Arc::clone(global));
        self.completions.add_device(&core);
        Counted::add(&mut self.counted, &core);
        let (completions, lost) = (Arc::downgrade(&self.completions), Arc::downgrade(&core));
        let closure = move |_, message: String| {
            if let (Some(completions), Some(device)) = (completions.upgrade(), lost.upgrade()) {
                completions.note_loss(device, message);
            }
        };
        global.device_set_device_lost_closure(device, Box::new(closure));
        self.devices.insert(c.device, Rc::new(Device::new(core, self.completions.events.clone())))?;
        Ok(Ok(capabilities))
    }

    /// The ring as a buffer of the device, where its driver imports it.
    #[cfg(target_os = "linux")]
    fn import_ring(&self, global: &Global, device: DeviceId) -> Option<BufferId> {
        match imported::import(global, device, self.payloads.ring_memory()) {
            Ok(ring) => Some(ring),
            Err(reason) => {
                tracing::debug!("the GPU does not read the ring: {reason}");
                None
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn import_ring(&self, _: &Global, _: DeviceId) -> Option<BufferId> {
        None
    }
}

#[cfg(not(target_os = "linux"))]
fn request_device(
    global: &Global,
    adapter: AdapterId,
    descriptor: &DeviceDescriptor<'_>,
) -> Result<(DeviceId, QueueId), CoreError> {
    global.adapter_request_device(adapter, descriptor, None, None)
}
