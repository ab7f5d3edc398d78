//! The cube: its state, its texture, and the colour that a ray through the middle of the picture meets.

/// Colours that multiply the texture's.
pub const TINTS: [[f32; 3]; 4] = [[1.0, 1.0, 1.0], [1.0, 0.55, 0.3], [0.4, 0.8, 1.0], [0.6, 1.0, 0.4]];

/// The direction to the light, of length 1.
pub const LIGHT: [f32; 3] = [0.36, 0.48, 0.8];
/// The share of ambient light.
pub const AMBIENT: f32 = 0.25;

/// Squares of the texture in each direction, a texel each, in two colours.
pub const SQUARES: u32 = 8;
const LIGHT_SQUARE: [u8; 3] = [240, 232, 216];
const DARK_SQUARE: [u8; 3] = [120, 60, 48];

/// The cube's orientation, distance and tint.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// Radians around the vertical axis, then around the horizontal one.
    pub yaw: f32,
    pub pitch: f32,
    /// The distance from the eye to the cube's centre. The cube's edges are 2 long.
    pub distance: f32,
    /// The index in [`TINTS`].
    pub tint: usize,
}

impl Default for State {
    fn default() -> State {
        State { yaw: 0.4, pitch: 0.5, distance: 4.0, tint: 0 }
    }
}

/// The colour of a square of the texture.
pub fn square(x: u32, y: u32) -> [u8; 3] {
    if (x + y).is_multiple_of(2) { LIGHT_SQUARE } else { DARK_SQUARE }
}

/// The rotation as rows of a matrix, from the cube's coordinates to the eye's.
pub fn rotation(state: &State) -> [[f32; 3]; 3] {
    let (sy, cy) = state.yaw.sin_cos();
    let (sp, cp) = state.pitch.sin_cos();
    [[cy, 0.0, sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]]
}

/// The texture coordinates at a point of a face, whose normal is 1 or -1 on `axis`. The shader has the same.
fn coordinates(point: [f32; 3], axis: usize) -> [f32; 2] {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    [point[u] * 0.5 + 0.5, point[v] * 0.5 + 0.5]
}

/// The colour in the middle of the picture; `None` near an edge or where two squares meet.
pub fn middle(state: &State) -> Option<[u8; 3]> {
    let rotation = rotation(state);
    // The ray comes from the eye along -z, which is the third row in the cube's coordinates.
    let toward = rotation[2];
    let axis = (0..3).max_by(|&a, &b| toward[a].abs().total_cmp(&toward[b].abs()))?;
    // The ray through the cube's centre first meets the face that is most directly turned to the eye.
    let point = toward.map(|t| t / toward[axis].abs());
    if (0..3).any(|other| other != axis && point[other].abs() > 0.97) {
        return None;
    }
    let at = coordinates(point, axis).map(|c| c * SQUARES as f32);
    if at.iter().any(|c| (c - c.round()).abs() < 0.06) {
        return None;
    }
    let sign = toward[axis].signum();
    let normal = [0, 1, 2].map(|row: usize| rotation[row][axis] * sign);
    let lit: f32 = normal.iter().zip(LIGHT).map(|(n, l)| n * l).sum();
    let shade = AMBIENT + (1.0 - AMBIENT) * lit.max(0.0);
    let texel = square(at[0] as u32, at[1] as u32);
    let tint = TINTS[state.tint];
    Some([0, 1, 2].map(|c: usize| (f32::from(texel[c]) * tint[c] * shade).round() as u8))
}
