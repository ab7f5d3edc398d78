//! Commands for any object or the whole session: labels, drops, bulk data, statistics.

use std::{any::Any, rc::Rc, sync::atomic::Ordering};

use airlock_protocol::{
    Event,
    commands::session::{DropObject, ReportStats, SetLabel, Stage},
    events::Report,
    ids::Object,
    limits::{MAX_LABEL, cut},
};

use crate::{gpu::violation::Outcome, session::Session};

impl Session {
    /// wgpu's labels are fixed at creation; a later label is only logged.
    pub(super) fn set_label(&mut self, c: SetLabel<'_>) -> Outcome {
        let (kind, number) = c.object.describe();
        tracing::debug!("{kind} {number} is called {:?}", cut(c.label, MAX_LABEL));
        self.check_alive(c.object)
    }

    fn check_alive(&self, object: Object) -> Outcome {
        match object {
            Object::Adapter(id) => self.adapters.get(id).map(drop),
            Object::Device(id) => self.devices.get(id).map(drop),
            Object::Buffer(id) => self.buffers.get(id).map(drop),
            Object::Texture(id) => self.textures.get(id).map(drop),
            Object::TextureView(id) => self.texture_views.get(id).map(drop),
            Object::Sampler(id) => self.samplers.get(id).map(drop),
            Object::BindGroupLayout(id) => self.bind_group_layouts.get(id).map(drop),
            Object::PipelineLayout(id) => self.pipeline_layouts.get(id).map(drop),
            Object::BindGroup(id) => self.bind_groups.get(id).map(drop),
            Object::ShaderModule(id) => self.shader_modules.get(id).map(drop),
            Object::ComputePipeline(id) => self.compute_pipelines.get(id).map(drop),
            Object::RenderPipeline(id) => self.render_pipelines.get(id).map(drop),
            Object::CommandEncoder(id) => self.command_encoders.get(id).map(drop),
            Object::CommandBuffer(id) => self.command_buffers.get(id).map(drop),
            Object::RenderPass(id) => self.render_passes.get(id).map(drop),
            Object::ComputePass(id) => self.compute_passes.get(id).map(drop),
            Object::RenderBundleEncoder(id) => self.render_bundle_encoders.get(id).map(drop),
            Object::RenderBundle(id) => self.render_bundles.get(id).map(drop),
            Object::QuerySet(id) => self.query_sets.get(id).map(drop),
        }
    }

    /// Drops an object and wgpu's object. wgpu keeps the resources that it refers to, and submitted work, alive itself.
    pub(super) fn drop_object(&mut self, c: DropObject) -> Outcome {
        match c.object {
            Object::Adapter(id) => self.adapters.remove(id).map(drop),
            Object::Device(id) => {
                let device = self.devices.remove(id)?;
                device.set_dropped();
                // Live objects of the device keep it alive.
                tracing::trace!("{} handles of device {} remain", Rc::strong_count(&device) - 1, id.0);
                Ok(())
            }
            Object::Buffer(id) => {
                let buffer = self.buffers.remove(id)?;
                self.completions.end_mapping(id);
                self.drop_unless_named(c.object, buffer);
                Ok(())
            }
            Object::Texture(id) => self.textures.remove(id).map(drop),
            Object::TextureView(id) => self.texture_views.remove(id).map(drop),
            Object::Sampler(id) => self.samplers.remove(id).map(drop),
            Object::BindGroupLayout(id) => self.bind_group_layouts.remove(id).map(drop),
            Object::PipelineLayout(id) => self.pipeline_layouts.remove(id).map(drop),
            Object::BindGroup(id) => {
                let group = self.bind_groups.remove(id)?;
                self.drop_unless_named(c.object, group);
                Ok(())
            }
            Object::ShaderModule(id) => self.shader_modules.remove(id).map(drop),
            Object::ComputePipeline(id) => self.compute_pipelines.remove(id).map(drop),
            Object::RenderPipeline(id) => {
                let pipeline = self.render_pipelines.remove(id)?;
                self.drop_unless_named(c.object, pipeline);
                Ok(())
            }
            Object::CommandEncoder(id) => self.command_encoders.remove(id).map(drop),
            Object::CommandBuffer(id) => self.command_buffers.remove(id).map(drop),
            Object::RenderPass(id) => self.render_passes.remove(id).map(drop),
            Object::ComputePass(id) => self.compute_passes.remove(id).map(drop),
            Object::RenderBundleEncoder(id) => self.render_bundle_encoders.remove(id).map(drop),
            Object::RenderBundle(id) => self.render_bundles.remove(id).map(drop),
            Object::QuerySet(id) => self.query_sets.remove(id).map(drop),
        }
    }

    /// Drops an object, or moves it to the unfinished bundle encoders that refer to it.
    fn drop_unless_named<T: 'static>(&mut self, object: Object, value: T) {
        if self.render_bundle_encoders.iter().any(|encoder| encoder.named.contains(object)) {
            let value: Rc<dyn Any> = Rc::new(value);
            for encoder in self.render_bundle_encoders.iter_mut() {
                encoder.named.keep(object, &value);
            }
        }
    }

    pub(super) fn stage(&mut self, c: Stage<'_>) -> Outcome {
        self.payloads.stage(c.data)
    }

    pub(super) fn report_stats(&mut self, c: ReportStats) -> Outcome {
        let commands = self.vitals.commands.load(Ordering::Relaxed);
        let report = Report { busy_ns: self.busy_ns(), commands, ..self.report };
        self.completions.events.send(&Event::Report { request: c.request, report });
        Ok(())
    }
}
