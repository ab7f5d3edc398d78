//! `airlock run app.ts`: types are blanked out in place, so that every position stays that of the file.

use std::{fs, path::Path};

use airlock_tests::{
    programs::{Outcome, airlock, run},
    scratch,
};

use super::{run_in, script};

/// Writes files into a folder and runs the first one there.
fn run_files(files: &[(&str, &str)]) -> Outcome {
    let folder = scratch();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
        fs::write(file, text).expect("the file is written");
    }
    let mut command = airlock(["run", "--dir", "."]);
    command.arg(files[0].0).current_dir(folder.path());
    run(command)
}

/// A program that fails: with exit code 1, and this first line on standard error.
#[track_caller]
fn fails(files: &[(&str, &str)], first_line: &str) {
    let outcome = run_files(files);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert_eq!(outcome.stderr.lines().next(), Some(first_line), "{outcome}");
}

/// A guest with interfaces, generics, assertions and a module of its own.
#[test]
fn heat() {
    let outcome = run_in(script("").as_path(), &[], &script("heat.ts"), &["60"]).succeeded();
    assert!(outcome.stdout.starts_with("60 steps: the warmest place has "), "{outcome}");
    let without_folder = run(airlock([Path::new("run"), &script("heat.ts")]));
    assert!(without_folder.stderr.contains("--dir"), "{without_folder}");
}

#[test]
fn modules_are_typescript_by_their_names() {
    let app = "import { a } from './lib/a.js';\nimport { b } from './b';\nimport { c } from './c.mjs';\nimport d from './d.js';
import type { Nothing } from './nowhere.ts';\nimport { type T, t } from './t.mts';\nconsole.log(a as number, b!, c, d, t satisfies T);";
    let files = [
        ("app.mts", app),
        ("lib/a.ts", "export const a: number = 1;"),
        ("b.mts", "export const b: string | undefined = 'b';"),
        ("c.mts", "export const c = <T,>(it: T): T => it;\nexport type C = typeof c;"),
        ("d.js", "export default 'plain';"),
        ("t.mts", "export interface T { n: number }\nexport const t: T = { n: 7 };"),
    ];
    let outcome = run_files(&files).succeeded();
    assert_eq!(outcome.stdout, "1 b [Function: c] plain { n: 7 }\n");
}

#[test]
fn places_stay_those_of_the_file() {
    let types = "interface A {\n  a: string;\n}\n";
    fails(
        &[("app.ts", &format!("{types}const a: A | null = null as A | null;\nconsole.log(a!.a);"))],
        // The engine's position in JavaScript, too: the start of the expression.
        "app.ts:5:13: TypeError: cannot read property 'a' of null",
    );
    fails(
        &[
            ("app.ts", "import { f } from './f.ts';\nf<number>(1);"),
            ("f.ts", "export function f<T>(n: T): never { throw new Error(`${n}`); }"),
        ],
        "/f.ts:1:56: Error: 1",
    );
}

/// Constructs with a meaning at run time are not types.
#[test]
fn what_would_have_to_be_translated_is_told_with_its_place() {
    let said = |what: &str| {
        format!("TypeScript {what} is not supported: types are left out, and this would have to be translated")
    };
    for (text, place, what) in [
        ("let a = 1;\nenum Color { Red }", "2:1", "enum"),
        ("namespace A { export const a = 1; }", "1:1", "namespace declaration"),
        ("class A {\n  constructor(private a: number) {}\n}", "2:23", "parameter property"),
    ] {
        fails(&[("app.ts", text)], &format!("app.ts:{place}: SyntaxError: {}", said(what)));
        fails(
            &[("app.js", "import './lib.ts';"), ("lib.ts", text)],
            &format!("/lib.ts:{place}: SyntaxError: {}", said(what)),
        );
    }
}

#[test]
fn mistakes_are_told_with_their_places() {
    let outcome = run_files(&[("app.ts", "let a: number = 1;\nlet b: = 2;")]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr.starts_with("app.ts:2:8: SyntaxError: Unexpected token `=`."), "{outcome}");
    fails(&[("app.ts", "let a: number = ;")], "app.ts:1:17: SyntaxError: Expression expected");
    let outcome =
        run_files(&[("app.ts", &format!("let a: number = {}1{};", "(".repeat(100_000), ")".repeat(100_000)))]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert_eq!(outcome.stderr, "app.ts: the script nests or calls too deeply: its stack is full\n");
}
