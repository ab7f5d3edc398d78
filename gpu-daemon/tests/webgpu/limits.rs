//! At a limit, and over it.

use airlock_protocol::commands::texture::*;

use crate::kit::{Gpu, WHOLE, color, target};

/// WebGPU, "create a default pipeline layout": 4 bind groups.
#[test]
fn automatic_layouts_have_no_group_beyond_the_limit() {
    let mut gpu = Gpu::new();
    for (group, used, fits) in [(3, true, true), (4, true, false), (4, false, true), (4000, true, false)] {
        let body = if used { "out = 1u;" } else { "" };
        let code = format!(
            "@group({group}) @binding(0) var<storage, read_write> out: u32;
            @compute @workgroup_size(1) fn main() {{ {body} }}"
        );
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code);
            gpu.compute(module, &[]);
        });
        assert_eq!(error.is_none(), fits, "{group} {used}: {error:?}");
        let code = format!(
            "{WHOLE} @group({group}) @binding(0) var<uniform> u: vec4f;
            @fragment fn f() -> @location(0) vec4f {{ return {}; }}",
            if used { "u" } else { "vec4f()" }
        );
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code);
            gpu.render(module, |_| {});
        });
        assert_eq!(error.is_none(), fits, "{group} {used} in a fragment: {error:?}");
    }
}

/// WebGPU, "calculating color attachment bytes per sample": 32 by default, each aligned to its component.
#[test]
fn color_attachments_have_a_number_of_bytes() {
    use TextureFormat::*;
    let mut gpu = Gpu::new();
    for (formats, fits) in [
        (&[Rgba32float, Rgba32float][..], true),
        (&[Rgba32float, Rgba32float, R8unorm], false),
        (&[R8unorm, Rgba32float, R8unorm], true),
        (&[R8unorm, Rgba32float, Rgba8unorm, R8unorm], true),
        (&[R8unorm, R32float, R8unorm, R32float, R8unorm, R32float, R8unorm, R32float], true),
        (&[Rgba8unorm, Rgba8unorm, Rgba8unorm, Rgba8unorm], true),
        (&[Rgba8unorm, Rgba8unorm, Rgba8unorm, Rgba8unorm, R8unorm], false),
    ] {
        let outputs: String = (0..formats.len()).map(|n| format!("@location({n}) o{n}: vec4f, ")).collect();
        let code = format!("{WHOLE} struct O {{ {outputs} }} @fragment fn f() -> O {{ return O(); }}");
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code);
            gpu.render(module, |pipeline| {
                let fragment = pipeline.fragment.as_mut().unwrap();
                fragment.targets = formats.iter().map(|&format| Some(target(format))).collect();
            });
        });
        assert_eq!(error.is_none(), fits, "a pipeline of {formats:?}: {error:?}");
        let error = gpu.error(|gpu| {
            let views: Vec<_> = formats
                .iter()
                .map(|&format| {
                    let texture = gpu.texture(|texture| {
                        (texture.format, texture.usage) = (format, TextureUsage::RENDER_ATTACHMENT);
                    });
                    color(gpu.view(texture))
                })
                .collect();
            gpu.encode(|gpu, encoder| gpu.render_pass(encoder, views, None, |_, _| {}));
        });
        assert_eq!(error.is_none(), fits, "a pass of {formats:?}: {error:?}");
    }
}
