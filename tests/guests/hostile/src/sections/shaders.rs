//! Shaders whose source is small and whose compilation is large or deep. The compiler may accept or reject them; it must not
//! crash.

use guest_support::gpu::*;
use guest_support::{Gpu, Outcome, outln};

use crate::check::Check;
use crate::objects::{good_job, module};

const MAIN: &str = "@compute @workgroup_size(1) fn main()";

/// A name, and the source for a size.
type Bomb = (&'static str, fn(usize) -> String);

const BOMBS: &[Bomb] = &[
    ("parentheses", |n| format!("{MAIN} {{ let x = {}1{}; }}", "(".repeat(n), ")".repeat(n))),
    ("open parentheses", |n| format!("{MAIN} {{ let x = {}", "(".repeat(n))),
    ("minuses", |n| format!("{MAIN} {{ let x = {}1; }}", "- ".repeat(n))),
    ("nots", |n| format!("{MAIN} {{ let x = {}true; }}", "!".repeat(n))),
    ("a sum", |n| format!("{MAIN} {{ let x = 1{}; }}", "+1".repeat(n))),
    ("a sum of variables", |n| format!("{MAIN} {{ var v = 1; let x = v{}; }}", "+v".repeat(n))),
    ("a constant sum", |n| format!("const c = 1{}; {MAIN} {{ let x = c; }}", "+1".repeat(n))),
    ("an overridden sum", |n| {
        format!("override o: i32 = 1; override c = o{}; {MAIN} {{ let x = c; }}", "+o".repeat(n))
    }),
    ("comparisons", |n| format!("{MAIN} {{ let x = true{}; }}", "&&true".repeat(n))),
    ("indices", |n| format!("{MAIN} {{ var v = 1; let x = v{}; }}", "[0]".repeat(n))),
    ("members", |n| format!("{MAIN} {{ var v = vec4f(); let x = v{}; }}", ".xyzw".repeat(n))),
    ("addresses", |n| format!("{MAIN} {{ var v = 1; let x = {}v; }}", "&*".repeat(n))),
    ("calls", |n| format!("{MAIN} {{ let x = {}1{}; }}", "abs(".repeat(n), ")".repeat(n))),
    ("constructors", |n| format!("{MAIN} {{ let x = {}1{}; }}", "vec2(".repeat(n), ")".repeat(n))),
    ("blocks", |n| format!("{MAIN} {{ {} {} }}", "{".repeat(n), "}".repeat(n))),
    ("ifs", |n| format!("{MAIN} {{ {} {} }}", "if true {".repeat(n), "}".repeat(n))),
    ("else ifs", |n| format!("{MAIN} {{ if true {{}} {} }}", "else if true {}".repeat(n))),
    ("loops", |n| format!("{MAIN} {{ {} {} }}", "loop {".repeat(n), "break; }".repeat(n))),
    ("fors", |n| format!("{MAIN} {{ {} {} }}", "for (var i = 0; i < 2; i++) {".repeat(n), "}".repeat(n))),
    ("switches", |n| format!("{MAIN} {{ {} {} }}", "switch 1 { default: {".repeat(n), "} }".repeat(n))),
    ("cases", |n| {
        let cases: String = (0..n).map(|i| format!("case {i}: {{}} ")).collect();
        format!("{MAIN} {{ switch 1 {{ {cases} default: {{}} }} }}")
    }),
    ("types", |n| format!("var<private> a: {}u32{};", "array<".repeat(n), ", 2>".repeat(n))),
    ("pointers", |n| format!("fn f(p: {}u32{}) {{}}", "ptr<function, ".repeat(n), ">".repeat(n))),
    ("templates", |n| format!("var<private> a: {}", "array<".repeat(n))),
    ("attributes", |n| format!("{} fn f() {{}}", "@must_use ".repeat(n))),
    ("functions that call the one before", |n| {
        let rest: String = (1..n).map(|i| format!("fn f{i}() {{ f{}(); }} ", i - 1)).collect();
        format!("fn f0() {{}} {rest} {MAIN} {{ f{}(); }}", n - 1)
    }),
    ("functions that call the one before twice", |n| {
        let n = n.min(200);
        let rest: String = (1..n).map(|i| format!("fn f{i}() {{ f{0}(); f{0}(); }} ", i - 1)).collect();
        format!("fn f0() {{}} {rest} {MAIN} {{ f{}(); }}", n - 1)
    }),
    ("functions in reverse", |n| {
        let rest: String = (1..n).rev().map(|i| format!("fn f{i}() {{ f{}(); }} ", i - 1)).collect();
        format!("{MAIN} {{ f{}(); }} {rest} fn f0() {{}}", n - 1)
    }),
    ("recursion", |_| format!("fn f() {{ g(); }} fn g() {{ f(); }} {MAIN} {{ f(); }}")),
    ("structures in structures", |n| {
        let rest: String = (1..n).map(|i| format!("struct S{i} {{ a: S{} }} ", i - 1)).collect();
        format!("struct S0 {{ a: u32 }} {rest} var<private> s: S{}; {MAIN} {{ var x = s; }}", n - 1)
    }),
    ("structures in reverse", |n| {
        let rest: String = (1..n).rev().map(|i| format!("struct S{i} {{ a: S{} }} ", i - 1)).collect();
        format!("{rest} struct S0 {{ a: u32 }} var<private> s: S{};", n - 1)
    }),
    ("structures that double", |n| {
        let n = n.min(60);
        let rest: String = (1..n).map(|i| format!("struct S{i} {{ a: S{0}, b: S{0} }} ", i - 1)).collect();
        format!("struct S0 {{ a: u32 }} {rest} var<private> s: S{}; {MAIN} {{ s = S{}(); }}", n - 1, n - 1)
    }),
    ("constant structures that double", |n| {
        let n = n.min(12);
        let rest: String = (1..n).map(|i| format!("struct S{i} {{ a: S{0}, b: S{0} }} ", i - 1)).collect();
        format!("struct S0 {{ a: u32 }} {rest} const c = S{}(); {MAIN} {{ var x = c; }}", n - 1)
    }),
    ("aliases", |n| {
        let rest: String = (1..n).map(|i| format!("alias A{i} = A{}; ", i - 1)).collect();
        format!("alias A0 = u32; {rest} var<private> s: A{};", n - 1)
    }),
    ("aliases that double", |n| {
        let n = n.min(100);
        let rest: String = (1..n).map(|i| format!("alias A{i} = array<A{}, 2>; ", i - 1)).collect();
        format!("alias A0 = u32; {rest} var<private> s: A{}; {MAIN} {{ s[0] = s[1]; }}", n - 1)
    }),
    ("constants that refer to the one before", |n| {
        let rest: String = (1..n).map(|i| format!("const c{i} = c{} + 1; ", i - 1)).collect();
        format!("const c0 = 1; {rest} {MAIN} {{ let x = c{}; }}", n - 1)
    }),
    ("constants in reverse", |n| {
        let rest: String = (1..n).rev().map(|i| format!("const c{i} = c{} + 1; ", i - 1)).collect();
        format!("{rest} const c0 = 1; {MAIN} {{ let x = c{}; }}", n - 1)
    }),
    ("a large array", |_| format!("{MAIN} {{ var a = array<u32, 4294967295>(); a[1] = 1; }}")),
    ("a large constant", |_| format!("const a = array<u32, 1000000>(); {MAIN} {{ let x = a[1]; }}")),
    ("a larger constant", |_| {
        format!("const a = array<array<array<u32, 65536>, 65536>, 65536>(); {MAIN} {{ let x = a[1][1][1]; }}")
    }),
    ("large workgroup memory", |_| format!("var<workgroup> w: array<u32, 1073741823>; {MAIN} {{ w[1] = 1; }}")),
    ("a large private array", |_| format!("var<private> w: array<u32, 1073741823>; {MAIN} {{ w[1] = 1; }}")),
    ("an array of an overridden length", |_| {
        format!("override n: u32 = 4294967295; var<workgroup> w: array<u32, n>; {MAIN} {{ w[1] = 1; }}")
    }),
    ("a workgroup of an overridden size", |_| {
        "override n: u32 = 4294967295; @compute @workgroup_size(n, n, n) fn main() {}".to_owned()
    }),
    ("a large workgroup", |_| "@compute @workgroup_size(4294967295, 4294967295, 4294967295) fn main() {}".to_owned()),
    ("a division by zero", |_| format!("const c = 1 / 0; {MAIN} {{ let x = c; }}")),
    ("the least number divided by -1", |_| format!("const c = i32(-2147483648) / i32(-1); {MAIN} {{ let x = c; }}")),
    ("the least number negated", |_| format!("const c = -i32(-2147483648); {MAIN} {{ let x = c % -1; }}")),
    ("a shift by too much", |_| format!("const c = 1u << 99u; {MAIN} {{ let x = c; }}")),
    ("the largest numbers", |_| {
        format!("const c = 9223372036854775807 + 1; const d = 1e308 * 10; const e = 3.4e38f * 10f; {MAIN} {{}}")
    }),
    ("huge numbers", |n| {
        format!("const c = {}; const d = 1e{}; const e = 0x1p{};", "9".repeat(n), "9".repeat(n), "9".repeat(n))
    }),
    ("an index out of a constant", |_| {
        format!("const a = vec4(1); const c = a[4294967295]; {MAIN} {{ let x = a[-1]; }}")
    }),
    ("bindings", |n| {
        let n = n.min(20_000);
        let rest: String =
            (0..n).map(|i| format!("@group({0}) @binding({0}) var<uniform> u{i}: u32; ", i as u32 * 100_000)).collect();
        format!("{rest} {MAIN} {{ let x = u0; }}")
    }),
    ("locations", |n| {
        let rest: String =
            (0..n.min(5000)).map(|i| format!("@location({}) l{i}: f32, ", u32::MAX - i as u32)).collect();
        format!("@vertex fn v({rest}) -> @builtin(position) vec4f {{ return vec4f(l0); }}")
    }),
    ("sizes and alignments", |_| {
        format!(
            "struct S {{ @size(4294967292) a: u32, @align(2147483648) b: u32, @size(4294967295) c: u32 }}
             var<private> s: S; @group(0) @binding(0) var<storage, read_write> b: array<S>; {MAIN} {{ b[1].c = s.b; }}"
        )
    }),
    ("a long name", |n| format!("fn {}() {{}}", "a".repeat(n))),
    ("a comment that does not end", |n| "/*".repeat(n)),
    ("nothing but NULs", |n| "\0".repeat(n)),
    ("directives", |n| "enable f16; requires nothing; diagnostic(off, x);".repeat(n.min(1000))),
];

/// Every bomb in several sizes, as a module, and in a pipeline if it is accepted.
pub async fn bombs(check: &mut Check) -> Outcome {
    let args = guest_support::env::args();
    let only = args.get(1);
    let sizes: Vec<usize> = args.get(2..).unwrap_or_default().iter().filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 100_000] } else { sizes };
    let gpu = Gpu::request("shaders").await?;
    for (name, source) in BOMBS {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        for &size in &sizes {
            let shader = module(&gpu, &source(size));
            let messages = shader.get_compilation_info().await.messages();
            let pipeline = gpu
                .device
                .create_compute_pipeline_async(GpuComputePipelineDescriptor {
                    compute: GpuProgrammableStage { module: &shader, entry_point: None, constants: None },
                    layout: GpuLayoutMode::Auto,
                    label: None,
                })
                .await;
            let verdict = |good| if good { "accepted" } else { "refused" };
            outln!("{name} of {size}: {}, pipeline {}", verdict(messages.is_empty()), verdict(pipeline.is_ok()));
            check.that("some message", messages.iter().all(|message| !message.message().is_empty()));
        }
        // A lost device accepts every module, and completes no job.
        good_job(&gpu).await?;
    }
    good_job(&gpu).await
}
