// Replaces each number by the steps it takes to reach 1, or by 0xffffffff when a step would not fit in 32 bits.

@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;

const OVERFLOW: u32 = 0xffffffffu;

fn steps(start: u32) -> u32 {
    var n = start;
    var count = 0u;
    while (n > 1u) {
        if (n % 2u == 0u) {
            n = n / 2u;
        } else {
            // 3n + 1 must stay below 2^32.
            if (n >= 1431655765u) {
                return OVERFLOW;
            }
            n = 3u * n + 1u;
        }
        count += 1u;
    }
    return count;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < arrayLength(&numbers)) {
        numbers[id.x] = steps(numbers[id.x]);
    }
}
