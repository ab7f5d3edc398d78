//! The check on the CPU: a ray caster computes the object and the distance for some of the pixels, and a formula the colour
//! of the sky.

use guest_support::{Outcome, fail};

use crate::math::{Vec3, add, dot, length, scale, sub};
use crate::mesh::{TORUS_RING, TORUS_TUBE};
use crate::render::Rendered;
use crate::world::{Camera, GROUND_HALF, NEAR, Object, Shape, sun};

/// The grid of checked pixels, beside the one at each object's centre.
const GRID: (u32, u32) = (40, 24);
/// A pixel is checked if the ray caster finds one object within this many pixels on each side: the GPU's shapes are made of
/// triangles, and a little smaller than the exact ones.
const MARGIN: f32 = 2.5;
/// The maximum difference from the ray caster's distance, beyond the surface's slope across the margin.
const DISTANCE_TOLERANCE: f32 = 0.03;
/// The maximum difference of the sky's colours in levels of 255: they go through a power function on both sides.
const SKY_TOLERANCE: f32 = 2.0;

/// The counts of checked pixels and visible objects.
pub struct Report {
    pub pixels: usize,
    pub centers: usize,
    pub sky_pixels: usize,
    pub visible_objects: usize,
}

pub fn check(rendered: &Rendered, size: (u32, u32), camera: &Camera, objects: &[Object]) -> Outcome<Report> {
    let mut report = Report { pixels: 0, centers: 0, sky_pixels: 0, visible_objects: 0 };
    for object in &objects[..objects.len() - 1] {
        if let Some(pixel) = project(object.center, camera, size) {
            report.centers += usize::from(check_pixel(rendered, size, camera, objects, pixel)?);
        }
    }
    let (columns, rows) = GRID;
    for row in 0..rows {
        for column in 0..columns {
            let pixel = (size.0 * (2 * column + 1) / (2 * columns), size.1 * (2 * row + 1) / (2 * rows));
            report.pixels += usize::from(check_pixel(rendered, size, camera, objects, pixel)?);
            report.sky_pixels += usize::from(check_sky(rendered, size, camera, pixel)?);
        }
    }
    let mut seen = vec![false; objects.len() + 1];
    for &id in &rendered.ids {
        match seen.get_mut(id as usize) {
            Some(seen) => *seen = true,
            None => fail!("a pixel shows object {id}, there are {}", objects.len()),
        }
    }
    report.visible_objects = seen[1..].iter().filter(|seen| **seen).count();
    // In a small picture few shapes are wide enough for a check at their centres, but the ground and the sky are.
    let checked = report.pixels + report.centers;
    if checked < 200 || report.visible_objects < objects.len() / 2 {
        let visible = report.visible_objects;
        fail!("only {checked} pixels could be checked and {visible} objects are visible: the picture is not the scene");
    }
    Ok(report)
}

/// The pixel at a point of the world.
fn project(point: Vec3, camera: &Camera, (width, height): (u32, u32)) -> Option<(u32, u32)> {
    let to = sub(point, camera.eye);
    let distance = dot(to, camera.forward);
    let x = dot(to, camera.right) / (distance * camera.tangents[0]);
    let y = dot(to, camera.up) / (distance * camera.tangents[1]);
    let inside = distance > 0.0 && x.abs() < 1.0 && y.abs() < 1.0;
    let pixel = |at: f32, size: u32| ((at * 0.5 + 0.5) * size as f32) as u32;
    inside.then(|| (pixel(x, width).min(width - 1), pixel(-y, height).min(height - 1)))
}

/// The ray through a point of the picture, in pixels.
fn ray((x, y): (f32, f32), (width, height): (u32, u32), camera: &Camera) -> Vec3 {
    camera.ray(2.0 * x / width as f32 - 1.0, 1.0 - 2.0 * y / height as f32)
}

/// Compares one pixel with the ray caster; false if the caster's result is ambiguous.
fn check_pixel(
    rendered: &Rendered,
    size: (u32, u32),
    camera: &Camera,
    objects: &[Object],
    (x, y): (u32, u32),
) -> Outcome<bool> {
    let middle = (x as f32 + 0.5, y as f32 + 0.5);
    let look = |dx: f32, dy: f32| cast(camera.eye, ray((middle.0 + dx, middle.1 + dy), size, camera), objects);
    let expected = look(0.0, 0.0);
    // Rays around the pixel at two distances: a corner of a distant cube is narrow enough to pass between four rays.
    let directions =
        [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
    let around: Vec<_> = [0.5 * MARGIN, MARGIN]
        .iter()
        .flat_map(|radius| directions.map(|(dx, dy)| look(dx * radius, dy * radius)))
        .collect();
    if around.iter().any(|hit| hit.map(|h| h.0) != expected.map(|h| h.0)) {
        return Ok(false);
    }
    let at = (y * size.0 + x) as usize;
    let (found_id, found_depth) = (rendered.ids[at], rendered.depths[at]);
    let expected_id = expected.map_or(0, |(index, _)| index as u32 + 1);
    if found_id != expected_id {
        fail!("pixel ({x}, {y}) shows object {found_id}, the ray caster sees {expected_id} (0 is the sky)");
    }
    if let Some((_, distance)) = expected {
        let slope = around.iter().flatten().map(|(_, d)| (d - distance).abs()).fold(0.0, f32::max);
        let allowed = DISTANCE_TOLERANCE + slope;
        let nearest = (distance - allowed).max(NEAR);
        let range = Camera::depth(nearest)..=Camera::depth(distance + allowed);
        if !range.contains(&found_depth) {
            fail!(
                "pixel ({x}, {y}) has depth {found_depth}, the ray caster expects {range:?} for object {expected_id}"
            );
        }
    }
    Ok(true)
}

/// The nearest object on a ray, with its distance along the view axis.
fn cast(eye: Vec3, direction: Vec3, objects: &[Object]) -> Option<(usize, f32)> {
    let mut nearest: Option<(usize, f32)> = None;
    for (index, object) in objects.iter().enumerate() {
        // In the object's own coordinates; the ray keeps its scale, so that distances are comparable.
        let to_local = |v: Vec3| object.axes.map(|axis| dot(axis, v) / object.size);
        let (from, along) = (to_local(sub(eye, object.center)), to_local(direction));
        let hit = match object.shape {
            Shape::Sphere => hit_sphere(from, along, 1.0),
            Shape::Cube => hit_cube(from, along),
            Shape::Torus => hit_torus(from, along),
            Shape::Ground => hit_ground(eye, direction),
        };
        if let Some(distance) = hit
            && nearest.is_none_or(|(_, best)| distance < best)
        {
            nearest = Some((index, distance));
        }
    }
    nearest
}

fn hit_sphere(from: Vec3, along: Vec3, radius: f32) -> Option<f32> {
    let (a, b, c) = (dot(along, along), dot(from, along), dot(from, from) - radius * radius);
    let root = b * b - a * c;
    (root >= 0.0).then(|| (-b - root.sqrt()) / a).filter(|t| *t > 0.0)
}

fn hit_cube(from: Vec3, along: Vec3) -> Option<f32> {
    let (mut enter, mut leave) = (0.0f32, f32::INFINITY);
    for axis in 0..3 {
        let (a, b) = ((-1.0 - from[axis]) / along[axis], (1.0 - from[axis]) / along[axis]);
        enter = enter.max(a.min(b));
        leave = leave.min(a.max(b));
    }
    (enter < leave && enter > 0.0).then_some(enter)
}

/// Sphere tracing: advances along the ray by the distance to the torus, which cannot overshoot.
fn hit_torus(from: Vec3, along: Vec3) -> Option<f32> {
    let start = hit_sphere(from, along, TORUS_RING + TORUS_TUBE + 0.01)?;
    let speed = length(along);
    let mut walked = 0.0;
    while walked < 2.1 * (TORUS_RING + TORUS_TUBE) {
        let p = add(from, scale(along, start + walked / speed));
        let ring = (p[0] * p[0] + p[2] * p[2]).sqrt() - TORUS_RING;
        let distance = (ring * ring + p[1] * p[1]).sqrt() - TORUS_TUBE;
        if distance < 1e-4 {
            return Some(start + walked / speed);
        }
        walked += distance;
    }
    None
}

fn hit_ground(eye: Vec3, direction: Vec3) -> Option<f32> {
    let distance = -eye[1] / direction[1];
    let at = add(eye, scale(direction, distance));
    (distance > 0.0 && at[0].abs() < GROUND_HALF && at[2].abs() < GROUND_HALF).then_some(distance)
}

/// Compares one pixel with the sky's formula; false if an object covers the sky there.
fn check_sky(rendered: &Rendered, size: (u32, u32), camera: &Camera, (x, y): (u32, u32)) -> Outcome<bool> {
    for ny in y.saturating_sub(1)..(y + 2).min(size.1) {
        for nx in x.saturating_sub(1)..(x + 2).min(size.0) {
            if rendered.ids[(ny * size.0 + nx) as usize] != 0 {
                return Ok(false);
            }
        }
    }
    let direction = ray((x as f32 + 0.5, y as f32 + 0.5), size, camera);
    let expected = sky(scale(direction, 1.0 / length(direction))).map(to_srgb_level);
    let at = (y * size.0 + x) as usize * 4;
    let found = &rendered.picture[at..at + 3];
    if found.iter().zip(expected).any(|(&f, e)| (f32::from(f) - e).abs() > SKY_TOLERANCE) {
        fail!("the sky at ({x}, {y}) is {found:?}, expected about {expected:.1?}");
    }
    Ok(true)
}

/// The shader's function `sky`.
fn sky(d: Vec3) -> Vec3 {
    let smoothstep = |low: f32, high: f32, x: f32| {
        let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    let mix = |a: Vec3, b: Vec3, t: f32| add(scale(a, 1.0 - t), scale(b, t));
    let height = d[1].max(0.0);
    let color = mix([0.88, 0.58, 0.42], [0.30, 0.42, 0.70], smoothstep(0.0, 0.07, height));
    let color = mix(color, [0.04, 0.10, 0.32], smoothstep(0.03, 0.2, height));
    let toward_sun = dot(d, sun()).max(0.0);
    add(color, scale([1.0, 0.62, 0.3], 0.22 * toward_sun.powf(6.0) + 0.5 * toward_sun.powf(90.0)))
}

/// Linear light as a level of an 8-bit sRGB texture.
fn to_srgb_level(linear: f32) -> f32 {
    let l = linear.clamp(0.0, 1.0);
    255.0 * if l <= 0.003_130_8 { 12.92 * l } else { 1.055 * l.powf(1.0 / 2.4) - 0.055 }
}
