struct Numbers {
    values: array<u32, 8>,
}

@group(0) @binding(0) var<storage, read_write> numbers: Numbers;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3u) {
    numbers.values[id.x] += 1u + id.y;
}
