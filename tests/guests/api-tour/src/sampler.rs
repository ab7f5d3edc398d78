//! `gpu-sampler`: every mode of every field, and invalid descriptors. The section of bindings checks the sampling.

use guest_support::Outcome;
use guest_support::gpu::*;

use crate::check::{Check, check_label, plain_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("sampler").await?;
    let device = &gpu.device;
    let sampler = check.valid(device, "a sampler without a descriptor", || device.create_sampler(None)).await;
    check_label!(check, sampler, "");

    use GpuAddressMode::{ClampToEdge, MirrorRepeat, Repeat};
    for (u, v, w) in [(ClampToEdge, Repeat, MirrorRepeat), (Repeat, MirrorRepeat, ClampToEdge)] {
        for mag in [GpuFilterMode::Nearest, GpuFilterMode::Linear] {
            for min in [GpuFilterMode::Nearest, GpuFilterMode::Linear] {
                for mipmap in [GpuMipmapFilterMode::Nearest, GpuMipmapFilterMode::Linear] {
                    let wanted = GpuSamplerDescriptor {
                        address_mode_u: Some(u),
                        address_mode_v: Some(v),
                        address_mode_w: Some(w),
                        mag_filter: Some(mag),
                        min_filter: Some(min),
                        mipmap_filter: Some(mipmap),
                        lod_min_clamp: Some(0.5),
                        lod_max_clamp: Some(4.0),
                        compare: None,
                        max_anisotropy: Some(1),
                        label: Some("sampler".to_string()),
                    };
                    let what = format!("{u:?} {v:?} {w:?} {mag:?} {min:?} {mipmap:?}");
                    let sampler = check.valid(device, &what, || device.create_sampler(Some(&wanted))).await;
                    check.same(&what, sampler.label(), "sampler".to_string());
                }
            }
        }
    }
    use GpuCompareFunction::*;
    for compare in [Never, Less, Equal, LessEqual, Greater, NotEqual, GreaterEqual, Always] {
        let wanted = GpuSamplerDescriptor { compare: Some(compare), ..Default::default() };
        check.valid(device, &format!("compare {compare:?}"), || device.create_sampler(Some(&wanted))).await;
    }
    let smooth = || GpuSamplerDescriptor {
        mag_filter: Some(GpuFilterMode::Linear),
        min_filter: Some(GpuFilterMode::Linear),
        mipmap_filter: Some(GpuMipmapFilterMode::Linear),
        ..Default::default()
    };
    // Anisotropy above the GPU's maximum is clamped, not rejected.
    for anisotropy in [2, 16, 1000] {
        let wanted = GpuSamplerDescriptor { max_anisotropy: Some(anisotropy), ..smooth() };
        check.valid(device, &format!("anisotropy {anisotropy}"), || device.create_sampler(Some(&wanted))).await;
    }
    for (what, wanted) in [
        ("anisotropy 0", GpuSamplerDescriptor { max_anisotropy: Some(0), ..smooth() }),
        ("anisotropy without linear filters", GpuSamplerDescriptor { max_anisotropy: Some(4), ..Default::default() }),
        ("a negative level", GpuSamplerDescriptor { lod_min_clamp: Some(-1.0), ..smooth() }),
        (
            "levels in the wrong order",
            GpuSamplerDescriptor { lod_min_clamp: Some(3.0), lod_max_clamp: Some(2.0), ..smooth() },
        ),
    ] {
        check.invalid(device, what, || device.create_sampler(Some(&wanted))).await;
    }
    Ok(())
}
