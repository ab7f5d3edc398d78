//! Whether a thread blocks, as the system says it.

use std::{fs, thread, time::Duration};

/// The number of the calling thread.
pub fn this_thread() -> String {
    fs::read_link("/proc/thread-self").unwrap().file_name().unwrap().to_string_lossy().into_owned()
}

/// Whether a thread of this process sleeps, and goes on sleeping while it is looked at.
pub fn sleeps(thread: &str) -> bool {
    (0..20).all(|_| {
        thread::sleep(Duration::from_millis(1));
        let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('S'))
    })
}

/// Waits until a thread blocks.
pub fn until_it_sleeps(thread: &str) {
    while !sleeps(thread) {
        thread::yield_now();
    }
}
