//! Typed bindings for WASI 0.3, and for the two functions of `wasi:webgpu` whose results are a future and a stream.

wit_bindgen::generate!({
    inline: "
        package airlock:js;

        world runtime {
            import wasi:webgpu/webgpu@0.3.0-rc.2;
            import wasi:cli/environment@0.3.0;
            import wasi:cli/exit@0.3.0;
            import wasi:cli/stdout@0.3.0;
            import wasi:cli/stderr@0.3.0;
            import wasi:clocks/monotonic-clock@0.3.0;
            import wasi:clocks/system-clock@0.3.0;
            import wasi:filesystem/types@0.3.0;
            import wasi:filesystem/preopens@0.3.0;
            import wasi:random/random@0.3.0;
            export wasi:cli/run@0.3.0;
        }
    ",
    path: [
        "../../../wit",
        "wit",
        "../../../tests/guests/wit/deps/clocks",
        "../../../tests/guests/wit/deps/filesystem",
        "../../../tests/guests/wit/deps/cli",
    ],
    world: "runtime",
    generate_all,
});
