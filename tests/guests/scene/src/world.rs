//! The arrangement of the scene: a sunflower spiral of shapes over a tiled plain, the camera and the sun.

use std::f32::consts::PI;

use crate::math::{Mat4, Vec3, add, cross, look_at, multiply, normalize, orthographic, perspective, scale, sub};

/// Shapes in the spiral.
pub const SHAPES: usize = 420;
const SPACING: f32 = 1.34;
pub const NEAR: f32 = 0.5;
const FAR: f32 = 400.0;
/// Half the edge of the square that the sun's shadow map covers.
const SHADOW_HALF: f32 = 34.0;
/// Half the edge of the ground.
pub const GROUND_HALF: f32 = 380.0;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Cube,
    Sphere,
    Torus,
    Ground,
}

pub struct Object {
    pub shape: Shape,
    pub center: Vec3,
    /// Columns of the rotation: the object's axes.
    pub axes: [Vec3; 3],
    pub size: f32,
    /// Linear red, green and blue; the strength of the highlight.
    pub color: [f32; 4],
}

impl Object {
    pub fn model(&self) -> Mat4 {
        let [x, y, z] = self.axes.map(|axis| scale(axis, self.size));
        let c = self.center;
        [[x[0], x[1], x[2], 0.0], [y[0], y[1], y[2], 0.0], [z[0], z[1], z[2], 0.0], [c[0], c[1], c[2], 1.0]]
    }
}

pub struct Camera {
    pub eye: Vec3,
    pub right: Vec3,
    pub up: Vec3,
    pub forward: Vec3,
    /// Tangents of half the field of view, horizontal and vertical.
    pub tangents: [f32; 2],
}

impl Camera {
    pub fn new(aspect: f32) -> Camera {
        let eye = [5.0, 15.5, 42.0];
        let forward = normalize(sub([0.0, 6.0, 0.0], eye));
        let right = normalize(cross(forward, [0.0, 1.0, 0.0]));
        // A narrow picture keeps its horizontal field of view and shows more sky and ground.
        let up_tangent = (40f32 / 360.0 * PI).tan() * (16.0 / 9.0 / aspect).max(1.0);
        Camera { eye, right, up: cross(right, forward), forward, tangents: [up_tangent * aspect, up_tangent] }
    }

    pub fn view_projection(&self) -> Mat4 {
        let [across, up] = self.tangents;
        let view = look_at(self.eye, self.right, self.up, self.forward);
        multiply(&perspective(up, across / up, NEAR, FAR), &view)
    }

    /// The direction through a point of the picture, x and y from -1 to 1, with length 1 along the view axis.
    pub fn ray(&self, x: f32, y: f32) -> Vec3 {
        let [across, up] = self.tangents;
        add(self.forward, add(scale(self.right, x * across), scale(self.up, y * up)))
    }

    /// The depth buffer's value at a distance along the view axis.
    pub fn depth(distance: f32) -> f32 {
        FAR * (distance - NEAR) / (distance * (FAR - NEAR))
    }
}

/// The direction to the sun.
pub fn sun() -> Vec3 {
    normalize([-0.72, 0.50, 0.22])
}

pub fn sun_view_projection() -> Mat4 {
    let forward = scale(sun(), -1.0);
    let right = normalize(cross(forward, [0.0, 1.0, 0.0]));
    let eye = scale(sun(), 60.0);
    multiply(&orthographic(SHADOW_HALF, 5.0, 120.0), &look_at(eye, right, cross(right, forward), forward))
}

/// The spiral, then the ground.
pub fn objects() -> Vec<Object> {
    let mut objects: Vec<Object> = (0..SHAPES).map(spiral).collect();
    objects.push(Object {
        shape: Shape::Ground,
        center: [0.0; 3],
        axes: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        size: GROUND_HALF,
        color: [0.36, 0.35, 0.40, 0.05],
    });
    objects
}

/// The golden angle puts each shape into the widest gap left by the ones before.
fn spiral(index: usize) -> Object {
    let i = index as f32;
    let golden = PI * (3.0 - 5f32.sqrt());
    let angle = i * golden;
    let radius = SPACING * (i + 0.6).sqrt();
    let share = i / SHAPES as f32;
    let shape = [Shape::Sphere, Shape::Cube, Shape::Torus][index % 3];
    let size = match shape {
        Shape::Sphere => 0.78,
        Shape::Cube => 0.56,
        _ => 0.92,
    } * (0.8 + 0.45 * share);
    // A hill in the middle, a wave around it.
    let hill = 8.5 * (-(radius / 9.0).powi(2)).exp();
    let wave = 0.9 + 0.8 * (radius * 0.62 - 0.8).sin() * (0.25 + share);
    let (s, c) = (i * 0.71).sin_cos();
    let tilt = normalize([s * 0.6, 1.0, c * 0.6]);
    let side = normalize(cross(tilt, [angle.cos(), 0.1, angle.sin()]));
    Object {
        shape,
        center: [radius * angle.cos(), size + hill + wave, radius * angle.sin()],
        axes: [side, tilt, cross(side, tilt)],
        size,
        // A cube's flat faces get weak highlights, which would turn a whole face white.
        color: palette(share, i, if shape == Shape::Cube { 0.2 } else { 0.6 }),
    }
}

/// Gold in the middle, then coral, violet and blue to a teal rim, with a small variation.
fn palette(share: f32, i: f32, shine: f32) -> [f32; 4] {
    const STOPS: [Vec3; 6] = [
        [1.00, 0.72, 0.16],
        [1.00, 0.34, 0.12],
        [0.86, 0.12, 0.28],
        [0.46, 0.12, 0.62],
        [0.10, 0.26, 0.80],
        [0.06, 0.62, 0.60],
    ];
    let at = (share.powf(0.8) + 0.04 * (i * 1.7).sin()).clamp(0.0, 0.999) * (STOPS.len() - 1) as f32;
    let (stop, t) = (at as usize, at.fract());
    let [r, g, b] = add(scale(STOPS[stop], 1.0 - t), scale(STOPS[stop + 1], t));
    [r, g, b, shine]
}
