//! Arguments for the broker about the guest's shader cache. The broker keeps it: neither this process nor a guest that has
//! escaped into it can reach the cache.

use std::{ffi::OsStr, path::Path};

use airlock_protocol::size::Size;
use clap::Args;

/// Options for the shader cache of a worker of one's own. `gpu-daemon serve` has options of its own.
#[derive(Debug, Args)]
pub struct ShaderCacheOptions {
    /// Keep no compiled shaders for the guest's next run, and use none
    #[arg(long)]
    no_shader_cache: bool,
    /// Disk space for compiled shaders, of all guests together [default: 256M]
    #[arg(long, value_name = "SIZE")]
    shader_cache_size: Option<Size>,
}

impl ShaderCacheOptions {
    /// The broker's arguments for a guest's file. A path that is not UTF-8 has no cache.
    pub fn to_arguments(&self, guest: &Path) -> Vec<String> {
        if self.no_shader_cache {
            return vec!["--no-shader-cache".to_owned()];
        }
        let guest = OsStr::to_str(guest.as_os_str()).map(|guest| format!("--guest={guest}"));
        let size = self.shader_cache_size.map(|size| format!("--shader-cache-size={size}"));
        guest.into_iter().chain(size).collect()
    }
}
