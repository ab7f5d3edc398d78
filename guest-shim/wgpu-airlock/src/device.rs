//! Devices: creation of all other objects, and pending work.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use airlock_client::device::Device as Gpu;
use airlock_client::queue::Queue as GpuQueue;
use airlock_client::{Lost, Wait};
use airlock_protocol::commands::error::ErrorFilter;
use airlock_protocol::events::DeviceLostReason;
use wgpu::custom::*;

use crate::context::{Context, State, lock};
use crate::error::{Absent, Uncaptured};
use crate::scope::Scopes;
use crate::work::{Finish, Work};
use crate::{
    absent, adapter, binding, buffer, command_encoder, error, limits, pipeline, query_set, render_bundle, shader,
    texture,
};

/// A device and its queue, shared by all of its objects.
pub struct Shared {
    pub context: Arc<Context>,
    pub gpu: Gpu,
    pub queue: GpuQueue,
    pub work: Work,
    uncaptured: Uncaptured,
    scopes: Scopes,
    loss: Mutex<Loss>,
}

/// The loss of a device, and its callback.
struct Loss {
    wait: Wait<Arc<Lost>>,
    lost: Option<Arc<Lost>>,
    callback: Option<BoxDeviceLostCallback>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Device")
    }
}

impl Shared {
    pub fn new(gpu: Gpu, context: Arc<Context>) -> Arc<Shared> {
        let queue = gpu.queue();
        let (uncaptured, wait) = {
            let client = &mut context.lock().client;
            (Uncaptured::new(gpu.uncaptured_errors(client)), gpu.lost(client))
        };
        let loss = Mutex::new(Loss { wait, lost: None, callback: None });
        Arc::new(Shared { context, gpu, queue, work: Work::default(), uncaptured, scopes: Scopes::default(), loss })
    }

    /// Locks the client and the objects for a call on the device, whose errors reach the error scopes of this thread.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.context.lock_for(&self.scopes, &self.gpu)
    }

    /// Reports a validation error of this crate.
    pub fn report(&self, operation: &str, label: Option<&str>, cause: &dyn fmt::Display) {
        self.report_in(&mut self.lock(), operation, label, cause);
    }

    /// As [`Shared::report`], with the lock held.
    pub fn report_in(&self, state: &mut State, operation: &str, label: Option<&str>, cause: &dyn fmt::Display) {
        let message = error::message(operation, label, cause);
        self.gpu.report_error(&mut state.client, ErrorFilter::Validation, &message);
    }

    /// Runs `make`, which creates an invalid object, and discards the worker's error: the program already has one.
    pub fn invalid<T>(&self, state: &mut State, make: impl FnOnce(&Gpu, &mut State) -> T) -> T {
        self.gpu.push_error_scope(&mut state.client, ErrorFilter::Validation);
        let object = make(&self.gpu, state);
        drop(self.gpu.pop_error_scope(&mut state.client));
        object
    }

    /// Creates the object of `descriptor`, or reports an error of `operation` and creates an invalid object.
    pub fn made_or_invalid<D, T>(
        &self,
        operation: &str,
        label: Option<&str>,
        descriptor: Result<D, Absent>,
        make: impl FnOnce(&Gpu, &mut State, D) -> T,
        make_invalid: impl FnOnce(&Gpu, &mut State) -> T,
    ) -> T {
        let state = &mut *self.lock();
        match descriptor {
            Ok(descriptor) => make(&self.gpu, state, descriptor),
            Err(absent) => {
                self.report_in(state, operation, label, &absent);
                self.invalid(state, make_invalid)
            }
        }
    }

    /// Runs due callbacks, the handler of uncaptured errors, and the callback of a lost device.
    pub fn turn(&self) {
        self.work.turn();
        self.deliver();
    }

    /// Blocks until the submit with this number is done and callbacks have run. Returns false on a timeout.
    pub fn wait(&self, submission: u64, timeout: Option<Duration>) -> bool {
        self.watch();
        let in_time = self.work.wait(submission, timeout);
        // After the death of the GPU process, the failed reply and the loss may arrive in either order.
        self.deliver();
        in_time
    }

    /// Requests the end of the submitted work.
    fn watch(&self) {
        self.work.watch(|| {
            let wait = self.queue.on_submitted_work_done(&mut self.context.lock().client);
            Box::pin(async {
                // A session that is over has no more work.
                let _ = wait.spinning().await;
                Box::new(|| ()) as Finish
            })
        });
    }

    fn deliver(&self) {
        self.uncaptured.deliver();
        let told = {
            let mut loss = lock(&self.loss);
            if loss.lost.is_none() {
                loss.lost = loss.wait.try_take().and_then(Result::ok);
            }
            match loss.lost.clone() {
                Some(lost) => loss.callback.take().map(|callback| (lost, callback)),
                None => None,
            }
        };
        if let Some((lost, callback)) = told {
            let reason = match lost.reason {
                DeviceLostReason::Unknown => wgpu::DeviceLostReason::Unknown,
                DeviceLostReason::Destroyed => wgpu::DeviceLostReason::Destroyed,
            };
            callback(reason, lost.message.clone());
        }
    }
}

impl Drop for Shared {
    /// Waits for the errors of the last calls, since the program may end next: the reply to this request follows them all. Then
    /// runs the due callbacks.
    fn drop(&mut self) {
        let last = {
            let client = &mut self.context.lock().client;
            self.gpu.push_error_scope(client, ErrorFilter::Internal);
            self.gpu.pop_error_scope(client)
        };
        let _ = last.map(Wait::wait);
        if !std::thread::panicking() {
            self.turn();
        }
        let client = &mut self.context.lock().client;
        std::mem::replace(&mut self.queue, Gpu::nowhere().queue()).release(client);
        std::mem::replace(&mut self.gpu, Gpu::nowhere()).release(client);
    }
}

/// `wgpu::Device` of this backend.
#[derive(Debug)]
pub struct Device(pub Arc<Shared>);

impl Device {
    /// Reports a missing feature, where there is no object to make invalid.
    fn lacks(&self, operation: &str, label: Option<&str>, features: wgpu::Features) {
        self.0.report(operation, label, &Absent::Features(features));
    }
}

impl DeviceInterface for Device {
    fn features(&self) -> wgpu::Features {
        limits::features(self.0.gpu.capabilities())
    }

    fn limits(&self) -> wgpu::Limits {
        limits::limits(self.0.gpu.limits())
    }

    fn adapter_info(&self) -> wgpu::AdapterInfo {
        adapter::info(self.0.gpu.adapter_info())
    }

    /// Bounds checks and loop bounds are the worker's, and always on.
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
        lock(&self.0.loss).callback = Some(callback);
    }

    fn on_uncaptured_error(&self, handler: Arc<dyn wgpu::UncapturedErrorHandler>) {
        self.0.uncaptured.set_handler(handler);
    }

    fn push_error_scope(&self, filter: wgpu::ErrorFilter) -> u32 {
        let filter = match filter {
            wgpu::ErrorFilter::OutOfMemory => ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Validation => ErrorFilter::Validation,
            wgpu::ErrorFilter::Internal => ErrorFilter::Internal,
        };
        self.0.scopes.push(&self.0.gpu, &mut self.0.context.lock().client, filter)
    }

    fn pop_error_scope(&self, index: u32) -> Pin<Box<dyn PopErrorScopeFuture>> {
        let caught = self.0.scopes.pop(&self.0.gpu, &mut self.0.context.lock().client, index);
        match caught {
            Ok(caught) => Box::pin(async { caught.first().await.map(error::from_worker) }),
            // A second panic would abort the program.
            Err(_) if std::thread::panicking() => Box::pin(std::future::ready(None)),
            Err(mistake) => panic!("{mistake}"),
        }
    }

    /// A graphics debugger would have to be in the worker.
    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn start_graphics_debugger_capture(&self) {}

    #[expect(unsafe_code, reason = "the trait's signature")]
    unsafe fn stop_graphics_debugger_capture(&self) {}

    fn poll(&self, poll_type: wgpu::wgt::PollType<u64>) -> Result<wgpu::PollStatus, wgpu::PollError> {
        let waited = match poll_type {
            wgpu::wgt::PollType::Wait { submission_index, timeout } => {
                let submitted = self.0.work.submitted();
                let submission = submission_index.unwrap_or(submitted);
                if submission > submitted {
                    return Err(wgpu::PollError::WrongSubmissionIndex(submission, submitted));
                }
                if !self.0.wait(submission, timeout) {
                    return Err(wgpu::PollError::Timeout);
                }
                true
            }
            wgpu::wgt::PollType::Poll => {
                self.0.watch();
                self.0.turn();
                false
            }
        };
        Ok(match (self.0.work.is_idle(), waited) {
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
        self.0.gpu.destroy(&mut self.0.context.lock().client);
    }
}

/// The label of a descriptor, in the client's form.
pub fn label(label: wgpu::Label<'_>) -> Option<String> {
    label.map(str::to_owned)
}

/// The object of this backend behind one of wgpu's. Panics for another backend's object, as wgpu does.
pub fn of_this_backend<'a, T>(found: Option<&'a T>, object: &'static str) -> &'a T {
    match found {
        Some(found) => found,
        None => panic!("{object} is not of the airlock backend"),
    }
}

/// `own` for an object that has `as_custom`.
macro_rules! own {
    ($object:expr, $Own:ty) => {
        $crate::device::of_this_backend($object.as_custom::<$Own>(), stringify!($Own))
    };
}
pub(crate) use own;
