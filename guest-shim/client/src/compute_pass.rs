//! `GPUComputePassEncoder`.

use airlock_protocol::{
    commands::compute_pass::{
        ComputePassInsertDebugMarker, ComputePassPopDebugGroup, ComputePassPushDebugGroup, ComputePassSetBindGroup,
        ComputePassSetImmediates, ComputePassSetPipeline, DispatchWorkgroups, DispatchWorkgroupsIndirect,
        EndComputePass,
    },
    limits::{MAX_LABEL, cut},
};

use crate::{
    binding::{BindGroup, DynamicOffsets, SetBindGroupError, set_bind_group},
    buffer::Buffer,
    client::Client,
    object::{DeviceObject, objects},
    pipeline::ComputePipeline,
    queue::immediates,
    render_pass::TimestampWrites,
};

objects! {
    /// `GPUComputePassEncoder`.
    ComputePass: ComputePassId {}
}

/// `GPUComputePassDescriptor`.
#[derive(Clone, Debug, Default)]
pub struct ComputePassDescriptor<'a> {
    /// The label.
    pub label: Option<String>,
    /// Timestamps of the pass.
    pub timestamp_writes: Option<TimestampWrites<'a>>,
}

impl ComputePass {
    /// `GPUComputePassEncoder.setPipeline`.
    #[inline]
    pub fn set_pipeline(&self, client: &mut Client, pipeline: &ComputePipeline) {
        self.base.encode_with(client, &pipeline.base, |pass, pipeline| ComputePassSetPipeline { pass, pipeline });
    }

    /// `GPUComputePassEncoder.dispatchWorkgroups`: 1 in `y` and `z` by default.
    #[inline]
    pub fn dispatch_workgroups(&self, client: &mut Client, x: u32, y: Option<u32>, z: Option<u32>) {
        self.base.encode(client, |pass| DispatchWorkgroups { pass, x, y: y.unwrap_or(1), z: z.unwrap_or(1) });
    }

    /// `GPUComputePassEncoder.dispatchWorkgroupsIndirect`. The offset is in bytes.
    pub fn dispatch_workgroups_indirect(&self, client: &mut Client, buffer: &Buffer, offset: u64) {
        self.base.encode_with(client, buffer.base(), |pass, buffer| DispatchWorkgroupsIndirect {
            pass,
            buffer,
            offset,
        });
    }

    /// `GPUComputePassEncoder.end`.
    pub fn end(&self, client: &mut Client) {
        self.base.encode(client, |pass| EndComputePass { pass });
    }

    /// `GPUDebugCommandsMixin.pushDebugGroup`.
    pub fn push_debug_group(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |pass| ComputePassPushDebugGroup { pass, label: cut(label, MAX_LABEL) });
    }

    /// `GPUDebugCommandsMixin.popDebugGroup`.
    pub fn pop_debug_group(&self, client: &mut Client) {
        self.base.encode(client, |pass| ComputePassPopDebugGroup { pass });
    }

    /// `GPUDebugCommandsMixin.insertDebugMarker`.
    pub fn insert_debug_marker(&self, client: &mut Client, label: &str) {
        self.base.encode(client, |pass| ComputePassInsertDebugMarker { pass, label: cut(label, MAX_LABEL) });
    }

    /// `GPUBindingCommandsMixin.setBindGroup`.
    #[inline]
    pub fn set_bind_group(
        &self,
        client: &mut Client,
        index: u32,
        bind_group: Option<&BindGroup>,
        offsets: DynamicOffsets,
    ) -> Result<(), SetBindGroupError> {
        set_bind_group(&self.base, client, bind_group, offsets, |pass, bind_group, dynamic_offsets| {
            ComputePassSetBindGroup { pass, index, bind_group, dynamic_offsets }
        })
    }

    /// `GPUBindingCommandsMixin.setImmediates`: `size` bytes of the data from `data_offset`, by default to its end.
    pub fn set_immediates(
        &self,
        client: &mut Client,
        range_offset: u32,
        data: &[u8],
        data_offset: Option<u64>,
        size: Option<u64>,
    ) {
        let (offset, data) = immediates(range_offset, data, data_offset, size);
        self.base.encode(client, |pass| ComputePassSetImmediates { pass, offset, data });
    }
}
