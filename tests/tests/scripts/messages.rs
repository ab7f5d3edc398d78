//! Messages for what goes wrong before and around a script: imports, JSON, values that are thrown, sizes.

use std::fs;

use airlock_tests::{
    programs::{airlock, run},
    scratch,
};

use super::{fails, run_text};

/// A value that is no error is shown as the console shows it.
#[test]
fn thrown_values_are_shown() {
    fails(&[], "throw null", 1, "app.js: uncaught null");
    fails(&[], "throw { code: 7 }", 1, "app.js: uncaught { code: 7 }");
    fails(&[], "Promise.reject(undefined)", 1, "app.js: uncaught undefined");
}

/// An import that fails names its place, in the main script and in a module.
#[test]
fn imports_that_fail_have_a_place() {
    fails(&["--dir", ".::/here"], "\n import './nope.js';", 1, &missing("app.js:2:9", "/here/nope.js"));
    let folder = scratch();
    fs::write(folder.path().join("app.js"), "import './part.js';").expect("the script");
    fs::write(folder.path().join("part.js"), "export const one = 1;\nexport * from \"../gone/part.js\";").expect("it");
    let mut command = airlock(["run", "--dir", ".::/here/inner", "app.js"]);
    command.current_dir(folder.path());
    let outcome = run(command);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(
        outcome.stderr.starts_with("/here/inner/part.js:2:15: TypeError: cannot read /here/gone/part.js: "),
        "{outcome}"
    );
    fails(
        &[],
        "import 'left-pad';",
        1,
        "app.js:1:8: TypeError: cannot import \"left-pad\": app.js lies in none of the folders open to it; give one with \
         airlock run --dir FOLDER",
    );
}

fn missing(place: &str, path: &str) -> String {
    format!("{place}: TypeError: cannot read {path}: there is no such file or folder")
}

/// JSON is data: an expression in it is an error, not code.
#[test]
fn json_modules_are_not_evaluated() {
    let folder = scratch();
    let script =
        "import data from './data.json' with { type: 'json' }; console.log(data.__proto__, Object.keys(data));";
    fs::write(folder.path().join("app.js"), script).expect("the script");
    let with = |json: &str| {
        fs::write(folder.path().join("data.json"), json).expect("the data");
        let mut command = airlock(["run", "--dir", ".::/here", "app.js"]);
        command.current_dir(folder.path());
        run(command)
    };
    assert_eq!(with(r#"{ "__proto__": 3 }"#).succeeded().stdout, "3 ['__proto__']\n");
    for (json, place) in [("console.log('evaluated')", "1:1"), ("[1,]", "1:4"), ("{\n  \"a\": \n}", "3:1")] {
        let outcome = with(json);
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stderr.starts_with(&format!("/here/data.json:{place}: ")), "{outcome}");
        assert!(outcome.stderr.contains(": SyntaxError: ") && outcome.stdout.is_empty(), "{outcome}");
    }
}

/// More bytes than a component may pass to one call: the runtime splits mappings and writes.
#[test]
fn large_uploads_are_split() {
    let text = "const device = await (await navigator.gpu.requestAdapter()).requestDevice();
        const size = 160 << 20;
        const buffer = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST, mappedAtCreation: true });
        buffer.getMappedRange();
        buffer.unmap();
        const data = new Uint8Array(size);
        device.queue.writeBuffer(buffer, 0, data);
        const texture = device.createTexture({ size: [8192, 5120], format: 'rgba8unorm', usage: GPUTextureUsage.COPY_DST });
        device.queue.writeTexture({ texture }, data, { bytesPerRow: 32768 }, [8192, 5120]);
        await device.queue.onSubmittedWorkDone();
        device.pushErrorScope('validation');
        device.queue.writeBuffer(buffer, 4, data);
        console.log((await device.popErrorScope()).constructor.name);";
    let outcome = run_text(&["--adapter=noop"], text).succeeded();
    assert_eq!(outcome.stdout, "GPUValidationError\n");
    assert_eq!(outcome.stderr, "", "{outcome}");
}

/// A script that keeps every object gets an exception before the host's limit of handles ends it.
#[test]
fn too_many_objects_are_an_exception() {
    let text = "const device = await (await navigator.gpu.requestAdapter()).requestDevice();
        const held = [];
        try { for (;;) held.push(device.createSampler()); } catch (error) { console.log(error.name, held.length > 90000); }
        held.length = 0;
        const promises = Array.from({ length: 60000 }, () => device.queue.onSubmittedWorkDone());
        console.log((await Promise.allSettled(promises)).at(-1).reason.name);
        for (;;) held.push(device.createSampler());";
    let outcome = run_text(&["--adapter=noop"], text);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert_eq!(outcome.stdout, "RangeError true\nRangeError\n", "{outcome}");
    let expected =
        "app.js:7:35: RangeError: a script may hold 95000 objects of WebGPU; a pending promise counts as two\n";
    assert_eq!(outcome.stderr, expected, "{outcome}");
}
