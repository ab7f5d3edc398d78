//! Rounded contents, and other results.

use std::sync::Arc;

use airlock_protocol::commands::texture::{Extent3d, TextureAspect, TextureFormat};

use super::*;
use crate::edit::{analysis::Uncertain, wgsl::StorageTypes};

const SIDE: u32 = 32;

/// A horizontal gradient, with a white disc that has an edge.
fn picture() -> Vec<u8> {
    let texel = |(x, y): (u32, u32)| {
        let (dx, dy) = (i64::from(x) - 16, i64::from(y) - 16);
        let shade = if dx * dx + dy * dy < 64 { 255 } else { (x * 4) as u8 };
        [shade, shade / 2, 10, 255]
    };
    (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y))).flat_map(texel).collect()
}

fn at(x: usize, y: usize) -> usize {
    (y * SIDE as usize + x) * 4
}

fn texels(format: TextureFormat) -> Latitude {
    let size = Extent3d { width: SIDE, height: SIDE, depth_or_array_layers: 1 };
    let texels = Texels::new((format, TextureAspect::All), (0, Some(SIDE * 4), None), size).unwrap();
    let form = Form::Texels(Arc::new(texels));
    let rows = (0..u64::from(SIDE)).map(|row| row * u64::from(SIDE) * 4);
    let forms = rows.map(|start| Formed { range: start..start + u64::from(SIDE) * 4, form: form.clone() }).collect();
    Latitude { uncertain: Vec::new(), forms }
}

fn values(ty: &str) -> Latitude {
    let types = StorageTypes::of(&format!("@group(0) @binding(0) var<storage, read_write> a: {ty};"));
    let (_, ty) = types.iter().next().unwrap();
    let form = Form::Values(Arc::clone(ty.unwrap()), 0);
    Latitude { uncertain: Vec::new(), forms: vec![Formed { range: 0..1 << 20, form }] }
}

#[test]
fn rounded_texels_are_measured() {
    let (expected, mut found) = (picture(), picture());
    for texel in found.chunks_mut(4).step_by(3) {
        texel[1] = texel[1].saturating_add(1);
    }
    let compared = compare(&expected, &found, &texels(TextureFormat::Rgba8unorm));
    assert_eq!(compared.alike, Alike::Rounded);
    let [measure] = compared.measures.as_slice() else { panic!("{compared:?}") };
    assert_eq!((measure.values, measure.edges), (1024, 0));
    assert!(measure.differing > 300 && (measure.largest - 1.0 / 255.0).abs() < 1e-6, "{measure}");
    assert_eq!(rgb8(&expected, &compared.pictures[0].1).unwrap().len(), 32 * 32 * 3);
}

#[test]
fn an_edge_may_move_by_one_texel_and_no_more() {
    let (expected, latitude) = (picture(), texels(TextureFormat::Rgba8unorm));
    // The disc's edge, at its left: one texel of it is not covered any more.
    let left = (0..16).find(|&x| expected[at(x, 16)] == 255).unwrap();
    let mut found = expected.clone();
    found.copy_within(at(left - 1, 16)..at(left, 16), at(left, 16));
    let compared = compare(&expected, &found, &latitude);
    assert_eq!((&compared.alike, compared.measures[0].edges), (&Alike::Rounded, 1));

    // One texel of its own color, moved by two rows.
    let mut expected = expected;
    expected[at(5, 5)..at(6, 5)].copy_from_slice(&[250, 0, 0, 255]);
    let mut found = picture();
    found[at(5, 7)..at(6, 7)].copy_from_slice(&[250, 0, 0, 255]);
    let Alike::Another { offset, expected: text, .. } = compare(&expected, &found, &latitude).alike else { panic!() };
    assert!(offset == at(5, 5) && text.contains("texel (5, 5)"), "{offset} {text}");
}

#[test]
fn edges_everywhere_are_another_picture() {
    // Stripes of two texels, moved by one: each texel that differs has both colors around it.
    let stripe = |i: u32, by: u32| {
        let by = if [0, SIDE - 1].contains(&(i % SIDE)) { 0 } else { by };
        [if (i + by) % 4 < 2 { 0 } else { 255 }; 4]
    };
    let stripes = |by: u32| (0..SIDE * SIDE).flat_map(|i| stripe(i, by)).collect::<Vec<_>>();
    let (expected, found) = (stripes(0), stripes(1));
    let compared = compare(&expected, &found, &texels(TextureFormat::Rgba8unorm));
    let Alike::Another { found, .. } = compared.alike else { panic!("{compared:?}") };
    assert!(found.contains("more than 1 %"), "{found}");
}

#[test]
fn integers_and_bytes_of_the_guest_stay_exact() {
    let (expected, mut found) = (picture(), picture());
    found[at(9, 9)] += 1;
    let other = |latitude: &Latitude| compare(&expected, &found, latitude).alike;
    assert!(matches!(other(&texels(TextureFormat::Rgba8uint)), Alike::Another { offset, .. } if offset == at(9, 9)));
    assert!(matches!(other(&Latitude::default()), Alike::Another { offset, .. } if offset == at(9, 9)));
    let uncertain = vec![Uncertain { range: 0..4096, why: String::new() }];
    assert_eq!(other(&Latitude { uncertain, forms: Vec::new() }), Alike::Rounded);
    // The last bit of an integer whose bits are those of a large float.
    let numbers = [1_000_000_000_u32, 5].map(u32::to_le_bytes).concat();
    let others = [1_000_000_001_u32, 5].map(u32::to_le_bytes).concat();
    assert!(matches!(compare(&numbers, &others, &values("array<u32>")).alike, Alike::Another { offset: 0, .. }));
    assert_eq!(compare(&numbers, &others, &values("array<f32>")).alike, Alike::Rounded);
    let mixed = values("array<vec2<f32>>");
    assert!(matches!(
        compare(&numbers, &[numbers[..4].to_vec(), vec![9, 0, 0, 0]].concat(), &mixed).alike,
        Alike::Rounded
    ));
}

#[test]
fn floats_are_compared_as_the_shader_declares_them() {
    let floats = |values: [f32; 3]| values.map(f32::to_le_bytes).concat();
    let of = |values| compare(&floats([1.0, -2000.0, 1e-9]), &floats(values), &values_of()).alike;
    fn values_of() -> Latitude {
        values("array<f32>")
    }
    assert_eq!(of([1.000_01, -2000.1, 0.0]), Alike::Rounded);
    for other in [[1.001, -2000.0, 0.0], [f32::NAN, -2000.0, 0.0], [1.0, 2000.0, 0.0], [1.0, f32::INFINITY, 0.0]] {
        assert!(matches!(of(other), Alike::Another { .. }), "{other:?}");
    }
    let halves = |bits: [u16; 2]| bits.map(u16::to_le_bytes).concat();
    let compare_halves = |a, b| compare(&halves(a), &halves(b), &values("array<f16>")).alike;
    assert_eq!(compare_halves([0x3c00, 0x3c00], [0x3c01, 0x3c00]), Alike::Rounded);
    assert!(matches!(compare_halves([0x3c00, 0x3c00], [0x3c00, 0x3d00]), Alike::Another { offset: 2, .. }));
}

#[test]
fn values_of_unknown_types_are_not_judged() {
    let latitude = Latitude { uncertain: Vec::new(), forms: vec![Formed { range: 0..4, form: Form::Unknown }] };
    assert_eq!(compare(&[1, 2, 3, 4], &[1, 2, 3, 5], &latitude).alike, Alike::Unknown { offset: 3 });
    assert!(matches!(compare(&[1, 2, 3, 4, 0], &[1, 2, 3, 5, 1], &latitude).alike, Alike::Another { offset: 4, .. }));
}
