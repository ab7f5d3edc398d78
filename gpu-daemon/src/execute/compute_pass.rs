//! `GPUComputePassEncoder`.

use std::rc::Rc;

use airlock_protocol::{
    commands::{
        compute_pass::{
            BeginComputePass, ComputePassInsertDebugMarker, ComputePassPopDebugGroup, ComputePassPushDebugGroup,
            ComputePassSetBindGroup, ComputePassSetImmediates, ComputePassSetPipeline, DispatchWorkgroups,
            DispatchWorkgroupsIndirect, EndComputePass,
        },
        render_pass::TimestampWrites,
    },
    limits::{MAX_LABEL, cut},
};
use wgpu_core::command::{ComputePassDescriptor, PassTimestampWrites};

use crate::{
    convert,
    gpu::{
        objects::CommandEncoder,
        passes::{ComputePass, ComputeState, Recorder},
        violation::{Outcome, Violation, check_list},
    },
    session::Session,
};

impl Session {
    /// wgpu always returns a pass: that of a locked or invalid encoder is invalid, which the encoder's finish reports.
    pub(super) fn begin_compute_pass(&mut self, c: BeginComputePass<'_>) -> Outcome {
        let encoder = Rc::clone(self.command_encoders.get(c.encoder)?);
        let device = Rc::clone(&encoder.device);
        self.compute_passes.vacant(c.pass)?;
        let descriptor = ComputePassDescriptor {
            label: convert::label(c.label),
            timestamp_writes: self.timestamp_writes(&encoder, c.timestamp_writes)?,
        };
        let begun = device.global.command_encoder_begin_compute_pass(encoder.id, &descriptor);
        let raw = Box::new(device.created("GPUCommandEncoder.beginComputePass", c.label, begun));
        self.compute_passes
            .insert(c.pass, Recorder { raw, device, encoder, ended: false, state: ComputeState::default() })
    }

    pub(super) fn timestamp_writes(
        &self,
        encoder: &CommandEncoder,
        writes: Option<TimestampWrites>,
    ) -> Result<Option<PassTimestampWrites>, Violation> {
        let Some(writes) = writes else { return Ok(None) };
        let set = self.query_sets.get(writes.query_set)?;
        if set.count == 0 {
            encoder.flaw("timestamps are written to a set without queries".to_owned());
        }
        Ok(Some(PassTimestampWrites {
            query_set: set.id,
            beginning_of_pass_write_index: writes.beginning_of_pass_write_index,
            end_of_pass_write_index: writes.end_of_pass_write_index,
        }))
    }

    pub(super) fn compute_pass_set_pipeline(&mut self, c: ComputePassSetPipeline) -> Outcome {
        let pipeline = self.compute_pipelines.get(c.pipeline)?;
        let Recorder { raw, device, state, .. } = self.compute_passes.get_mut(c.pass)?;
        state.immediates.pipeline(pipeline.immediates);
        state.groups.pipeline(&pipeline.layout);
        let pipeline = pipeline.id;
        device.check("GPUComputePassEncoder.setPipeline", device.global.compute_pass_set_pipeline(raw, pipeline));
        Ok(())
    }

    pub(super) fn compute_pass_set_bind_group(&mut self, c: ComputePassSetBindGroup) -> Outcome {
        check_list(&c.dynamic_offsets)?;
        let group = c.bind_group.map(|id| self.bind_groups.get(id)).transpose()?;
        let Recorder { raw, device, state, .. } = self.compute_passes.get_mut(c.pass)?;
        state.groups.set(c.index, group.map(|group| &group.bindings), &c.dynamic_offsets);
        let group = group.map(|group| group.id);
        let result = device.global.compute_pass_set_bind_group(raw, c.index, group, &c.dynamic_offsets);
        device.check("GPUComputePassEncoder.setBindGroup", result);
        Ok(())
    }

    pub(super) fn compute_pass_set_immediates(&mut self, c: ComputePassSetImmediates<'_>) -> Outcome {
        let Recorder { device, encoder, ended, state, .. } = self.compute_passes.get_mut(c.pass)?;
        if *ended {
            device.invalid("GPUComputePassEncoder.setImmediates", "", "the pass has ended");
            return Ok(());
        }
        let limit = device.global.device_limits(device.id).max_immediate_size;
        if let Err(reason) = state.immediates.set(c.offset, c.data, limit) {
            encoder.flaw(reason);
        }
        Ok(())
    }

    pub(super) fn dispatch_workgroups(&mut self, c: DispatchWorkgroups) -> Outcome {
        let pass = self.compute_passes.get_mut(c.pass)?;
        hand_over(pass);
        let Recorder { raw, device, .. } = pass;
        let result = device.global.compute_pass_dispatch_workgroups(raw, c.x, c.y, c.z);
        device.check("GPUComputePassEncoder.dispatchWorkgroups", result);
        Ok(())
    }

    pub(super) fn dispatch_workgroups_indirect(&mut self, c: DispatchWorkgroupsIndirect) -> Outcome {
        let buffer = self.buffers.get(c.buffer)?.id;
        let pass = self.compute_passes.get_mut(c.pass)?;
        hand_over(pass);
        let Recorder { raw, device, .. } = pass;
        let result = device.global.compute_pass_dispatch_workgroups_indirect(raw, buffer, c.offset);
        device.check("GPUComputePassEncoder.dispatchWorkgroupsIndirect", result);
        Ok(())
    }

    pub(super) fn end_compute_pass(&mut self, c: EndComputePass) -> Outcome {
        let Recorder { raw, device, ended, .. } = self.compute_passes.get_mut(c.pass)?;
        *ended = true;
        device.check("GPUComputePassEncoder.end", device.global.compute_pass_end(raw));
        Ok(())
    }

    pub(super) fn compute_pass_push_debug_group(&mut self, c: ComputePassPushDebugGroup<'_>) -> Outcome {
        let Recorder { raw, device, .. } = self.compute_passes.get_mut(c.pass)?;
        let result = device.global.compute_pass_push_debug_group(raw, cut(c.label, MAX_LABEL), 0);
        device.check("GPUComputePassEncoder.pushDebugGroup", result);
        Ok(())
    }

    pub(super) fn compute_pass_pop_debug_group(&mut self, c: ComputePassPopDebugGroup) -> Outcome {
        let Recorder { raw, device, .. } = self.compute_passes.get_mut(c.pass)?;
        device.check("GPUComputePassEncoder.popDebugGroup", device.global.compute_pass_pop_debug_group(raw));
        Ok(())
    }

    pub(super) fn compute_pass_insert_debug_marker(&mut self, c: ComputePassInsertDebugMarker<'_>) -> Outcome {
        let Recorder { raw, device, .. } = self.compute_passes.get_mut(c.pass)?;
        let result = device.global.compute_pass_insert_debug_marker(raw, cut(c.label, MAX_LABEL), 0);
        device.check("GPUComputePassEncoder.insertDebugMarker", result);
        Ok(())
    }
}

/// Checks the bind groups, and passes pending immediate data to wgpu, before a dispatch.
fn hand_over(pass: &mut ComputePass) {
    let Recorder { raw, device, encoder, ended, state } = pass;
    // A command of an ended pass is an error by itself, and not part of the recording.
    if !*ended && let Some(reason) = state.groups.flaw() {
        encoder.flaw(reason);
    }
    state.immediates.hand_over(|offset, data| {
        device
            .check("GPUComputePassEncoder.setImmediates", device.global.compute_pass_set_immediates(raw, offset, data));
    });
}
