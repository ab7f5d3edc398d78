//! Command execution on wgpu-core: one file per WebGPU object, with the protocol's names.
//!
//! wgpu-core returns errors as values, but trusts its caller in some places and panics there. Where a client could
//! reach such a place, the arm checks before the call and raises the error that WebGPU requires:
//!
//! - dead ids: every id is looked up in a slab before wgpu sees its own;
//! - unknown usage and stage bits: `convert` turns them into bits that wgpu refuses, or into an error (wgpu has bits of
//!   its own above WebGPU's);
//! - vertex attributes whose offset overflows with their size added: `convert::pipeline` clamps the offset to the range
//!   of the comparison that refuses it;
//! - objects that are dropped between a bundle encoder's command and its finish: `objects::Named` keeps them;
//! - indirect draws in bundles, which wgpu-core 30 does not check: `render_bundle`;
//! - 16-bit indices that start in the middle of a word that was never written: `buffer_range`;
//! - waits for the GPU on one thread beside submits on another: `pending::poll` does not wait inside wgpu;
//! - rows of texture writes, which wgpu pads in staging memory, and all other memory under the guest's control:
//!   `quotas`;
//! - calls that do not return, of which the drop of a queue is one (`Queue::drop` waits for it without a limit, and
//!   panics on errors other than a loss): the `watchdog`;
//! - limits below those that wgpu's own validation shaders need: `instances` sets WebGPU's limits on the noop backend;
//!   the real backends raise theirs themselves;
//! - shaders that overflow the compiler's stack, or whose error messages take hours to format: `shader_bounds`, and a
//!   large stack for the executor;
//! - depth biases that are not finite: `pipeline`;
//! - writes of a queue to another device's buffer, which index beyond the queue's own buffers: `queue`;
//! - color attachments of formats that are not renderable as color, and resolve targets that are not 2D: `attachments`.
//!
//! Any other panic is caught around the batch (`worker`) and ends the session, not the service.

mod adapter;
mod attachments;
mod binding;
mod buffer;
mod buffer_range;
mod command_encoder;
mod compute_pass;
mod device;
mod error;
mod instance;
mod pipeline;
mod query_set;
mod queue;
mod quotas;
mod render_bundle;
mod render_pass;
mod session;
mod shader;
pub mod shader_bounds;
mod stand_ins;
mod texture;
mod throttle;

use airlock_protocol::Command;

use crate::{gpu::violation::Outcome, session::Session};

/// Executes one command.
pub fn execute(session: &mut Session, command: Command<'_>) -> Outcome {
    match command {
        // instance
        Command::RequestAdapter(c) => session.request_adapter(c),
        Command::ListAdapters(c) => session.list_adapters(c),
        // adapter
        Command::RequestDevice(c) => session.request_device(c),
        // device
        Command::DestroyDevice(c) => session.destroy_device(c),
        // queue
        Command::Submit(c) => session.submit(c),
        Command::OnSubmittedWorkDone(c) => session.on_submitted_work_done(c),
        Command::WriteBuffer(c) => session.write_buffer(c),
        Command::WriteTexture(c) => session.write_texture(c),
        // buffer
        Command::CreateBuffer(c) => session.create_buffer(c),
        Command::MapBuffer(c) => session.map_buffer(c),
        Command::WriteMapped(c) => session.write_mapped(c),
        Command::UnmapBuffer(c) => session.unmap_buffer(c),
        Command::DestroyBuffer(c) => session.destroy_buffer(c),
        // texture
        Command::CreateTexture(c) => session.create_texture(c),
        Command::CreateTextureView(c) => session.create_texture_view(c),
        Command::DestroyTexture(c) => session.destroy_texture(c),
        Command::CreateSampler(c) => session.create_sampler(c),
        // binding
        Command::CreateBindGroupLayout(c) => session.create_bind_group_layout(c),
        Command::CreatePipelineLayout(c) => session.create_pipeline_layout(c),
        Command::CreateBindGroup(c) => session.create_bind_group(c),
        // shader
        Command::CreateShaderModule(c) => session.create_shader_module(c),
        Command::GetCompilationInfo(c) => session.get_compilation_info(c),
        // pipeline
        Command::CreateComputePipeline(c) => session.create_compute_pipeline(c),
        Command::CreateRenderPipeline(c) => session.create_render_pipeline(c),
        Command::GetBindGroupLayout(c) => session.get_bind_group_layout(c),
        // command_encoder
        Command::CreateCommandEncoder(c) => session.create_command_encoder(c),
        Command::CopyBufferToBuffer(c) => session.copy_buffer_to_buffer(c),
        Command::CopyBufferToTexture(c) => session.copy_buffer_to_texture(c),
        Command::CopyTextureToBuffer(c) => session.copy_texture_to_buffer(c),
        Command::CopyTextureToTexture(c) => session.copy_texture_to_texture(c),
        Command::ClearBuffer(c) => session.clear_buffer(c),
        Command::ResolveQuerySet(c) => session.resolve_query_set(c),
        Command::FinishCommandEncoder(c) => session.finish_command_encoder(c),
        Command::EncoderPushDebugGroup(c) => session.encoder_push_debug_group(c),
        Command::EncoderPopDebugGroup(c) => session.encoder_pop_debug_group(c),
        Command::EncoderInsertDebugMarker(c) => session.encoder_insert_debug_marker(c),
        // render_pass
        Command::BeginRenderPass(c) => session.begin_render_pass(c),
        Command::RenderPassSetPipeline(c) => session.render_pass_set_pipeline(c),
        Command::RenderPassSetIndexBuffer(c) => session.render_pass_set_index_buffer(c),
        Command::RenderPassSetVertexBuffer(c) => session.render_pass_set_vertex_buffer(c),
        Command::RenderPassDraw(c) => session.render_pass_draw(c),
        Command::RenderPassDrawIndexed(c) => session.render_pass_draw_indexed(c),
        Command::RenderPassDrawIndirect(c) => session.render_pass_draw_indirect(c),
        Command::RenderPassDrawIndexedIndirect(c) => session.render_pass_draw_indexed_indirect(c),
        Command::RenderPassSetBindGroup(c) => session.render_pass_set_bind_group(c),
        Command::RenderPassSetImmediates(c) => session.render_pass_set_immediates(c),
        Command::SetViewport(c) => session.set_viewport(c),
        Command::SetScissorRect(c) => session.set_scissor_rect(c),
        Command::SetBlendConstant(c) => session.set_blend_constant(c),
        Command::SetStencilReference(c) => session.set_stencil_reference(c),
        Command::BeginOcclusionQuery(c) => session.begin_occlusion_query(c),
        Command::EndOcclusionQuery(c) => session.end_occlusion_query(c),
        Command::ExecuteBundles(c) => session.execute_bundles(c),
        Command::EndRenderPass(c) => session.end_render_pass(c),
        Command::RenderPassPushDebugGroup(c) => session.render_pass_push_debug_group(c),
        Command::RenderPassPopDebugGroup(c) => session.render_pass_pop_debug_group(c),
        Command::RenderPassInsertDebugMarker(c) => session.render_pass_insert_debug_marker(c),
        // compute_pass
        Command::BeginComputePass(c) => session.begin_compute_pass(c),
        Command::ComputePassSetPipeline(c) => session.compute_pass_set_pipeline(c),
        Command::ComputePassSetBindGroup(c) => session.compute_pass_set_bind_group(c),
        Command::ComputePassSetImmediates(c) => session.compute_pass_set_immediates(c),
        Command::DispatchWorkgroups(c) => session.dispatch_workgroups(c),
        Command::DispatchWorkgroupsIndirect(c) => session.dispatch_workgroups_indirect(c),
        Command::EndComputePass(c) => session.end_compute_pass(c),
        Command::ComputePassPushDebugGroup(c) => session.compute_pass_push_debug_group(c),
        Command::ComputePassPopDebugGroup(c) => session.compute_pass_pop_debug_group(c),
        Command::ComputePassInsertDebugMarker(c) => session.compute_pass_insert_debug_marker(c),
        // render_bundle
        Command::CreateRenderBundleEncoder(c) => session.create_render_bundle_encoder(c),
        Command::BundleSetPipeline(c) => session.bundle_set_pipeline(c),
        Command::BundleSetIndexBuffer(c) => session.bundle_set_index_buffer(c),
        Command::BundleSetVertexBuffer(c) => session.bundle_set_vertex_buffer(c),
        Command::BundleDraw(c) => session.bundle_draw(c),
        Command::BundleDrawIndexed(c) => session.bundle_draw_indexed(c),
        Command::BundleDrawIndirect(c) => session.bundle_draw_indirect(c),
        Command::BundleDrawIndexedIndirect(c) => session.bundle_draw_indexed_indirect(c),
        Command::BundleSetBindGroup(c) => session.bundle_set_bind_group(c),
        Command::BundleSetImmediates(c) => session.bundle_set_immediates(c),
        Command::FinishRenderBundle(c) => session.finish_render_bundle(c),
        Command::BundlePushDebugGroup(c) => session.bundle_push_debug_group(c),
        Command::BundlePopDebugGroup(c) => session.bundle_pop_debug_group(c),
        Command::BundleInsertDebugMarker(c) => session.bundle_insert_debug_marker(c),
        // query_set
        Command::CreateQuerySet(c) => session.create_query_set(c),
        Command::DestroyQuerySet(c) => session.destroy_query_set(c),
        // error
        Command::PushErrorScope(c) => session.push_error_scope(c),
        Command::PopErrorScope(c) => session.pop_error_scope(c),
        Command::RaiseError(c) => session.raise_error(c),
        // session
        Command::SetLabel(c) => session.set_label(c),
        Command::DropObject(c) => session.drop_object(c),
        Command::Stage(c) => session.stage(c),
        Command::ReportStats(c) => session.report_stats(c),
    }
}
