//! The vectors and matrices of a camera. Matrices are column-major, as in WGSL.

pub type Vec3 = [f32; 3];
pub type Mat4 = [[f32; 4]; 4];

pub fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub fn scale(a: Vec3, s: f32) -> Vec3 {
    a.map(|c| c * s)
}

pub fn dot(a: Vec3, b: Vec3) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub fn length(a: Vec3) -> f32 {
    dot(a, a).sqrt()
}

pub fn normalize(a: Vec3) -> Vec3 {
    scale(a, 1.0 / length(a))
}

pub fn multiply(a: &Mat4, b: &Mat4) -> Mat4 {
    let mut product = [[0.0; 4]; 4];
    for (column, out) in product.iter_mut().enumerate() {
        for (row, value) in out.iter_mut().enumerate() {
            *value = (0..4).map(|k| a[k][row] * b[column][k]).sum();
        }
    }
    product
}

/// World to view; the camera looks along -z.
pub fn look_at(eye: Vec3, right: Vec3, up: Vec3, forward: Vec3) -> Mat4 {
    [
        [right[0], up[0], -forward[0], 0.0],
        [right[1], up[1], -forward[1], 0.0],
        [right[2], up[2], -forward[2], 0.0],
        [-dot(right, eye), -dot(up, eye), dot(forward, eye), 1.0],
    ]
}

/// View to clip, with depth 0 at `near` and 1 at `far`.
pub fn perspective(tan_half: f32, aspect: f32, near: f32, far: f32) -> Mat4 {
    let depth = far / (near - far);
    [
        [1.0 / (aspect * tan_half), 0.0, 0.0, 0.0],
        [0.0, 1.0 / tan_half, 0.0, 0.0],
        [0.0, 0.0, depth, -1.0],
        [0.0, 0.0, near * depth, 0.0],
    ]
}

/// A box around the view axis to clip space, for parallel light.
pub fn orthographic(half: f32, near: f32, far: f32) -> Mat4 {
    let depth = 1.0 / (near - far);
    [[1.0 / half, 0.0, 0.0, 0.0], [0.0, 1.0 / half, 0.0, 0.0], [0.0, 0.0, depth, 0.0], [0.0, 0.0, near * depth, 1.0]]
}
