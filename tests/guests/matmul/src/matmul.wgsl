// product = left * right, row-major. A workgroup computes a square tile of the product, each invocation a 4 x 4 block
// of it in registers. It walks along the shared dimension: at each stop the invocations load a slice of both factors
// into workgroup memory together, and then all of them read it many times.

struct Sizes {
    /// Rows of the product, the shared dimension, columns of the product.
    m: u32,
    k: u32,
    n: u32,
    _padding: u32,
}

/// Edge of a tile, depth of a slice, edge of an invocation's block, invocations along an edge.
const TILE: u32 = 64u;
const SLICE: u32 = 16u;
const BLOCK: u32 = 4u;
const EDGE: u32 = 16u;

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> left: array<f32>;
@group(0) @binding(2) var<storage, read> right: array<f32>;
@group(0) @binding(3) var<storage, read_write> product: array<f32>;

/// Slices: four rows of the left factor, or four columns of the right one, to a vector.
var<workgroup> left_slice: array<array<vec4<f32>, EDGE>, SLICE>;
var<workgroup> right_slice: array<array<vec4<f32>, EDGE>, SLICE>;

// Elements outside the matrices are zero and add nothing.
fn left_at(row: u32, column: u32) -> f32 {
    if (row < sizes.m && column < sizes.k) {
        return left[row * sizes.k + column];
    }
    return 0.0;
}

fn right_at(row: u32, column: u32) -> f32 {
    if (row < sizes.k && column < sizes.n) {
        return right[row * sizes.n + column];
    }
    return 0.0;
}

@compute @workgroup_size(EDGE, EDGE)
fn main(@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let block_row = tile.y * TILE + local.y * BLOCK;
    let block_column = tile.x * TILE + local.x * BLOCK;
    // The block's rows.
    var row0 = vec4(0.0);
    var row1 = vec4(0.0);
    var row2 = vec4(0.0);
    var row3 = vec4(0.0);
    for (var start = 0u; start < sizes.k; start += SLICE) {
        let across = start + local.x;
        left_slice[local.x][local.y] = vec4(
            left_at(block_row, across),
            left_at(block_row + 1u, across),
            left_at(block_row + 2u, across),
            left_at(block_row + 3u, across),
        );
        let down = start + local.y;
        right_slice[local.y][local.x] = vec4(
            right_at(down, block_column),
            right_at(down, block_column + 1u),
            right_at(down, block_column + 2u),
            right_at(down, block_column + 3u),
        );
        workgroupBarrier();
        for (var i = 0u; i < SLICE; i++) {
            let a = left_slice[i][local.y];
            let b = right_slice[i][local.x];
            row0 += a.x * b;
            row1 += a.y * b;
            row2 += a.z * b;
            row3 += a.w * b;
        }
        workgroupBarrier();
    }
    store(block_row, block_column, row0);
    store(block_row + 1u, block_column, row1);
    store(block_row + 2u, block_column, row2);
    store(block_row + 3u, block_column, row3);
}

fn store(row: u32, column: u32, values: vec4<f32>) {
    if (row >= sizes.m) {
        return;
    }
    for (var i = 0u; i < BLOCK; i++) {
        if (column + i < sizes.n) {
            product[row * sizes.n + column + i] = values[i];
        }
    }
}
