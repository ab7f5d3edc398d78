//! Devices: creation of all other objects, and pending work.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wgpu::custom::*;

use crate::bindings::webgpu as gpu;
use crate::error::{Absent, Errors};
use crate::queue::Work;
use crate::{
    absent, adapter, binding, buffer, command_encoder, error, executor, limits, pipeline, query_set, render_bundle,
    shader, texture,
};

/// A device and its queue, shared by all objects that report errors or wait.
pub struct Shared {
    pub gpu: Arc<gpu::GpuDevice>,
    pub queue: Arc<gpu::GpuQueue>,
    pub work: Arc<Work>,
    pub errors: Arc<Errors>,
    lost: Arc<Mutex<Option<BoxDeviceLostCallback>>>,
    lost_is_watched: std::sync::atomic::AtomicBool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Device")
    }
}

impl Shared {
    pub fn new(device: gpu::GpuDevice) -> Arc<Shared> {
        let queue = Arc::new(device.queue());
        let mut uncaptured = device.on_uncaptured_error();
        let shared = Arc::new(Shared {
            gpu: device.into(),
            queue,
            work: Arc::default(),
            errors: Arc::default(),
            lost: Arc::default(),
            lost_is_watched: false.into(),
        });
        // Holds the errors and not the device: the last errors may arrive after its drop, and still reach its handler.
        let errors = shared.errors.clone();
        executor::spawn(async move {
            while let Some(error) = uncaptured.next().await {
                errors.uncaptured(error::from_host(&error));
            }
        });
        shared
    }

    /// Reports a validation error of this crate.
    pub fn report(&self, operation: &str, label: Option<&str>, cause: &dyn fmt::Display) {
        self.errors.report(error::validation(operation, label, cause));
    }

    /// Runs `make`, which creates an invalid object, and discards the host's error: the program already has one.
    pub fn invalid<T>(&self, make: impl FnOnce(&gpu::GpuDevice) -> T) -> T {
        self.gpu.push_error_scope(gpu::GpuErrorFilter::Validation);
        let object = make(&self.gpu);
        let device = self.gpu.clone();
        executor::spawn(async move {
            let _ = device.pop_error_scope().await;
        });
        object
    }

    /// Creates the object of `descriptor`, or reports an error of `operation` and creates an invalid object.
    pub fn made_or_invalid<D, T>(
        &self,
        operation: &str,
        label: Option<&str>,
        descriptor: Result<D, Absent>,
        make: impl FnOnce(&gpu::GpuDevice, D) -> T,
        make_invalid: impl FnOnce(&gpu::GpuDevice) -> T,
    ) -> T {
        match descriptor {
            Ok(descriptor) => make(&self.gpu, descriptor),
            Err(absent) => {
                self.report(operation, label, &absent);
                self.invalid(make_invalid)
            }
        }
    }

    /// Blocks until the submit with this number, by default the last one, is done and callbacks have run. Returns false
    /// on a timeout.
    pub fn wait(&self, submission: Option<u64>, timeout: Option<Duration>) -> bool {
        executor::turn();
        let submission = submission.unwrap_or(self.work.submitted());
        self.watch(submission);
        let in_time = self.work.wait(&self.gpu, submission, timeout);
        // Errors of finished work may arrive after the notice of its end.
        executor::turn();
        in_time
    }

    /// Requests the end of the submitted work, and runs callbacks without blocking.
    pub fn poll(&self) {
        self.watch(self.work.submitted());
        executor::turn();
    }

    /// Requests the end of the submitted work, unless that of `submission` has been requested, with a map after the request.
    fn watch(&self, submission: u64) {
        if self.work.is_watched(submission) {
            return;
        }
        self.work.progress.prepare(&self.gpu);
        self.work.watch(&self.queue);
        self.work.progress.map(&self.work);
    }

    /// True if no work is pending and no callback is due.
    pub fn is_idle(&self) -> bool {
        self.work.is_idle()
    }

    fn watch_loss(&self) {
        if self.lost_is_watched.swap(true, std::sync::atomic::Ordering::Relaxed) {
            return;
        }
        let (lost, callback) = (self.gpu.lost(), self.lost.clone());
        executor::spawn(async move {
            let info = lost.await;
            let reason = match info.reason() {
                gpu::GpuDeviceLostReason::Unknown => wgpu::DeviceLostReason::Unknown,
                gpu::GpuDeviceLostReason::Destroyed => wgpu::DeviceLostReason::Destroyed,
            };
            let callback = callback.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(callback) = callback {
                callback(reason, info.message());
            }
        });
    }
}

impl Drop for Shared {
    /// Waits at the program's end for the errors of the last calls.
    fn drop(&mut self) {
        self.work.progress.release();
        let device = self.gpu.clone();
        executor::spawn_to_the_end(async move {
            // A request whose reply follows every error of earlier calls.
            device.push_error_scope(gpu::GpuErrorFilter::Internal);
            let _ = device.pop_error_scope().await;
        });
    }
}

/// `wgpu::Device` of this backend.
#[derive(Debug)]
pub struct Device(pub Arc<Shared>);

impl Device {
    /// Reports a missing feature, where there is no object of the host to make invalid.
    fn lacks(&self, operation: &str, label: Option<&str>, features: wgpu::Features) {
        self.0.report(operation, label, &Absent::Features(features));
    }
}

impl DeviceInterface for Device {
    fn features(&self) -> wgpu::Features {
        let features = self.0.gpu.features();
        limits::features(|name| features.has(name), &self.limits())
    }

    fn limits(&self) -> wgpu::Limits {
        limits::limits(&self.0.gpu.limits())
    }

    fn adapter_info(&self) -> wgpu::AdapterInfo {
        adapter::info(&self.0.gpu.adapter_info())
    }

    /// Bounds checks and loop bounds are the host's, and always on.
    fn create_shader_module(
        &self,
        desc: wgpu::ShaderModuleDescriptor<'_>,
        _: wgpu::ShaderRuntimeChecks,
    ) -> DispatchShaderModule {
        DispatchShaderModule::custom(shader::create(&self.0, desc))
    }

    #[expect(unsafe_code, reason = "the trait's signature; the shader is refused")]
    unsafe fn create_shader_module_passthrough(
        &self,
        desc: &wgpu::ShaderModuleDescriptorPassthrough<'_>,
    ) -> DispatchShaderModule {
        let features = wgpu::Features::PASSTHROUGH_SHADERS;
        self.lacks("Device::create_shader_module_passthrough", desc.label, features);
        DispatchShaderModule::custom(shader::invalid(&self.0, Vec::new()))
    }

    fn create_bind_group_layout(&self, desc: &wgpu::BindGroupLayoutDescriptor<'_>) -> DispatchBindGroupLayout {
        DispatchBindGroupLayout::custom(binding::create_layout(&self.0, desc))
    }

    fn create_bind_group(&self, desc: &wgpu::BindGroupDescriptor<'_>) -> DispatchBindGroup {
        DispatchBindGroup::custom(binding::create_group(&self.0, desc))
    }

    fn create_pipeline_layout(&self, desc: &wgpu::PipelineLayoutDescriptor<'_>) -> DispatchPipelineLayout {
        DispatchPipelineLayout::custom(pipeline::create_layout(&self.0, desc))
    }

    fn create_render_pipeline(&self, desc: &wgpu::RenderPipelineDescriptor<'_>) -> DispatchRenderPipeline {
        DispatchRenderPipeline::custom(pipeline::create_render(&self.0, desc))
    }

    fn create_mesh_pipeline(&self, desc: &wgpu::MeshPipelineDescriptor<'_>) -> DispatchRenderPipeline {
        self.lacks("Device::create_mesh_pipeline", desc.label, wgpu::Features::EXPERIMENTAL_MESH_SHADER);
        DispatchRenderPipeline::custom(pipeline::invalid_render(&self.0))
    }

    fn create_compute_pipeline(&self, desc: &wgpu::ComputePipelineDescriptor<'_>) -> DispatchComputePipeline {
        DispatchComputePipeline::custom(pipeline::create_compute(&self.0, desc))
    }

    #[expect(unsafe_code, reason = "the trait's signature; the data is not looked at")]
    unsafe fn create_pipeline_cache(&self, desc: &wgpu::PipelineCacheDescriptor<'_>) -> DispatchPipelineCache {
        self.lacks("Device::create_pipeline_cache", desc.label, wgpu::Features::PIPELINE_CACHE);
        DispatchPipelineCache::custom(absent::PipelineCache)
    }

    fn create_buffer(&self, desc: &wgpu::BufferDescriptor<'_>) -> DispatchBuffer {
        DispatchBuffer::custom(buffer::create(&self.0, desc))
    }

    fn create_texture(&self, desc: &wgpu::TextureDescriptor<'_>) -> DispatchTexture {
        DispatchTexture::custom(texture::create(&self.0, desc))
    }

    fn create_external_texture(
        &self,
        desc: &wgpu::ExternalTextureDescriptor<'_>,
        _: &[&wgpu::TextureView],
    ) -> DispatchExternalTexture {
        self.lacks("Device::create_external_texture", desc.label, wgpu::Features::EXTERNAL_TEXTURE);
        DispatchExternalTexture::custom(absent::ExternalTexture)
    }

    fn create_blas(
        &self,
        desc: &wgpu::CreateBlasDescriptor<'_>,
        _: wgpu::BlasGeometrySizeDescriptors,
    ) -> (Option<u64>, DispatchBlas) {
        self.lacks("Device::create_blas", desc.label, wgpu::Features::EXPERIMENTAL_RAY_QUERY);
        (None, DispatchBlas::custom(absent::Blas))
    }

    fn create_tlas(&self, desc: &wgpu::CreateTlasDescriptor<'_>) -> DispatchTlas {
        self.lacks("Device::create_tlas", desc.label, wgpu::Features::EXPERIMENTAL_RAY_QUERY);
        DispatchTlas::custom(absent::Tlas)
    }

    fn create_sampler(&self, desc: &wgpu::SamplerDescriptor<'_>) -> DispatchSampler {
        DispatchSampler::custom(texture::create_sampler(&self.0, desc))
    }

    fn create_query_set(&self, desc: &wgpu::QuerySetDescriptor<'_>) -> DispatchQuerySet {
        DispatchQuerySet::custom(query_set::create(&self.0, desc))
    }

    fn create_command_encoder(&self, desc: &wgpu::CommandEncoderDescriptor<'_>) -> DispatchCommandEncoder {
        DispatchCommandEncoder::custom(command_encoder::create(&self.0, desc))
    }

    fn create_render_bundle_encoder(
        &self,
        desc: &wgpu::RenderBundleEncoderDescriptor<'_>,
    ) -> DispatchRenderBundleEncoder {
        DispatchRenderBundleEncoder::custom(render_bundle::create(&self.0, desc))
    }

    fn set_device_lost_callback(&self, callback: BoxDeviceLostCallback) {
        *self.0.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(callback);
        self.0.watch_loss();
    }

    fn on_uncaptured_error(&self, handler: Arc<dyn wgpu::UncapturedErrorHandler>) {
        self.0.errors.set_handler(handler);
    }

    fn push_error_scope(&self, filter: wgpu::ErrorFilter) -> u32 {
        self.0.gpu.push_error_scope(match filter {
            wgpu::ErrorFilter::OutOfMemory => gpu::GpuErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Validation => gpu::GpuErrorFilter::Validation,
            wgpu::ErrorFilter::Internal => gpu::GpuErrorFilter::Internal,
        });
        self.0.errors.push(filter)
    }

    fn pop_error_scope(&self, index: u32) -> Pin<Box<dyn PopErrorScopeFuture>> {
        let own = self.0.errors.pop(index);
        let device = self.0.gpu.clone();
        Box::pin(executor::started(async move {
            let host = device.pop_error_scope().await.ok().flatten();
            own.or_else(|| host.as_ref().map(error::from_host))
        }))
    }

    /// The host's debugger, if there is one, is out of the guest's reach.
    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn start_graphics_debugger_capture(&self) {}

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn stop_graphics_debugger_capture(&self) {}

    fn poll(&self, poll_type: wgpu::wgt::PollType<u64>) -> Result<wgpu::PollStatus, wgpu::PollError> {
        let waited = match poll_type {
            wgpu::wgt::PollType::Wait { submission_index, timeout } => {
                let submitted = self.0.work.submitted();
                if let Some(index) = submission_index.filter(|index| *index > submitted) {
                    return Err(wgpu::PollError::WrongSubmissionIndex(index, submitted));
                }
                if !self.0.wait(submission_index, timeout) {
                    return Err(wgpu::PollError::Timeout);
                }
                true
            }
            wgpu::wgt::PollType::Poll => {
                self.0.poll();
                false
            }
        };
        Ok(match (self.0.is_idle(), waited) {
            (true, _) => wgpu::PollStatus::QueueEmpty,
            (false, true) => wgpu::PollStatus::WaitSucceeded,
            (false, false) => wgpu::PollStatus::Poll,
        })
    }

    fn get_internal_counters(&self) -> wgpu::InternalCounters {
        wgpu::InternalCounters::default()
    }

    fn generate_allocator_report(&self) -> Option<wgpu::AllocatorReport> {
        None
    }

    fn destroy(&self) {
        self.0.work.progress.stop();
        self.0.gpu.destroy();
    }
}

/// The label of a descriptor, in the interface's form.
pub fn label(label: wgpu::Label<'_>) -> Option<String> {
    label.map(str::to_owned)
}

/// The object of this backend behind one of wgpu's. Panics for another backend's object, as wgpu does.
pub fn of_this_backend<'a, T>(found: Option<&'a T>, object: &'static str) -> &'a T {
    match found {
        Some(found) => found,
        None => panic!("{object} is not of the wasi:webgpu backend"),
    }
}

/// `own` for an object that has `as_custom`.
macro_rules! own {
    ($object:expr, $Own:ty) => {
        $crate::device::of_this_backend($object.as_custom::<$Own>(), stringify!($Own))
    };
}
pub(crate) use own;
