//! The client's ring as a buffer of the GPU (`VK_EXT_external_memory_host`), where the driver imports the memory of a
//! process.
//!
//! wgpu does not know the extension. It is enabled through wgpu-hal's callback at the creation of a device, and the buffer
//! comes into wgpu-core as one that is not its own. A driver that refuses either leaves a device without the buffer, and
//! the worker copies.
//!
//! The mapping is read-only in this process, and the driver only reads it. A driver that pins pages for writing refuses it.
#![allow(unsafe_code)]

use std::ffi::c_void;

use airlock_protocol::transport::RingMemory;
use ash::{ext::external_memory_host as extension, vk};
use thiserror::Error;
use wgpu_core::{
    device::DeviceDescriptor,
    global::Global,
    id::{AdapterId, BufferId, DeviceId, QueueId},
    instance::RequestDeviceError,
    resource::BufferDescriptor,
};
use wgpu_hal::{DynOpenDevice, api::Vulkan, vulkan};
use wgpu_types::BufferUsages;

use crate::gpu::objects::Adapter;

/// The kind of handle: memory of this process.
const KIND: vk::ExternalMemoryHandleTypeFlags = vk::ExternalMemoryHandleTypeFlags::HOST_ALLOCATION_EXT;

/// Reasons for a ring that the GPU does not read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotImported {
    /// Another backend than Vulkan.
    #[error("the adapter is not Vulkan's")]
    Backend,
    /// The driver lacks the extension.
    #[error("the driver does not have VK_EXT_external_memory_host")]
    Extension,
    /// The ring's address or length is not a multiple of the driver's alignment.
    #[error("the driver imports memory at multiples of {0} bytes")]
    Alignment(u64),
    /// No type of memory for such a buffer.
    #[error("the driver has no memory type for it that needs no flushes")]
    MemoryType,
    /// The driver refuses.
    #[error("the driver refuses: {0}")]
    Refused(#[from] vk::Result),
    /// wgpu refuses.
    #[error("wgpu refuses: {0}")]
    Wgpu(String),
    /// There is no device to try it with.
    #[error("there is no device to try it with: {0}")]
    Untried(String),
}

/// Creates a device as [`Global::adapter_request_device`] does, with the extension where the driver has it.
pub fn request_device(
    global: &Global,
    adapter: AdapterId,
    descriptor: &DeviceDescriptor<'_>,
) -> Result<(DeviceId, QueueId), RequestDeviceError> {
    // wgpu-core checks both in the other call only.
    let features = global.adapter_features(adapter).contains(descriptor.required_features);
    let allowed = features && descriptor.required_limits.check_limits(&global.adapter_limits(adapter));
    match allowed.then(|| open(global, adapter, descriptor)).flatten() {
        // SAFETY: the device was opened from this adapter, with the descriptor's features and limits, which the adapter has.
        Some(device) => unsafe { global.create_device_from_hal(adapter, device, descriptor, None, None) },
        None => global.adapter_request_device(adapter, descriptor, None, None),
    }
}

/// A device with the extension; `None` where there is no such, or the driver refuses.
fn open(global: &Global, adapter: AdapterId, descriptor: &DeviceDescriptor<'_>) -> Option<DynOpenDevice> {
    // SAFETY: the adapter's handle is used to open a device and not destroyed.
    let adapter = unsafe { global.adapter_as_hal::<Vulkan>(adapter) }?;
    let capabilities = adapter.physical_device_capabilities();
    // The properties of the extension are asked for with a function of Vulkan 1.1.
    let recent = capabilities.properties().api_version.min(adapter.shared_instance().instance_api_version());
    if recent < vk::API_VERSION_1_1 || !capabilities.supports_extension(extension::NAME) {
        return None;
    }
    let enable: Box<vulkan::CreateDeviceCallback<'_>> =
        Box::new(|arguments| arguments.extensions.push(extension::NAME));
    let DeviceDescriptor { required_features, required_limits, memory_hints, .. } = descriptor;
    // SAFETY: the callback adds one extension, which the driver has, and no feature.
    let opened = unsafe { adapter.open_with_callback(*required_features, required_limits, memory_hints, Some(enable)) };
    opened.map(DynOpenDevice::from).inspect_err(|error| tracing::debug!("a device that imports memory: {error}")).ok()
}

/// Imports the ring as a buffer that can be copied from.
pub fn import(global: &Global, device: DeviceId, ring: RingMemory) -> Result<BufferId, NotImported> {
    let size = ring.bytes();
    let buffer = {
        // SAFETY: the device's handle is not destroyed.
        let device = unsafe { global.device_as_hal::<Vulkan>(device) }.ok_or(NotImported::Backend)?;
        import_raw(&device, ring)?
    };
    let descriptor = BufferDescriptor { label: None, size, usage: BufferUsages::COPY_SRC, mapped_at_creation: false };
    // SAFETY: the buffer was created from this device with this size and usage. The bytes that it has not been given yet are
    // zeros of the kernel's, so that all of it counts as initialized.
    let (id, error) = unsafe { global.create_buffer_from_hal::<Vulkan>(buffer, device, &descriptor, None) };
    match error {
        None => Ok(id),
        Some(error) => {
            global.buffer_drop(id);
            Err(NotImported::Wgpu(error.to_string()))
        }
    }
}

/// Tries an import of a ring on an adapter, with a device that ends with the call.
pub fn examine(adapter: &Adapter, ring: RingMemory) -> Result<(), NotImported> {
    let global = &adapter.global;
    let descriptor =
        DeviceDescriptor { required_limits: global.adapter_limits(adapter.id), ..DeviceDescriptor::default() };
    let (device, queue) =
        request_device(global, adapter.id, &descriptor).map_err(|error| NotImported::Untried(error.to_string()))?;
    let imported = import(global, device, ring);
    if let Ok(buffer) = imported {
        global.buffer_drop(buffer);
    }
    global.queue_drop(queue);
    global.device_drop(device);
    imported.map(drop)
}

/// The Vulkan objects of an import. Dropping it destroys them, and then unmaps the ring if nothing else needs it.
struct Imported {
    device: ash::Device,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    _ring: RingMemory,
}

impl Drop for Imported {
    fn drop(&mut self) {
        // SAFETY: both are of this device and used by nothing else: wgpu-core drops this when no submit uses the buffer any
        // more, and keeps the device until then. A null handle is ignored.
        unsafe {
            self.device.destroy_buffer(self.buffer, None);
            self.device.free_memory(self.memory, None);
        }
    }
}

fn import_raw(hal: &vulkan::Device, ring: RingMemory) -> Result<vulkan::Buffer, NotImported> {
    let (device, instance) = (hal.raw_device(), hal.shared_instance().raw_instance());
    if !hal.enabled_device_extensions().contains(&extension::NAME) {
        return Err(NotImported::Extension);
    }
    let (start, size) = (ring.as_ptr().cast_mut().cast::<c_void>(), ring.bytes());
    let mut host = vk::PhysicalDeviceExternalMemoryHostPropertiesEXT::default();
    let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut host);
    // SAFETY: the device was opened with the extension, on an instance and a driver of Vulkan 1.1 or later.
    unsafe { instance.get_physical_device_properties2(hal.raw_physical_device(), &mut properties) };
    let alignment = host.min_imported_host_pointer_alignment;
    if !(ring.as_ptr().addr() as u64).is_multiple_of(alignment) || !size.is_multiple_of(alignment) {
        return Err(NotImported::Alignment(alignment));
    }
    let mut pointer = vk::MemoryHostPointerPropertiesEXT::default();
    let call = extension::Device::new(instance, device).fp().get_memory_host_pointer_properties_ext;
    // SAFETY: the function is the enabled extension's; the range is mapped.
    unsafe { call(device.handle(), KIND, start, &mut pointer) }.result()?;

    let null = (vk::Buffer::null(), vk::DeviceMemory::null());
    let mut imported = Imported { device: device.clone(), buffer: null.0, memory: null.1, _ring: ring };
    let mut external = vk::ExternalMemoryBufferCreateInfo::default().handle_types(KIND);
    let usage = vk::BufferUsageFlags::TRANSFER_SRC;
    let create = vk::BufferCreateInfo::default().size(size).usage(usage).push_next(&mut external);
    // SAFETY: a description of a buffer for this device; `imported` destroys it.
    imported.buffer = unsafe { device.create_buffer(&create, None) }?;
    // SAFETY: the buffer is this device's.
    let required = unsafe { device.get_buffer_memory_requirements(imported.buffer) };
    // SAFETY: the physical device is this instance's.
    let memory = unsafe { instance.get_physical_device_memory_properties(hal.raw_physical_device()) };
    let bits = required.memory_type_bits & pointer.memory_type_bits;
    let coherent = vk::MemoryPropertyFlags::HOST_VISIBLE | vk::MemoryPropertyFlags::HOST_COHERENT;
    let fits = |index: u32, flags: vk::MemoryPropertyFlags| {
        bits.checked_shr(index).is_some_and(|bits| bits & 1 != 0) && flags.contains(coherent)
    };
    let mut types = (0_u32..).zip(memory.memory_types_as_slice());
    let index = types.find(|&(index, kind)| fits(index, kind.property_flags)).map(|(index, _)| index);
    let index = index.filter(|_| required.size <= size).ok_or(NotImported::MemoryType)?;
    let mut from = vk::ImportMemoryHostPointerInfoEXT::default().handle_type(KIND).host_pointer(start);
    let allocate =
        vk::MemoryAllocateInfo::default().allocation_size(size).memory_type_index(index).push_next(&mut from);
    // SAFETY: the range is aligned as the driver requires, and `imported` keeps it mapped for as long as the memory is there.
    // Its file is sealed against shrinking, so that each page exists. The other process may write to it at any moment; the
    // GPU's copies then have torn bytes, which are data of the client's either way.
    imported.memory = unsafe { device.allocate_memory(&allocate, None) }?;
    // SAFETY: the memory has a type and a length that the buffer may have, and neither was bound before.
    unsafe { device.bind_buffer_memory(imported.buffer, imported.memory, 0) }?;
    let raw = imported.buffer;
    // SAFETY: the buffer lives until wgpu-hal drops the callback, which owns it. It is never mapped: its usage forbids that.
    Ok(unsafe { vulkan::Buffer::from_raw_externally_owned(raw, Box::new(move || drop(imported))) })
}
