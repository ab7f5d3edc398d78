//! Fragment outputs and their color targets.

use naga::{ScalarKind, TypeInner};
use wgpu_types as wgt;

use super::{code::Stage, interstage::fragment_outputs};

/// WebGPU, "validating GPUFragmentState": a target that is written has an output, an output has as many components as
/// its target, and where the target's blend reads the source's alpha, the output has it.
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
