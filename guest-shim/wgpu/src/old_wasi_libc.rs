//! Functions that std refers to and that the wasi-libc of 2022, Debian 12's, lacks. A component has one thread:
//! creating another fails with `EAGAIN`, and the rest is never called.
#![expect(unsafe_code, reason = "defines symbols of the C library")]

/// `EAGAIN` of wasi-libc.
const NO_RESOURCES: i32 = 6;

#[unsafe(no_mangle)]
extern "C" fn pthread_create(_: i32, _: i32, _: i32, _: i32) -> i32 {
    NO_RESOURCES
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_init(_: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_destroy(_: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_attr_setstacksize(_: i32, _: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_detach(_: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn pthread_join(_: i32, _: i32) -> i32 {
    0
}
