//! `airlock run app.js`: the output and files of scripts, and their ends.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

#[cfg(target_os = "linux")]
mod browser;
mod conformance;
mod guests;
mod messages;
mod traces;
mod typescript;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use airlock_tests::{
    programs::{Outcome, airlock, root, run},
    scratch,
};

/// A guest in JavaScript.
fn script(name: &str) -> PathBuf {
    root().join("tests/guests/js").join(name)
}

/// `airlock run` of a script whose folder `/out` is `folder`.
fn run_in(folder: &Path, options: &[&str], script: &Path, arguments: &[&str]) -> Outcome {
    let mut command = airlock(["run", "--dir"]);
    command.arg(format!("{}::/out", folder.display())).args(options).arg(script).args(arguments);
    run(command)
}

/// Runs a text as a script without a folder.
fn run_text(options: &[&str], text: impl AsRef<[u8]>) -> Outcome {
    let folder = scratch();
    let file = folder.path().join("app.js");
    fs::write(&file, text).expect("the script is written");
    let mut command = airlock(["run"]);
    command.args(options).arg("app.js").current_dir(folder.path());
    run(command)
}

/// Expects that a text fails, with this exit code and this first line on standard error.
#[track_caller]
fn fails(options: &[&str], text: impl AsRef<[u8]>, code: i32, first_line: &str) {
    let outcome = run_text(options, text);
    assert_eq!(outcome.code(), Some(code), "{outcome}");
    assert_eq!(outcome.stderr.lines().next(), Some(first_line), "{outcome}");
}

/// The repository's runtime is built from its sources.
#[test]
fn the_runtime_is_of_its_sources() {
    let outcome = run({
        let mut command = Command::new(root().join("guest-shim/js/build.sh"));
        command.arg("--check");
        command
    });
    outcome.succeeded();
}

#[test]
fn compute() {
    let outcome = run_in(scratch().path(), &[], &script("compute.js"), &["27", "6"]).succeeded();
    assert_eq!(outcome.stdout, "27 6 -> 111 8\n");
}

#[test]
fn what_a_script_throws_is_told_with_its_place() {
    fails(&[], "function f() {\n  null.x;\n}\nf();", 1, "app.js:2:3: TypeError: cannot read property 'x' of null");
    fails(&[], "let x = ;", 1, "app.js:1:9: SyntaxError: unexpected token in expression: ';'");
    fails(&[], "throw 'a word'", 1, "app.js: uncaught a word");
    fails(&[], "Promise.reject(new RangeError('no'))", 1, "app.js:1:20: RangeError: no");
    fails(&[], "setTimeout(() => { throw new Error('late'); }, 1)", 1, "app.js:1:30: Error: late");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    fails(&[], b"let x = '\xff';", 2, "airlock: error: app.js is not UTF-8: byte 9 begins no character");
}

#[test]
fn what_lies_in_no_folder_is_out_of_reach() {
    fails(
        &[],
        "await fetch('file:///etc/passwd')",
        1,
        "app.js:1:6: TypeError: fetch: cannot read /etc/passwd: no folder is open to this script (airlock run --dir \
         HOST::GUEST)",
    );
    fails(
        &["--dir", ".::/here"],
        "await fetch('file:///here/../etc/passwd')",
        1,
        "app.js:1:6: TypeError: fetch: cannot read /etc/passwd: it is in none of the folders open to this script (/here)",
    );
}

#[test]
fn an_endless_script_ends_in_time() {
    let outcome = run_text(&["--timeout", "1"], "while (true) ;");
    assert_eq!(outcome.code(), Some(124), "{outcome}");
    assert!(outcome.stderr.starts_with("app.js: did not end within 1 s"), "{outcome}");
    let outcome = run_text(&["--timeout", "0.5"], "await new Promise((done) => setTimeout(done, 60000))");
    assert_eq!(outcome.code(), Some(124), "{outcome}");
}

#[test]
fn endless_recursion_and_allocation_are_exceptions() {
    fails(&[], "const f = () => f() + 1;\nf();", 1, "app.js:1:16: RangeError: Maximum call stack size exceeded");
    let outcome = run_text(&[], "const all = [];\nfor (;;) all.push(new Uint8Array(1 << 24).fill(1));");
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert_eq!(outcome.stderr, "app.js: out of memory: a script may take 1024 MiB\n");
}

/// Nesting beyond the parser's stack, of every kind and in every place.
#[test]
fn sources_that_nest_too_deeply_are_syntax_errors() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for (open, close) in [("(", ")"), ("[", "]"), ("`${", "}`"), ("!", ""), ("a=>", ""), ("(class{a=", "})")] {
        fails(&[], deep(open, close), 1, "app.js: SyntaxError: the script nests too deeply");
    }
    // QuickJS reports the place where the stack ended as a property without a name.
    let objects = run_text(&[], deep("({a:", "})"));
    assert_eq!(objects.code(), Some(1), "{objects}");
    assert!(objects.stderr.starts_with("app.js:1:") && objects.stderr.contains(": SyntaxError: "), "{objects}");
    assert_eq!(objects.stderr.lines().count(), 1, "{objects}");
    let inside =
        format!("let text = '{}'; try {{ eval(text) }} catch (error) {{ console.log(error.name) }}", deep("(", ")"));
    assert_eq!(run_text(&[], inside).succeeded().stdout, "RangeError\n");
    let json = "try { JSON.parse('['.repeat(100000)) } catch (error) { console.log(error.name) }";
    assert_eq!(run_text(&[], json).succeeded().stdout, "RangeError\n");
}

#[test]
fn modules_come_from_folders_and_packages() {
    let folder = scratch();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
        fs::write(file, text).expect("the file is written");
    };
    write(
        "app.js",
        "import { a } from './lib/a.js';\nimport b from 'package';\nimport c from '@scope/other/part';\nimport data from './data.json' with { type: 'json' };\nconsole.log(a, b, c, data.n, import.meta.url);",
    );
    write("lib/a.js", "export { a } from './b.js';");
    write("lib/b.js", "export const a = 'a';");
    write("data.json", "{ \"n\": 7 }");
    write(
        "node_modules/package/package.json",
        r#"{ "exports": { ".": { "require": "./no.cjs", "import": "./yes.js" } } }"#,
    );
    write("node_modules/package/yes.js", "export default 'b';");
    write("node_modules/@scope/other/package.json", r#"{ "exports": { "./*": "./dist/*.js" } }"#);
    write("node_modules/@scope/other/dist/part.js", "export default 'c';");
    let app = folder.path().join("app.js");
    let outcome = run_in(folder.path(), &[], &app, &[]).succeeded();
    assert_eq!(outcome.stdout, "a b c 7 file:///out/app.js\n");
}

/// An error that no scope catches is reported when it arrives, also when the script waits for nothing else.
#[test]
fn every_uncaptured_error_is_told() {
    let text = "const adapter = await navigator.gpu.requestAdapter();
        const device = await adapter.requestDevice();
        for (let round = 0; round < 100; round++) {
            const event = await new Promise((resolve) => {
                device.onuncapturederror = resolve;
                device.createBuffer({ size: 4, usage: 0 });
            });
            event.preventDefault();
        }
        console.log('100 events');";
    let outcome = run_text(&[], text).succeeded();
    assert_eq!(outcome.stdout, "100 events\n");
}

/// The host reports errors that a script does not handle: the first few, and a count.
#[test]
fn many_uncaptured_errors_are_a_few_warnings() {
    let text = "const device = await (await navigator.gpu.requestAdapter()).requestDevice();
        for (let i = 0; i < 5000; i++) device.createBuffer({ size: 4, usage: 0 });
        await device.queue.onSubmittedWorkDone();";
    let outcome = run_text(&["--adapter=noop"], text).succeeded();
    let count = |part: &str| outcome.stderr.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("uncaptured error: "), 20, "{outcome}");
    assert_eq!(count("4980 more uncaptured errors are not shown"), 1, "{outcome}");
}
