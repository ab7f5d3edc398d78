//! Open descriptors of this process.

use std::fs;

use crate::trial::because;

/// Number of the last standard stream.
pub const LAST_STANDARD: i32 = 2;

/// Lists the open descriptors, except the one that reading the list needs.
pub fn open() -> Result<Vec<i32>, String> {
    let failed = |error| because("/proc/self/fd cannot be read", error);
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    // The folder's own descriptor is closed by now, and drops out.
    found.retain(|descriptor| fs::symlink_metadata(format!("/proc/self/fd/{descriptor}")).is_ok());
    Ok(found)
}
