//! Shapes in pixels, and their triangulation.

pub type Point = [f32; 2];
pub type Color = [u8; 4];

/// A shape of the chart, in drawing order.
pub enum Shape {
    /// A line with round ends, which extends `radius` to each side.
    Capsule {
        from: Point,
        to: Point,
        radius: f32,
    },
    Disc {
        center: Point,
        radius: f32,
    },
    Rectangle {
        corner: Point,
        size: [f32; 2],
    },
}

/// A vertex in the GPU's layout: x, y, and the colour's four bytes.
pub type Vertex = [u32; 3];
pub const VERTEX_BYTES: u64 = size_of::<Vertex>() as u64;

/// The number of corners of a circle; even the largest disc has edges below two pixels.
const CIRCLE: usize = 20;

impl Shape {
    /// The depth of a point inside the shape, in pixels; negative outside.
    pub fn depth(&self, [x, y]: Point) -> f32 {
        match *self {
            Shape::Disc { center, radius } => radius - (x - center[0]).hypot(y - center[1]),
            Shape::Capsule { from, to, radius } => {
                let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                let length_squared = dx * dx + dy * dy;
                let along = if length_squared > 0.0 {
                    (((x - from[0]) * dx + (y - from[1]) * dy) / length_squared).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                radius - (x - from[0] - along * dx).hypot(y - from[1] - along * dy)
            }
            Shape::Rectangle { corner, size } => {
                let (right, down) = (x - corner[0], y - corner[1]);
                right.min(down).min(size[0] - right).min(size[1] - down)
            }
        }
    }

    /// Appends the shape's triangles.
    pub fn triangulate(&self, color: Color, vertices: &mut Vec<Vertex>) {
        let mut triangle = |corners: [Point; 3]| {
            vertices.extend(corners.map(|[x, y]| [x.to_bits(), y.to_bits(), u32::from_le_bytes(color)]));
        };
        let mut quad = |[a, b, c, d]: [Point; 4]| {
            triangle([a, b, c]);
            triangle([a, c, d]);
        };
        match *self {
            Shape::Rectangle { corner: [x, y], size: [w, h] } => {
                quad([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]);
            }
            Shape::Disc { center, radius } => circle(center, radius, triangle),
            Shape::Capsule { from, to, radius } => {
                let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
                let length = dx.hypot(dy);
                if length > 0.0 {
                    let (nx, ny) = (-dy / length * radius, dx / length * radius);
                    quad([
                        [from[0] + nx, from[1] + ny],
                        [to[0] + nx, to[1] + ny],
                        [to[0] - nx, to[1] - ny],
                        [from[0] - nx, from[1] - ny],
                    ]);
                }
                circle(from, radius, &mut triangle);
                circle(to, radius, triangle);
            }
        }
    }
}

fn circle(center: Point, radius: f32, mut triangle: impl FnMut([Point; 3])) {
    let corner = |i: usize| {
        let (sin, cos) = (i as f32 / CIRCLE as f32 * std::f32::consts::TAU).sin_cos();
        [center[0] + radius * cos, center[1] + radius * sin]
    };
    for i in 0..CIRCLE {
        triangle([center, corner(i), corner(i + 1)]);
    }
}
