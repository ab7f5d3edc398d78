// The source of `numbers.spv`: glslangValidator -V -o numbers.spv numbers.comp
#version 450
layout(local_size_x = 8) in;
layout(std430, set = 0, binding = 0) buffer Numbers { uint numbers[]; };
void main() { numbers[gl_GlobalInvocationID.x] = gl_GlobalInvocationID.x * 10u + 1u; }
