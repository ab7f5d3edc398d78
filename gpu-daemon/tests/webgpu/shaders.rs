//! Shaders on which naga panics, or which it accepts although they are invalid.

use airlock_protocol::commands::{buffer::BufferUsage, pipeline::PipelineId};

use crate::{common::client::words, kit::Gpu};

/// A line comment ends at each of WGSL's line breaks. The text after it is code, and counts towards the bounds on code.
#[test]
fn no_line_break_hides_code() {
    let mut gpu = Gpu::new();
    for end in ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let code = format!("//{end}fn f() -> i32 {{ return 1{}; }}", "+1".repeat(1_500_000));
        let message = gpu.invalid(&format!("{end:?}"), |gpu| gpu.module(&code));
        assert!(message.contains("within one another"), "{message}");
    }
}

/// naga 30 panics on the first of these in its SPIR-V writer, and accepts the others.
#[test]
fn pointers_to_parts_are_no_arguments() {
    let mut gpu = Gpu::new();
    let types = "struct S { m: i32, n: array<i32, 4>, v: vec4i }
        var<private> p: array<i32, 4>; var<private> s: S; var<private> m: mat2x2f;
        @group(0) @binding(0) var<storage, read_write> out: array<i32>;
        fn f(at: ptr<function, i32>) -> i32 { *at += 1; return *at; }
        fn g(at: ptr<private, i32>) -> i32 { *at += 1; return *at; }
        fn h(at: ptr<function, array<i32, 4>>) -> i32 { return (*at)[1]; }
        fn w(at: ptr<private, vec2f>) -> i32 { return i32((*at).x); }
        fn through(at: ptr<function, i32>) -> i32 { return f(at); }\n";
    let main = |body: &str| {
        format!(
            "{types} @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {{ let i = id.x;
            var a = array(1, 2, 3, 4); var t = S(); var nested: array<array<i32, 4>, 2>; var x = 1; {body} }}"
        )
    };
    for body in [
        "out[0] = f(&a[i]);",
        "out[0] = f(&a[1]);",
        "out[0] = f(&t.m);",
        "out[0] = f(&t.n[i]);",
        "out[0] = h(&t.n);",
        "out[0] = h(&nested[i]);",
        "out[0] = g(&p[i]);",
        "out[0] = g(&s.m);",
        "out[0] = w(&m[i]);",
        "let q = &a[i]; out[0] = f(q);",
        "let q = &a; out[0] = f(&(*q)[i]);",
        "if i > 2 { loop { switch i { default: { out[0] = through(&t.m); } } break; } }",
    ] {
        let message = gpu.invalid(body, |gpu| {
            let module = gpu.module(&main(body));
            gpu.compute(module, &[])
        });
        assert!(message.contains("unrestricted_pointer_parameters"), "{message}");
        assert!(message.contains("the shader"), "{message}");
    }
    for body in ["out[0] = f(&x);", "out[0] = h(&a);", "let q = &x; out[0] = through(q);", "out[0] = f(&*&x);"] {
        gpu.valid(body, |gpu| {
            let module = gpu.module(&main(body));
            gpu.compute(module, &[])
        });
    }
}

/// WGSL, "Alias Analysis": pointers to one variable in a call, of which one is written through.
#[test]
fn arguments_that_are_written_through_have_no_alias() {
    let mut gpu = Gpu::new();
    let functions = "var<private> p: i32; var<private> q: i32;
        @group(0) @binding(0) var<storage, read_write> out: i32;
        fn read(a: ptr<function, i32>, b: ptr<function, i32>) -> i32 { return *a + *b; }
        fn write(a: ptr<function, i32>, b: ptr<function, i32>) -> i32 { *a = *b; return 0; }
        fn both(a: ptr<function, i32>, b: ptr<function, i32>) -> i32 { *a = 1; *b = 2; return 0; }
        fn one(a: ptr<function, i32>, b: ptr<function, i32>) -> i32 { *a = 1; return 0; }
        fn between(n: i32, a: ptr<function, i32>, m: i32, b: ptr<function, i32>) -> i32 { *b = n + *a + m; return 0; }
        fn through(a: ptr<function, i32>, b: ptr<function, i32>) -> i32 { return write(b, a); }
        fn swapped(a: ptr<function, i32>) -> i32 { var l = 1; return write(&l, a); }
        fn reads_p(a: ptr<private, i32>) -> i32 { return *a + p; }
        fn writes(a: ptr<private, i32>) -> i32 { *a = 1; return 0; }
        fn writes_and_reads_p(a: ptr<private, i32>) -> i32 { *a = 1; return p; }
        fn reads_and_writes_p(a: ptr<private, i32>) -> i32 { p = 1; return *a; }
        fn only_writes_p(a: ptr<private, i32>) -> i32 { p = 1; return 2; }
        fn writes_p() { p = 2; }
        fn calls_what_writes_p(a: ptr<private, i32>) -> i32 { writes_p(); return *a; }\n";
    for (call, fits) in [
        ("read(&x, &x)", true),
        ("read(&x, &y)", true),
        ("write(&x, &y)", true),
        ("write(&x, &x)", false),
        ("both(&x, &x)", false),
        ("one(&x, &x)", true),
        ("between(1, &x, 2, &x)", false),
        ("between(x, &y, x, &z)", true),
        ("through(&x, &x)", false),
        ("through(&x, &y)", true),
        ("write(&*&x, &x)", false),
        ("swapped(&x)", true),
        ("reads_p(&p)", true),
        ("writes(&p)", true),
        ("writes_and_reads_p(&p)", false),
        ("writes_and_reads_p(&q)", true),
        ("reads_and_writes_p(&p)", false),
        ("reads_and_writes_p(&q)", true),
        ("only_writes_p(&p)", true),
        ("calls_what_writes_p(&p)", false),
        ("calls_what_writes_p(&q)", true),
    ] {
        let code = format!(
            "{functions} @compute @workgroup_size(1) fn main() {{ var x = 1; var y = 2; var z = 3; if x > 0 {{ out = {call}; }} }}"
        );
        let error = gpu.error(|gpu| _ = gpu.module(&code));
        assert_eq!(error.is_none(), fits, "{call}: {error:?}");
        assert!(error.is_none_or(|error| error.message.contains("points to memory")), "{call}");
    }
}

/// WGSL, "Expressions": a `let` is not a constant, and an access beyond the end is clamped. A constant one is an error.
#[test]
fn an_index_by_way_of_let_is_clamped() {
    let mut gpu = Gpu::new();
    let code = |body: &str| {
        format!(
            "@group(0) @binding(0) var<storage, read_write> out: array<u32>; const N = 4;
            struct S {{ a: array<u32, 4>, m: mat2x2f, v: vec4u }}; var<private> s: S; var<workgroup> w: array<u32, 4>;
            @compute @workgroup_size(1) fn main() {{ var a = array(1u, 2u, 3u, 4u); {body} }}"
        )
    };
    for (body, fits) in [
        ("let i = 3u; out[0] = a[i];", true),
        ("let i = 4u; out[0] = a[i];", true),
        ("let i = -1; out[0] = a[i];", true),
        ("let i = N; let j = i + 1; out[0] = s.a[j] + w[j] + s.v[j]; out[1] = u32(s.m[i][j]);", true),
        ("let i = 4u; a[i] = 1u; let p = &a[i]; *p = 2u;", true),
        ("out[0xFFFFFFFFu] = 1u;", true),
        ("let i = 0xFFFFFFFFu; out[i] = 1u;", true),
        ("out[0] = a[4u];", false),
        ("out[0] = a[N];", false),
        ("out[0] = a[-1];", false),
        ("const i = 4; out[0] = a[i];", false),
        ("let i = 4u; out[0] = a[i]; out[1] = a[5];", false),
        ("let i = 4u; i = 3u; out[0] = a[i];", false),
    ] {
        let error = gpu.error(|gpu| {
            let module = gpu.module(&code(body));
            gpu.compute(module, &[]);
        });
        assert_eq!(error.is_none(), fits, "{body}: {error:?}");
    }
}

/// A panic of naga is a validation error, and the session continues.
#[test]
fn a_panic_of_the_compiler_is_a_validation_error() {
    let mut gpu = Gpu::new();
    for code in [
        "enable f16; const x = i32(65520h);",
        "enable f16; const x: f16 = 65504h * 2h; fn f() -> i32 { return i32(x); }",
    ] {
        // Without the feature, the directive is rejected.
        gpu.invalid(code, |gpu| gpu.module(code));
    }
    gpu.valid("a shader after that", |gpu| {
        let module = gpu.module("@compute @workgroup_size(1) fn main() {}");
        gpu.compute(module, &[])
    });
}

/// WGSL, "Behavior Analysis": a loop breaks or returns.
#[test]
fn a_loop_has_a_way_out() {
    let mut gpu = Gpu::new();
    for (body, fits) in [
        ("loop {}", false),
        ("loop { x += 1; }", false),
        ("loop { if x > 1 { continue; } }", false),
        ("for (;;) { x += 1; }", false),
        ("loop { switch x { case 1: { break; } default: {} } }", false),
        ("loop { loop { break; } }", false),
        ("loop { break; }", true),
        ("loop { if x > 1 { return; } }", true),
        ("loop { loop { if x > 1 { return; } } }", true),
        ("loop { x += 1; continuing { break if x > 3; } }", true),
        ("for (var i = 0; i < 3; i++) { x += 1; }", true),
        ("while x < 3 { x += 1; }", true),
        ("while true { x += 1; }", true),
    ] {
        let code = format!("@compute @workgroup_size(1) fn main() {{ var x = 0; {body} }}");
        let error = gpu.error(|gpu| _ = gpu.module(&code));
        assert_eq!(error.is_none(), fits, "{body}: {error:?}");
    }
}

/// WGSL, "Address Spaces": only compute shaders have workgroups.
#[test]
fn only_compute_shaders_use_a_workgroups_memory() {
    let mut gpu = Gpu::new();
    let code = |main: &str| format!("var<workgroup> w: u32; fn f() -> f32 {{ return f32(w); }} {main}");
    for (main, fits) in [
        ("@compute @workgroup_size(1) fn main() { w = u32(f()); }", true),
        ("@vertex fn main() -> @builtin(position) vec4f { return vec4f(0); }", true),
        ("@vertex fn main() -> @builtin(position) vec4f { return vec4f(f()); }", false),
        ("@fragment fn main() -> @location(0) vec4f { return vec4f(f32(w)); }", false),
    ] {
        let error = gpu.error(|gpu| _ = gpu.module(&code(main)));
        assert_eq!(error.is_none(), fits, "{main}: {error:?}");
    }
}

/// WGSL, "Integer Types": concrete integers wrap. What does not: abstract ones, divisions, shifts, and floats.
#[test]
fn typed_integers_wrap_in_constants() {
    let mut gpu = Gpu::new();
    for (expression, fits) in [
        ("2147483647i + 1i == i32(-2147483648)", true),
        ("i32(-2147483648) - 1i == 2147483647i", true),
        ("65536i * 65536i == 0i", true),
        ("4294967295u + 1u == 0u", true),
        ("all(vec2(2147483647i) + 1i == vec2(i32(-2147483648)))", true),
        ("-i32(-2147483648) == i32(-2147483648)", true),
        ("abs(i32(-2147483648)) == i32(-2147483648)", true),
        ("9223372036854775807 + 1 == 0", false),
        ("i32(2147483648) == 0", false),
        ("2147483648i == 0", false),
        ("i32(-2147483648) / -1i == 0", false),
        ("1i / 0i == 0", false),
        ("1i % 0i == 0", false),
        ("1073741824i << 1u == 0", false),
        ("2147483648u << 1u == 0", false),
        ("1i << 32u == 0", false),
        ("3.4e38f + 3.4e38f == 0", false),
    ] {
        for code in [
            format!("const x = {expression};"),
            format!("fn f() {{ const x = {expression}; }}"),
            format!("fn f() {{ let x = {expression}; }}"),
        ] {
            let error = gpu.error(|gpu| _ = gpu.module(&code));
            assert_eq!(error.is_none(), fits, "{code}: {error:?}");
        }
        if fits {
            gpu.valid(expression, |gpu| gpu.module(&format!("const_assert {expression};")));
        }
    }
}

/// WGSL, "Logical Expressions": the right side is evaluated only if the left one does not decide. naga evaluates it in
/// functions and overrides, other than in constants.
#[test]
fn what_is_not_evaluated_is_no_error() {
    let mut gpu = Gpu::new();
    let mut wrong = Vec::new();
    const REFUSED: bool = false;
    for (code, fits) in [
        ("const x = false && 1 / 0 == 0;", true),
        ("const x = true || 1i / 0i == 0;", true),
        ("const no = false; const x = no && (no || 1 / 0 == 0);", true),
        ("const_assert true || 1 / 0 == 0;", true),
        ("const x = array<u32, select(1, 2, false && 1 / 0 == 0)>();", true),
        ("fn f() { const x = false && 1 / 0 == 0; }", true),
        ("fn f() { let x = false && 1 / 0 == 0; }", REFUSED),
        ("fn f() { var x = true || 1 % 0 == 0; }", REFUSED),
        ("fn f() { if true || 1 % 0 == 0 {} }", REFUSED),
        ("fn f() { let x = false && (1u << 32u) == 0u; }", REFUSED),
        ("fn f() { let x = false && array(1, 2)[2] == 0; }", REFUSED),
        ("override o = false && 1 / 0 == 0;", REFUSED),
        ("override z = 0; override o = false && 1 / z == 0;", true),
        ("const x = true && 1 / 0 == 0;", false),
        ("const x = false || 1 / 0 == 0;", false),
        ("fn f() { let x = true && 1 / 0 == 0; }", false),
        ("fn f(a: bool) { let x = a && 1 / 0 == 0; }", false),
        ("fn f(a: bool) { let x = a || 1 % 0 == 0; }", false),
        ("fn f() { let x = 1 / 0 == 0 && false; }", false),
    ] {
        let error = gpu.error(|gpu| _ = gpu.module(code));
        if error.is_none() != fits {
            wrong.push(format!("{code}: {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// naga has no constant evaluation of these functions, which WGSL has: what `wit/README.md` says of them.
#[test]
fn some_functions_are_for_variables_only() {
    let mut gpu = Gpu::new();
    for call in [
        "extractBits(255u, 1u, 3u)",
        "insertBits(1i, 2i, 3u, 4u)",
        "pack4x8snorm(vec4f(1))",
        "pack4x8unorm(vec4f(1))",
        "pack4xI8(vec4i(1))",
        "pack4xU8(vec4u(1))",
        "pack4xI8Clamp(vec4i(1))",
        "pack4xU8Clamp(vec4u(1))",
        "pack2x16snorm(vec2f(1))",
        "pack2x16unorm(vec2f(1))",
        "pack2x16float(vec2f(1))",
        "unpack4x8snorm(1u)",
        "unpack4x8unorm(1u)",
        "unpack4xI8(1u)",
        "unpack4xU8(1u)",
        "unpack2x16snorm(1u)",
        "unpack2x16unorm(1u)",
        "unpack2x16float(1u)",
        "bitcast<f32>(1u)",
        "bitcast<vec2u>(vec2f(1))",
        "mix(1f, 2f, 3f)",
        "smoothstep(1f, 2f, 3f)",
        "faceForward(vec2f(1), vec2f(1), vec2f(1))",
        "reflect(vec2f(1), vec2f(1))",
        "refract(vec2f(1), vec2f(1), 1f)",
        "ldexp(1f, 2i)",
        "modf(1.5f).fract",
        "frexp(1.5f).exp",
        "quantizeToF16(1f)",
        "transpose(mat2x2f())",
        "determinant(mat2x2f())",
    ] {
        gpu.invalid(call, |gpu| gpu.module(&format!("const x = {call};")));
        gpu.valid(call, |gpu| gpu.module(&format!("fn f() {{ let x = {call}; }}")));
    }
    for expression in ["distance(vec2(3e38, 4e38), vec2(1.0))", "transpose(mat2x2(1e39, 1.0, 2.0, 3.0))[0][1]"] {
        gpu.invalid(expression, |gpu| gpu.module(&format!("const x = {expression};")));
    }
    for expression in ["length(vec2(3e38, 4e38))", "sqrt(1e300)", "1e39 % 3.0", "mat2x2(1e39, 1.0, 2.0, 3.0) * 2.0"] {
        gpu.valid(expression, |gpu| gpu.module(&format!("const x = {expression};")));
    }
}

/// WGSL, "Uniformity": naga does not refuse these, which `wit/README.md` says.
#[test]
fn uniformity_is_not_checked() {
    let mut gpu = Gpu::new();
    for code in [
        "@compute @workgroup_size(4) fn f(@builtin(local_invocation_id) id: vec3u) { if id.x > 0 { workgroupBarrier(); } }",
        "@fragment fn f(@location(0) v: f32) -> @location(0) vec4f { if v > 0 { return vec4f(dpdx(v)); } return vec4f(); }",
    ] {
        gpu.valid(code, |gpu| gpu.module(code));
    }
}

/// WGSL, "Behavior Analysis": a loop without `break` never comes to its end.
#[test]
fn a_function_may_end_in_a_loop() {
    let mut gpu = Gpu::new();
    for (body, fits) in [
        ("loop { return 1; }", true),
        ("loop { if x > 1 { return 1; } }", true),
        ("loop { if x > 1 { return 1; } loop { break; } switch x { default: { break; } } }", true),
        ("if x > 1 { return 1; } else { loop { return 2; } }", true),
        ("{ loop { return 1; } }", true),
        ("switch x { case 1: { return 1; } default: { loop { return 2; } } }", true),
        ("loop { if x > 1 { return 1; } break; }", false),
        ("loop { return 1; continuing { break if x > 1; } }", false),
        ("while true { return 1; }", false),
        ("for (;;) { return 1; }", true),
        ("if x > 1 { return 1; }", false),
    ] {
        let error = gpu.error(|gpu| _ = gpu.module(&format!("fn f(x: i32) -> i32 {{ {body} }}")));
        assert_eq!(error.is_none(), fits, "{body}: {error:?}");
    }
    let code = "@group(0) @binding(0) var<storage, read_write> out: i32;
        fn f(x: i32) -> i32 { var n = x; loop { n += 3; if n > 10 { return n; } } }
        @compute @workgroup_size(1) fn main() { out = f(out); }";
    let module = gpu.module(code);
    let pipeline = gpu.compute(module, &[]);
    let out = gpu.buffer(4, BufferUsage::STORAGE | BufferUsage::COPY_SRC);
    let group = gpu.group(PipelineId::Compute(pipeline), &[out]);
    gpu.valid("a dispatch", |gpu| gpu.dispatch(pipeline, group, [1, 1, 1]));
    assert_eq!(words(&gpu.read(out, 4)), [12]);
}

/// Rules of WGSL that naga does not check.
#[test]
fn variables_and_entry_points_keep_the_rules() {
    let mut gpu = Gpu::new();
    let vertex = |variable: &str, used: &str| {
        format!("{variable} @vertex fn f() -> @builtin(position) vec4f {{ {used}; return vec4f(); }}")
    };
    let storage_texture =
        |access: &str| format!("@group(0) @binding(0) var t: texture_storage_2d<r32float, {access}>;");
    for (code, fits) in [
        ("struct S { a: u32, b: vec4f } var<immediate> i: S;".to_owned(), true),
        ("var<immediate> i: array<u32, 4>;".to_owned(), false),
        ("struct S { a: T } struct T { b: array<u32, 4> } var<immediate> i: S;".to_owned(), false),
        ("@group(0) @binding(0) var<storage, read_write> a: atomic<u32>;".to_owned(), true),
        ("@group(0) @binding(0) var<storage> a: atomic<u32>;".to_owned(), false),
        ("struct S { a: array<atomic<u32>> } @group(0) @binding(0) var<storage, read> s: S;".to_owned(), false),
        (vertex("@group(0) @binding(0) var<storage> a: u32;", "_ = a"), true),
        (vertex("@group(0) @binding(0) var<storage, read_write> a: u32;", ""), true),
        (vertex("@group(0) @binding(0) var<storage, read_write> a: u32;", "_ = a"), false),
        (vertex(&storage_texture("read"), "_ = textureLoad(t, vec2u())"), true),
        (vertex(&storage_texture("write"), "textureStore(t, vec2u(), vec4f())"), false),
        ("@compute @workgroup_size(1) fn f(@location(0) a: f32) {}".to_owned(), false),
        ("@compute @workgroup_size(1) fn f() -> @location(0) f32 { return 0; }".to_owned(), false),
    ] {
        let error = gpu.error(|gpu| _ = gpu.module(&code));
        assert_eq!(error.is_none(), fits, "{code}: {error:?}");
    }
}

/// WGSL, "Built-in Functions": some arguments are errors as soon as they are constants.
#[test]
fn constant_arguments_are_checked() {
    let mut gpu = Gpu::new();
    let sampled = "@group(0) @binding(0) var t: texture_2d<f32>; @group(0) @binding(1) var s: sampler;";
    for (call, fits) in [
        ("clamp(x, 0.0, 2.0)", true),
        ("clamp(x, 2.0, 2.0)", true),
        ("clamp(x, x, 0.0)", true),
        ("clamp(x, 2.0, 0.0)", false),
        ("clamp(vec2(x), vec2(0, 2), vec2(1))[0]", false),
        ("clamp(x, LOW, 0.0)", false),
        ("smoothstep(1.0, 2.0, x)", true),
        ("smoothstep(2.0, 1.0, x)", true),
        ("smoothstep(2.0, 2.0, x)", false),
        ("ldexp(x, 128)", true),
        ("ldexp(x, 129)", false),
        ("ldexp(x, -200)", true),
        ("f32(extractBits(n, 16u, 16u))", true),
        ("f32(extractBits(n, 16u, 17u))", false),
        ("f32(extractBits(n, n, 17u))", true),
        ("f32(insertBits(n, n, 33u, 0u))", false),
        ("textureSample(t, s, vec2f(), vec2i(7, -8)).x", true),
        ("textureSample(t, s, vec2f(), vec2i(8)).x", false),
        ("textureSampleLevel(t, s, vec2f(), 0, vec2i(0, -9)).x", false),
        ("textureGather(0, t, s, vec2f(), vec2(LOW_INT)).x", false),
    ] {
        let code = format!(
            "{sampled} const LOW = 2.0; const LOW_INT = -9;
            @fragment fn f(@location(0) x: f32, @location(1) @interpolate(flat) n: u32) -> @location(0) vec4f {{
            return vec4f({call}); }}"
        );
        let error = gpu.error(|gpu| _ = gpu.module(&code));
        assert_eq!(error.is_none(), fits, "{call}: {error:?}");
    }
}

/// What naga accepts or refuses otherwise than WGSL, and `wit/README.md` lists.
#[test]
fn known_deviations_of_the_front_end() {
    let mut gpu = Gpu::new();
    for code in [
        "const a = 1 + 2 << 3u;",
        "const a = 1 & 2 | 3;",
        "const a = true && true || false;",
        "const a = 1 == 1 == true;",
        "@compute @workgroup_size(1u, 1i) fn f() {}",
        "@workgroup_size(1) fn f() {}",
        "const a = inverseSqrt(0.0);",
        "fn f() { loop { if true { continue; } let a = 1; break; continuing { let b = a; } } }",
    ] {
        gpu.valid(code, |gpu| gpu.module(code));
    }
}

/// WGSL, "Diagnostics": attributes of statements.
#[test]
fn statements_have_diagnostic_attributes() {
    let mut gpu = Gpu::new();
    for (attribute, fits) in [
        ("@diagnostic(off, derivative_uniformity)", true),
        ("@diagnostic(warning, derivative_uniformity,)", true),
        ("@diagnostic(on, derivative_uniformity)", false),
        ("@diagnostic(off)", false),
        ("@align(4)", false),
    ] {
        for body in
            ["if true {} else {}", "{ }", "loop { break; }", "switch 1 { default: {} }", "while true { break; }"]
        {
            let code = format!("fn f() {{ {attribute} {body} }}");
            let error = gpu.error(|gpu| _ = gpu.module(&code));
            assert_eq!(error.is_none(), fits, "{code}: {error:?}");
        }
        let code = format!("fn f() {{ {attribute} if true {{}} let x = 1u + 1i; }}");
        gpu.invalid(&code, |gpu| gpu.module(&code));
    }
}
