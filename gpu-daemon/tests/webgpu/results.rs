//! What passes leave in textures, and whose fault it is where that is not what WebGPU prescribes.
//!
//! A known deviation is one of a driver where another driver below the same wgpu has the right result, and one of wgpu
//! where both have the same wrong one. The other driver was SwiftShader, for which `VK_ICD_FILENAMES` names the file in
//! Chromium's folder.

use airlock_protocol::commands::{pipeline::*, render_pass::*, texture::*};

use crate::kit::{Gpu, WHOLE, color};

/// A resolve goes to the layer of its target's view. Mesa's llvmpipe 22.3 leaves layers other than the first as they are.
#[test]
fn a_resolve_goes_to_the_layer_of_its_view() {
    let mut gpu = Gpu::new();
    for layer in 0..3 {
        let source = gpu.texture(|texture| {
            (texture.sample_count, texture.usage) = (4, TextureUsage::RENDER_ATTACHMENT);
        });
        let target = gpu.texture(|texture| texture.size.depth_or_array_layers = 3);
        let view = gpu.view(source);
        let resolved = gpu.view_of(target, |view| {
            (view.base_array_layer, view.array_layer_count) = (layer, Some(1));
            view.dimension = Some(TextureViewDimension::D2);
        });
        let attachment = ColorAttachment {
            resolve_target: Some(resolved),
            clear_value: [0.0, 1.0, 0.0, 1.0],
            store_op: StoreOp::Discard,
            ..color(view)
        };
        gpu.valid("a resolve", |gpu| {
            gpu.encode(|gpu, encoder| gpu.render_pass(encoder, vec![attachment], None, |_, _| {}));
        });
        for other in 0..3 {
            let found = gpu.texels(target, other);
            let is_known = layer > 0 && gpu.adapter.contains("llvmpipe") && found == [[0; 4]; 16];
            let expected = if other == layer && !is_known { [0, 255, 0, 255] } else { [0; 4] };
            assert_eq!(found, [expected; 16], "layer {other} after a resolve to {layer}");
        }
    }
}

/// A pipeline's sample mask and that of its shader are both applied. Mesa's llvmpipe 22.3 drops the pipeline's where there
/// is one sample.
#[test]
fn sample_masks_are_combined() {
    let mut gpu = Gpu::new();
    for (count, mask, of_shader) in [
        (1, u32::MAX, None),
        (1, 0b1110, None),
        (1, u32::MAX, Some(1)),
        (1, u32::MAX, Some(0b1110)),
        (1, 0b1110, Some(1)),
        (4, u32::MAX, Some(0b1111)),
        (4, 0, Some(0b1111)),
        (4, u32::MAX, Some(0)),
        (4, 0b0011, Some(0b1100)),
    ] {
        let output = match of_shader {
            None => "@fragment fn f() -> @location(0) vec4f { return vec4f(0, 1, 0, 1); }".to_owned(),
            Some(bits) => format!(
                "struct Out {{ @location(0) color: vec4f, @builtin(sample_mask) mask: u32 }}
                @fragment fn f() -> Out {{ return Out(vec4f(0, 1, 0, 1), {bits}u); }}"
            ),
        };
        let module = gpu.module(&format!("{WHOLE} {output}"));
        let pipeline =
            gpu.render(module, |pipeline| (pipeline.multisample.count, pipeline.multisample.mask) = (count, mask));
        let drawn = gpu.texture(|texture| texture.sample_count = count);
        let resolved = gpu.texture(|_| {});
        let attachment = match count {
            1 => color(gpu.view(resolved)),
            _ => ColorAttachment { resolve_target: Some(gpu.view(resolved)), ..color(gpu.view(drawn)) },
        };
        gpu.encode(|gpu, encoder| {
            gpu.render_pass(encoder, vec![attachment], None, |gpu, pass| {
                gpu.push(RenderPassSetPipeline { pass, pipeline });
                let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
                gpu.push(RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance });
            });
        });
        let found = gpu.texels(resolved, 0);
        let is_dropped = count == 1 && gpu.adapter.contains("llvmpipe");
        let mask = if is_dropped { u32::MAX } else { mask };
        let is_drawn = mask & of_shader.unwrap_or(u32::MAX) & ((1 << count) - 1) != 0;
        let expected = if is_drawn { [0, 255, 0, 255] } else { [0; 4] };
        assert_eq!(found, [expected; 16], "{count} {mask:b} {of_shader:?}");
    }
}

/// A depth that the fragment shader writes is clamped to the viewport's range. wgpu has no code for that: it stays as it
/// is, within 0 and 1.
#[test]
fn a_written_depth_is_clamped() {
    let mut gpu = Gpu::new();
    for (near, far, written) in
        [(0.0, 1.0, 0.5), (0.0, 1.0, 1.5), (0.0, 1.0, -0.5), (0.25, 0.75, 0.5), (0.25, 0.75, 0.9), (0.25, 0.75, 0.1)]
    {
        let module =
            gpu.module(&format!("{WHOLE} @fragment fn f() -> @builtin(frag_depth) f32 {{ return {written}; }}"));
        let face = StencilFaceState {
            compare: CompareFunction::Always,
            fail_op: StencilOperation::Keep,
            depth_fail_op: StencilOperation::Keep,
            pass_op: StencilOperation::Keep,
        };
        let pipeline = gpu.render(module, |pipeline| {
            pipeline.fragment.as_mut().unwrap().targets = vec![];
            pipeline.depth_stencil = Some(DepthStencilState {
                format: TextureFormat::Depth32float,
                depth_write_enabled: Some(true),
                depth_compare: Some(CompareFunction::Always),
                stencil_front: face,
                stencil_back: face,
                stencil_read_mask: 0,
                stencil_write_mask: 0,
                depth_bias: 0,
                depth_bias_slope_scale: 0.0,
                depth_bias_clamp: 0.0,
            });
        });
        let texture = gpu.texture(|texture| texture.format = TextureFormat::Depth32float);
        let view = gpu.view(texture);
        let attachment = DepthStencilAttachment {
            view,
            depth_clear_value: Some(0.33),
            depth_load_op: Some(LoadOp::Clear),
            depth_store_op: Some(StoreOp::Store),
            depth_read_only: false,
            stencil_clear_value: 0,
            stencil_load_op: None,
            stencil_store_op: None,
            stencil_read_only: false,
        };
        gpu.valid("a pass", |gpu| {
            gpu.encode(|gpu, encoder| {
                gpu.render_pass(encoder, vec![], Some(attachment), |gpu, pass| {
                    gpu.push(RenderPassSetPipeline { pass, pipeline });
                    let (x, y, width, height) = (0.0, 0.0, 4.0, 4.0);
                    gpu.push(SetViewport { pass, x, y, width, height, min_depth: near, max_depth: far });
                    let (vertex_count, instance_count, first_vertex, first_instance) = (3, 1, 0, 0);
                    gpu.push(RenderPassDraw { pass, vertex_count, instance_count, first_vertex, first_instance });
                });
            });
        });
        let found = gpu.texels_of(texture, 0, TextureAspect::DepthOnly, 4);
        let found = found.first_chunk().map(|bytes| f32::from_le_bytes(*bytes)).expect("a texel");
        let prescribed = f32::clamp(written, near, far);
        let expected = if (near, far) == (0.0, 1.0) { prescribed } else { written.clamp(0.0, 1.0) };
        assert!((found - expected).abs() < 1e-6, "{written} in {near}..{far}: {found} for {expected}");
    }
}
