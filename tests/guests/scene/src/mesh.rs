//! The three shapes and the ground, in one vertex buffer and one index buffer.

use std::f32::consts::{PI, TAU};

use crate::math::{Vec3, add, cross, normalize, scale};

/// Position, normal, texture coordinates.
pub type Vertex = [f32; 8];
pub const VERTEX_BYTES: u64 = size_of::<Vertex>() as u64;

/// The torus: the distance of the tube's centre from the torus's, and the tube's radius.
pub const TORUS_RING: f32 = 0.7;
pub const TORUS_TUBE: f32 = 0.3;

/// A range of the index buffer.
#[derive(Clone, Copy, Default)]
pub struct Part {
    pub first_index: u32,
    pub index_count: u32,
    /// Added to every index: each part's indices start at 0.
    pub base_vertex: i32,
}

#[derive(Default)]
pub struct Meshes {
    pub vertices: Vec<Vertex>,
    pub indices: Vec<u32>,
    pub cube: Part,
    pub sphere: Part,
    pub torus: Part,
    pub ground: Part,
}

impl Meshes {
    pub fn new() -> Meshes {
        let mut meshes = Meshes::default();
        meshes.cube = meshes.part(add_cube);
        meshes.sphere = meshes.part(|m| {
            m.surface(64, 32, |u, v| {
                let (angle, height) = (u * TAU, v * PI);
                let normal = [height.sin() * angle.cos(), height.cos(), -height.sin() * angle.sin()];
                (normal, normal, [u * 4.0, v * 2.0])
            });
        });
        meshes.torus = meshes.part(|m| {
            m.surface(72, 32, |u, v| {
                let (around, tube) = (u * TAU, -v * TAU);
                let out = [around.cos(), 0.0, -around.sin()];
                let normal = add(scale(out, tube.cos()), [0.0, tube.sin(), 0.0]);
                (add(scale(out, TORUS_RING), scale(normal, TORUS_TUBE)), normal, [u * 6.0, v * 2.0])
            });
        });
        meshes.ground = meshes.part(|m| {
            m.quad([0.0; 3], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], 1.0);
        });
        meshes
    }

    fn part(&mut self, fill: impl FnOnce(&mut Meshes)) -> Part {
        let mut mesh = Meshes::default();
        fill(&mut mesh);
        let part = Part {
            first_index: self.indices.len() as u32,
            index_count: mesh.indices.len() as u32,
            base_vertex: self.vertices.len() as i32,
        };
        self.vertices.append(&mut mesh.vertices);
        self.indices.append(&mut mesh.indices);
        part
    }

    fn vertex(&mut self, position: Vec3, normal: Vec3, uv: [f32; 2]) {
        let ([x, y, z], [nx, ny, nz], [u, v]) = (position, normal, uv);
        self.vertices.push([x, y, z, nx, ny, nz, u, v]);
    }

    /// A grid of `columns` by `rows` cells, bent by a function of two numbers from 0 to 1. Counter-clockwise seen from
    /// outside if u runs to the right and v runs down.
    fn surface(&mut self, columns: u32, rows: u32, point: impl Fn(f32, f32) -> (Vec3, Vec3, [f32; 2])) {
        for row in 0..=rows {
            for column in 0..=columns {
                let (position, normal, uv) = point(column as f32 / columns as f32, row as f32 / rows as f32);
                self.vertex(position, normal, uv);
            }
        }
        for row in 0..rows {
            for column in 0..columns {
                let upper = row * (columns + 1) + column;
                let lower = upper + columns + 1;
                self.indices.extend([upper, lower, upper + 1, upper + 1, lower, lower + 1]);
            }
        }
    }

    /// A square around a centre, with half edges `right` and `up`, facing their cross product.
    fn quad(&mut self, center: Vec3, right: Vec3, up: Vec3, tiles: f32) {
        let first = self.vertices.len() as u32;
        let normal = normalize(cross(right, up));
        for (r, u) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
            let corner = add(center, add(scale(right, r), scale(up, u)));
            self.vertex(corner, normal, [(r + 1.0) / 2.0 * tiles, (1.0 - u) / 2.0 * tiles]);
        }
        self.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
    }
}

/// A cube from -1 to 1.
fn add_cube(mesh: &mut Meshes) {
    for axis in 0..3 {
        for sign in [-1.0, 1.0] {
            let mut center = [0.0; 3];
            center[axis] = sign;
            let mut right = [0.0; 3];
            right[(axis + 1) % 3] = 1.0;
            let up = cross(center, right);
            mesh.quad(center, right, up, 1.0);
        }
    }
}
