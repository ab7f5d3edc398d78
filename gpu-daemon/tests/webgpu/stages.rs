//! Pipeline stages: constants, workgroups, inter-stage interfaces.

use airlock_protocol::commands::{pipeline::*, texture::TextureFormat};

use crate::kit::{Gpu, WHOLE, target};

/// WebGPU, "validating GPUProgrammableStage".
#[test]
fn constants_are_named_as_declared_and_fit_their_types() {
    let mut gpu = Gpu::new();
    let module = gpu.module(
        "@id(7) override a: i32 = 1; override b: u32 = 1u; override c: f32 = 1.0; override d: bool = true;
        @group(0) @binding(0) var<storage, read_write> out: array<i32>;
        @compute @workgroup_size(1) fn main() { out[0] = a; }",
    );
    let (max, huge) = (f64::from(i32::MAX), 1e300);
    for (key, value) in [("7", 5.0), ("7", max), ("b", 4294967295.0), ("c", 3.4e38), ("d", 17.0), ("b", 1.5)] {
        gpu.valid(&format!("{key}: {value}"), |gpu| gpu.compute(module, &[(key, value)]));
    }
    for (key, value) in [
        ("07", 5.0),
        ("+7", 5.0),
        ("a", 5.0),
        ("8", 5.0),
        ("e", 5.0),
        ("7", max + 1.0),
        ("7", f64::NAN),
        // The entry point does not use these.
        ("b", -1.0),
        ("b", 4294967296.0),
        ("c", huge),
        ("c", f64::INFINITY),
        ("d", f64::NAN),
        ("d", f64::INFINITY),
    ] {
        gpu.invalid(&format!("{key}: {value}"), |gpu| gpu.compute(module, &[(key, value)]));
    }
}

/// WebGPU, "createComputePipeline": the limits of a workgroup.
#[test]
fn workgroups_are_bounded() {
    let mut gpu = Gpu::new();
    let storage = |bytes: u32| {
        format!(
            "var<workgroup> w: array<u32, {}>; @group(0) @binding(0) var<storage, read_write> out: array<u32>;
            @compute @workgroup_size(1) fn main() {{ w[0] = 1u; out[0] = w[0]; }}",
            bytes / 4
        )
    };
    for (bytes, fits) in
        [(16 << 10, true), ((16 << 10) + 4, false), (17 << 10, false), (1 << 20, false), (1 << 30, false)]
    {
        let error = gpu.error(|gpu| {
            let module = gpu.module(&storage(bytes));
            gpu.compute(module, &[]);
        });
        assert_eq!(error.is_none(), fits, "{bytes}: {error:?}");
    }
    // Each variable takes a multiple of 16 bytes, and unused ones take none.
    let two = |used: &str| {
        format!(
            "var<workgroup> w: array<u32, 4095>; var<workgroup> v: u32;
            @group(0) @binding(0) var<storage, read_write> out: array<u32>;
            @compute @workgroup_size(1) fn main() {{ w[0] = 1u; out[0] = w[0]; {used} }}"
        )
    };
    gpu.valid("one of two", |gpu| {
        let module = gpu.module(&two(""));
        gpu.compute(module, &[])
    });
    gpu.invalid("both", |gpu| {
        let module = gpu.module(&two("v = 1u;"));
        gpu.compute(module, &[])
    });
    let module = gpu.module(
        "override x = 1u; override y = 1u; override z = 1u; override n = 4u;
        var<workgroup> w: array<u32, n>; @group(0) @binding(0) var<storage, read_write> out: array<u32>;
        @compute @workgroup_size(x, y, z) fn main() { w[0] = 1u; out[0] = w[0]; }",
    );
    for (constants, fits) in [
        (&[("x", 256.0)][..], true),
        (&[("x", 16.0), ("y", 16.0)], true),
        (&[("z", 64.0)], true),
        (&[("n", 4096.0)], true),
        (&[("x", 257.0)], false),
        (&[("x", 0.0)], false),
        (&[("y", 257.0)], false),
        (&[("z", 65.0)], false),
        (&[("x", 16.0), ("y", 17.0)], false),
        (&[("n", 4097.0)], false),
        (&[("n", 0.0)], false),
        (&[("n", 4294967295.0)], false),
    ] {
        let error = gpu.error(|gpu| _ = gpu.compute(module, constants));
        assert_eq!(error.is_none(), fits, "{constants:?}: {error:?}");
    }
}

/// WebGPU, "validating GPUFragmentState".
#[test]
fn targets_have_outputs() {
    let mut gpu = Gpu::new();
    let factor =
        |src_factor| BlendComponent { operation: BlendOperation::Add, src_factor, dst_factor: BlendFactor::Zero };
    let blends = |factor_of_color| Some((factor(factor_of_color), factor(BlendFactor::SrcAlpha)));
    let (one, alpha) = (blends(BlendFactor::One), blends(BlendFactor::SrcAlpha));
    let none = ColorWrite::empty();
    let written = ColorWrite::RED;
    for (output, format, blend, write_mask, fits) in [
        ("@location(0) vec4f", TextureFormat::Rgba8unorm, alpha, written, true),
        ("@location(0) f32", TextureFormat::R8unorm, one, written, true),
        ("@location(0) f32", TextureFormat::R8unorm, alpha, written, false),
        ("@location(0) vec2f", TextureFormat::Rg8unorm, alpha, written, false),
        ("@location(0) vec2f", TextureFormat::Rg8unorm, alpha, none, false),
        ("@location(0) vec2f", TextureFormat::Rg8unorm, one, written, true),
        ("@location(0) vec2f", TextureFormat::Rgba8unorm, None, written, false),
        ("@location(0) vec2f", TextureFormat::Rgba8unorm, None, none, false),
        ("@location(1) vec4f", TextureFormat::Rgba8unorm, None, written, false),
        ("@location(1) vec4f", TextureFormat::Rgba8unorm, None, none, true),
        ("@location(0) vec4f", TextureFormat::R8unorm, alpha, written, true),
    ] {
        let ty = output.rsplit(' ').next().unwrap();
        let code = format!("{WHOLE} @fragment fn f() -> {output} {{ return {ty}(); }}");
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code);
            gpu.render(module, |pipeline| {
                let state = ColorTargetState { blend, write_mask, ..target(format) };
                pipeline.fragment.as_mut().unwrap().targets = vec![Some(state)];
            });
        });
        assert_eq!(error.is_none(), fits, "{output} {format:?} {blend:?} {write_mask:?}: {error:?}");
    }
}

/// WebGPU, "validating inter-stage interfaces".
#[test]
fn stages_agree_on_what_lies_between() {
    let mut gpu = Gpu::new();
    for (given, asked, fits) in [
        ("vec2f", "vec2f", true),
        ("vec2f", "f32", false),
        ("f32", "vec2f", false),
        ("vec4f", "vec3f", false),
        ("@interpolate(flat) u32", "@interpolate(flat) u32", true),
        ("@interpolate(flat) u32", "@interpolate(flat, first) u32", true),
        ("@interpolate(flat, first) u32", "@interpolate(flat) u32", true),
        ("@interpolate(flat, first) u32", "@interpolate(flat, either) u32", false),
        ("f32", "@interpolate(perspective) f32", true),
        ("f32", "@interpolate(perspective, center) f32", true),
        ("@interpolate(linear) f32", "@interpolate(linear, center) f32", true),
        ("f32", "@interpolate(linear) f32", false),
        ("@interpolate(perspective, centroid) f32", "@interpolate(perspective, sample) f32", false),
        ("@interpolate(flat) f32", "f32", false),
    ] {
        let split = |text: &str| match text.rsplit_once(' ') {
            Some((attribute, ty)) => (attribute.to_owned(), ty.to_owned()),
            None => (String::new(), text.to_owned()),
        };
        let ((out_attribute, out_ty), (in_attribute, in_ty)) = (split(given), split(asked));
        let code = format!(
            "struct Out {{ @builtin(position) at: vec4f, @location(0) {out_attribute} value: {out_ty} }}
            @vertex fn v() -> Out {{ return Out(vec4f(), {out_ty}()); }}
            @fragment fn f(@location(0) {in_attribute} value: {in_ty}) -> @location(0) vec4f {{ return vec4f(); }}"
        );
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code);
            gpu.render(module, |_| {});
        });
        assert_eq!(error.is_none(), fits, "{given} to {asked}: {error:?}");
    }
}

/// WebGPU, "validating GPUMultisampleState", "validating GPUFragmentState".
#[test]
fn alpha_to_coverage_has_an_alpha() {
    let mut gpu = Gpu::new();
    let plain = "@fragment fn f() -> @location(0) vec4f { return vec4f(); }";
    let mask = "struct O { @location(0) c: vec4f, @builtin(sample_mask) m: u32 } @fragment fn f() -> O { return O(); }";
    let integer = "@fragment fn f() -> @location(0) vec4u { return vec4u(); }";
    use TextureFormat::*;
    for (code, format, count, is_asked, fits) in [
        (plain, Some(Rgba8unorm), 4, true, true),
        (plain, Some(Rgba16float), 4, true, true),
        (plain, Some(Rgb10a2unorm), 4, true, true),
        (plain, Some(Rgba8unorm), 1, true, false),
        (plain, Some(Rg8unorm), 4, true, false),
        (plain, Some(Rgba32float), 4, true, false),
        (plain, None, 4, true, false),
        (mask, Some(Rgba8unorm), 4, true, false),
        (mask, Some(Rgba8unorm), 4, false, true),
        (integer, Some(Rgba8uint), 4, true, false),
    ] {
        let error = gpu.error(|gpu| {
            let module = gpu.module(&format!("{WHOLE} {code}"));
            gpu.render(module, |pipeline| {
                pipeline.multisample.count = count;
                pipeline.multisample.alpha_to_coverage_enabled = is_asked;
                let other = ColorTargetState { write_mask: ColorWrite::empty(), ..target(Rgba8unorm) };
                pipeline.fragment.as_mut().unwrap().targets = vec![format.map(target), Some(other)];
            });
        });
        assert_eq!(error.is_none(), fits, "{code} {format:?} {count} {is_asked}: {error:?}");
    }
}

/// Arguments of builtin functions that pipeline constants set.
#[test]
fn constants_are_checked_as_arguments() {
    let mut gpu = Gpu::new();
    for (call, value, fits) in [
        ("clamp(f32(out[1]), f, 2f)", 2.0, true),
        ("clamp(f32(out[1]), f, 2f)", 3.0, false),
        ("smoothstep(f, 2f, f32(out[1]))", 1.0, true),
        ("smoothstep(f, 2f, f32(out[1]))", 2.0, false),
        ("f32(extractBits(out[1], u32(f), 2u))", 30.0, true),
        ("f32(extractBits(out[1], u32(f), 2u))", 31.0, false),
    ] {
        let module = gpu.module(&format!(
            "override f = 1f; @group(0) @binding(0) var<storage, read_write> out: array<u32>;
            @compute @workgroup_size(1) fn main() {{ out[0] = u32({call}); }}"
        ));
        let error = gpu.error(|gpu| _ = gpu.compute(module, &[("f", value)]));
        assert_eq!(error.is_none(), fits, "{call} {value}: {error:?}");
    }
}
