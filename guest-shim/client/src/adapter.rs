//! `GPUAdapter`: its capabilities, and the request for its device.

use std::sync::Arc;

use airlock_protocol::{
    commands::adapter::{AdapterInfo, Capabilities, FeatureName, LimitName, Limits, RequestDevice},
    events::{RequestDeviceError, RequestDeviceErrorKind},
    ids::{AdapterId, DeviceId},
};

use crate::{
    client::Client,
    device::{Device, DeviceState},
    object::bounded_label,
    session::{DeviceReply, Gone, News, Wait},
};

/// `GPUAdapter`.
#[derive(Debug)]
pub struct Adapter {
    session: u32,
    id: AdapterId,
    capabilities: Arc<Capabilities>,
    /// The adapter has created its one device (WebGPU, "adapter consumed").
    consumed: bool,
}

/// `GPUDeviceDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct DeviceDescriptor<'a> {
    /// The device's label.
    pub label: Option<String>,
    /// The label of its queue.
    pub queue_label: Option<String>,
    /// Features that the device must have.
    pub required_features: Vec<FeatureName>,
    /// Minimum limits of the device, by WebGPU's names. A limit without a value is not required.
    pub required_limits: Vec<(&'a str, Option<u64>)>,
}

/// A requested device.
#[derive(Debug)]
pub struct RequestedDevice {
    session: u32,
    id: DeviceId,
    news: Arc<News>,
    label: String,
    queue_label: String,
}

/// The completion of `requestDevice`, from the daemon's reply.
pub type DeviceWait = Wait<DeviceReply>;

impl Adapter {
    pub(crate) fn new(session: u32, id: AdapterId, capabilities: Arc<Capabilities>) -> Self {
        Self { session, id, capabilities, consumed: false }
    }

    /// Features, limits and info.
    pub fn capabilities(&self) -> &Arc<Capabilities> {
        &self.capabilities
    }

    /// `GPUAdapter.features`.
    pub fn features(&self) -> &[FeatureName] {
        &self.capabilities.features
    }

    /// `GPUAdapter.limits`.
    pub fn limits(&self) -> &Limits {
        &self.capabilities.limits
    }

    /// `GPUAdapter.info`.
    pub fn info(&self) -> &AdapterInfo {
        &self.capabilities.info
    }

    /// `GPUAdapter.requestDevice`. An adapter makes one device; a second request fails at once, and so does one for a
    /// feature or a limit that the adapter lacks. The error names it.
    pub fn request_device(
        &mut self,
        client: &mut Client,
        descriptor: DeviceDescriptor<'_>,
    ) -> Result<(DeviceWait, RequestedDevice), RequestDeviceError> {
        let DeviceDescriptor { label, queue_label, mut required_features, required_limits: limits } = descriptor;
        required_features.sort_unstable_by_key(|feature| *feature as u32);
        required_features.dedup();
        // In this order (WebGPU, requestDevice): a missing feature is a TypeError even where the request has other
        // errors.
        if let Some(missing) = required_features.iter().find(|feature| !self.capabilities.features.contains(feature)) {
            let message = format!("the adapter does not have the feature {}", missing.as_str());
            return Err(RequestDeviceError { kind: RequestDeviceErrorKind::Type, message });
        }
        if self.consumed {
            return Err(operation_error(
                "the adapter has given its device already: request an adapter for each device".to_owned(),
            ));
        }
        let mut required_limits = Vec::new();
        for (name, value) in limits {
            // A limit without a value requires nothing, even under an unknown name.
            let Some(value) = value else { continue };
            let Some(limit) = LimitName::parse(name) else {
                return Err(operation_error(format!("there is no limit of the name {name:?}")));
            };
            required_limits.push((limit, value));
        }
        let label = bounded_label(label);
        let (number, adapter) = (self.session, self.id);
        let asked = client.session(number).and_then(|session| {
            let (id, request, wait) = session.request_object()?;
            let news = session.watch(id);
            session.send(RequestDevice {
                request,
                adapter,
                device: id,
                label: &label,
                required_features,
                required_limits,
            });
            session.flush();
            Some((id, news, wait))
        });
        let Some((id, news, wait)) = asked else { return Err(operation_error(client.why_no_reply())) };
        client.requested();
        // Set before the reply: of two concurrent calls, one receives the device.
        self.consumed = true;
        let queue_label = bounded_label(queue_label);
        Ok((wait, RequestedDevice { session: number, id, news, label, queue_label }))
    }

    /// Drops the owner's handle.
    pub fn release(self, client: &mut Client) {
        if let Some(session) = client.session(self.session) {
            session.release(self.id);
        }
    }
}

impl RequestedDevice {
    /// The device, once the reply has arrived. After a failure the adapter may be used for another request; pass it
    /// where it still exists.
    pub fn finish(
        self,
        client: &mut Client,
        adapter: Option<&mut Adapter>,
        reply: Result<DeviceReply, Gone>,
    ) -> Result<Device, RequestDeviceError> {
        let Self { session, id, news, label, queue_label } = self;
        let error = match reply {
            Ok(Ok(capabilities)) => {
                let state = DeviceState::new(session, id, Arc::from(capabilities), news, queue_label);
                return Ok(Device::new(Arc::new(state), label));
            }
            Ok(Err(error)) => error,
            Err(Gone) => operation_error(client.why_no_reply()),
        };
        client.no_device(session, id);
        if let Some(adapter) = adapter {
            adapter.consumed = false;
        }
        Err(error)
    }
}

fn operation_error(message: String) -> RequestDeviceError {
    RequestDeviceError { kind: RequestDeviceErrorKind::Operation, message }
}
