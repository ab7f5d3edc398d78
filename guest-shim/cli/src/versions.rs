//! Versions of the interfaces and the runtime, for messages.

/// Supported version of `wasi:webgpu`.
pub const WEBGPU_VERSION: &str = "0.3.0-rc.2";

/// An earlier version with the same structure, which guests may import instead.
pub const WEBGPU_ALIAS: &str = "0.2.0-rc.2";

/// The version before them, which deployed guests import, together with `wasi:surface` and its companions of the same version.
pub const WEBGPU_DEPLOYED: &str = "0.0.1";

/// All of them, the preferred one first.
pub const WEBGPU_VERSIONS: [&str; 3] = [WEBGPU_VERSION, WEBGPU_ALIAS, WEBGPU_DEPLOYED];

/// The major version of wasmtime that this program is built with; a test compares it with the manifest.
pub const WASMTIME_VERSION: &str = "48";
