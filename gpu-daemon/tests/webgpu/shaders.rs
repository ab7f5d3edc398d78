//! Shaders on which naga panics, or which it accepts although they are invalid.

use crate::kit::Gpu;

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
