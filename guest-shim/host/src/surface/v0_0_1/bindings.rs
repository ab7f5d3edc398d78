//! The generated side of the interfaces. The types of events are not declared again.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    inline: "
        package wasi:surface@0.0.1;

        interface surface {
            use wasi:graphics-context/graphics-context@0.0.1.{context};
            use wasi:io/poll@0.2.0.{pollable};
            use wasi-gfx:surface/surface@0.2.0.{create-desc, resize-event, frame-event, pointer-event, key-event};

            resource surface {
                constructor(desc: create-desc);
                connect-graphics-context: func(context: borrow<context>);
                height: func() -> u32;
                width: func() -> u32;
                request-set-size: func(height: option<u32>, width: option<u32>);
                subscribe-resize: func() -> pollable;
                get-resize: func() -> option<resize-event>;
                subscribe-frame: func() -> pollable;
                get-frame: func() -> option<frame-event>;
                subscribe-pointer-up: func() -> pollable;
                get-pointer-up: func() -> option<pointer-event>;
                subscribe-pointer-down: func() -> pollable;
                get-pointer-down: func() -> option<pointer-event>;
                subscribe-pointer-move: func() -> pollable;
                get-pointer-move: func() -> option<pointer-event>;
                subscribe-key-up: func() -> pollable;
                get-key-up: func() -> option<key-event>;
                subscribe-key-down: func() -> pollable;
                get-key-down: func() -> option<key-event>;
            }
        }

        world imports {
            import surface;
            import wasi:frame-buffer/frame-buffer@0.0.1;
            import wasi:graphics-context/graphics-context@0.0.1;
        }
    ",
    path: [
        "../../wit",
        "../../wit/frame-buffer",
        "../../wit/surface",
        "../../wit/v0_0_1/io",
        "../../wit/v0_0_1/graphics-context",
        "../../wit/v0_0_1/frame-buffer",
    ],
    world: "wasi:surface/imports@0.0.1",
    require_store_data_send: true,
    imports: { default: trappable },
    with: {
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi-gfx:surface/surface": crate::surface::bindings::wasi_gfx::surface::surface,
        "wasi:surface/surface.surface": crate::surface::v0_0_1::resources::Surface,
        "wasi:frame-buffer/frame-buffer.device": crate::surface::v0_0_1::resources::FrameBufferDevice,
        "wasi:frame-buffer/frame-buffer.buffer": crate::surface::resources::FrameBuffer,
        "wasi:graphics-context/graphics-context.context": crate::surface::v0_0_1::resources::Context,
        "wasi:graphics-context/graphics-context.abstract-buffer": crate::surface::v0_0_1::resources::AbstractBuffer,
    },
});
