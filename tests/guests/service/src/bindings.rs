//! Bindings of `wasi:http@0.3.0`, generated from the excerpt beside the guests.

wit_bindgen::generate!({
    inline: "
        package airlock:services;

        world service {
            import wasi:http/types@0.3.0;
            export wasi:http/handler@0.3.0;
        }
    ",
    path: ["../wit/deps/clocks", "../wit/deps/http"],
    world: "service",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "guest_service::bindings",
});
