//! `gpu`: adapters, the preferred canvas format, WGSL's language features.

use guest_support::Outcome;
use guest_support::gpu::*;

use crate::check::Check;

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = get_gpu();
    let format = gpu.get_preferred_canvas_format();
    let known = [GpuTextureFormat::Bgra8unorm, GpuTextureFormat::Rgba8unorm];
    check.that("the preferred canvas format is one of the two that may be", known.contains(&format));

    let language = gpu.wgsl_language_features();
    check.that("an unknown language feature is absent", !language.has("no_such_feature"));
    for name in
        ["readonly_and_readwrite_storage_textures", "packed_4x8_integer_dot_product", "pointer_composite_access"]
    {
        let answer = language.has(name);
        check.same(&format!("asking twice for {name}"), gpu.wgsl_language_features().has(name), answer);
    }

    check.that("an adapter without options", gpu.request_adapter(None).await.is_some());
    for preference in [GpuPowerPreference::LowPower, GpuPowerPreference::HighPerformance] {
        let options = GpuRequestAdapterOptions {
            feature_level: Some("core".to_string()),
            power_preference: Some(preference),
            force_fallback_adapter: Some(false),
            xr_compatible: Some(false),
        };
        let adapter = gpu.request_adapter(Some(options)).await;
        check.that(&format!("an adapter for {preference:?}"), adapter.is_some());
    }
    let options = GpuRequestAdapterOptions { force_fallback_adapter: Some(true), ..Default::default() };
    if let Some(adapter) = gpu.request_adapter(Some(options)).await {
        check.that("a forced fallback adapter says that it is one", adapter.info().is_fallback_adapter());
    }
    let options = GpuRequestAdapterOptions { feature_level: Some("no such level".to_string()), ..Default::default() };
    check.that("no adapter for an unknown feature level", gpu.request_adapter(Some(options)).await.is_none());
    Ok(())
}
