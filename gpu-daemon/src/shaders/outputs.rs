//! Fragment outputs and their color targets.

use naga::{Binding, BuiltIn, ScalarKind, TypeInner};
use wgpu_types as wgt;

use super::{code::Stage, interstage::fragment_outputs};

/// WebGPU, "validating GPUFragmentState": a written target has an output, an output has as many components as its target,
/// and where the target's blend reads the source's alpha, the output has it.
pub fn output_flaw(fragment: &Stage<'_>, targets: &[Option<wgt::ColorTargetState>]) -> Option<String> {
    let outputs = fragment_outputs(&fragment.code.module, fragment.entry()?);
    targets.iter().zip(0..).find_map(|(target, location)| {
        let target = target.as_ref()?;
        let Some(output) = outputs.get(&location) else {
            return (!target.write_mask.is_empty()).then(|| {
                format!("the fragment shader has no output for the color target {location}, which is written")
            });
        };
        let (kind, components) = match *output {
            TypeInner::Scalar(scalar) => (scalar.kind, 1),
            TypeInner::Vector { size, scalar } => (scalar.kind, size as u8),
            _ => return None,
        };
        if components < 4 && kind == ScalarKind::Float && target.blend.is_some_and(|blend| reads_alpha(&blend)) {
            return Some(format!("the color target {location} blends with the source's alpha, which the output lacks"));
        }
        (components < target.format.components()).then(|| {
            format!("the color target {location} has more components than the fragment shader's output for it")
        })
    })
}

/// True for a color blend that reads the alpha of the shader's output. An alpha blend is always valid: it reads the
/// output's alpha, or 1 where there is none.
fn reads_alpha(blend: &wgt::BlendState) -> bool {
    use wgt::BlendFactor as F;
    let reads = |factor| matches!(factor, F::SrcAlpha | F::OneMinusSrcAlpha | F::SrcAlphaSaturated);
    reads(blend.color.src_factor) || reads(blend.color.dst_factor)
}

/// WebGPU, "validating GPURenderPipelineDescriptor": requirements of alpha to coverage, which wgpu-core does not check.
pub fn coverage_flaw(
    fragment: Option<&Stage<'_>>,
    targets: &[Option<wgt::ColorTargetState>],
    samples: u32,
    features: wgt::Features,
) -> Option<String> {
    if samples <= 1 {
        return Some("alpha to coverage needs more samples than one".to_owned());
    }
    let Some(Some(target)) = targets.first() else {
        return Some("alpha to coverage needs the first color target".to_owned());
    };
    let blendable = wgt::TextureFormatFeatureFlags::BLENDABLE;
    let has_alpha = target.format.components() == 4;
    if !has_alpha || !target.format.guaranteed_format_features(features).flags.contains(blendable) {
        return Some(format!("alpha to coverage needs a format with alpha, and one that blends: {:?}", target.format));
    }
    writes_mask(fragment?).then(|| "alpha to coverage excludes a sample mask of the fragment shader".to_owned())
}

/// True for a fragment shader that returns a sample mask.
fn writes_mask(fragment: &Stage<'_>) -> bool {
    let is_mask = |binding: &Option<Binding>| matches!(binding, Some(Binding::BuiltIn(BuiltIn::SampleMask)));
    let Some(result) = fragment.entry().and_then(|entry| entry.function.result.as_ref()) else { return false };
    let ty = fragment.code.module.types.get_handle(result.ty).map(|ty| &ty.inner);
    let members = match ty {
        Ok(TypeInner::Struct { members, .. }) => members.as_slice(),
        _ => &[],
    };
    is_mask(&result.binding) || members.iter().any(|member| is_mask(&member.binding))
}
