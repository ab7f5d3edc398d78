//! Panic guard of the shader compiler: returns panics as values.
//!
//! naga panics on shaders that it should reject. A panic ends a worker, and a worker's end counts as a crash; so naga
//! runs here first, alone, before wgpu-core runs it again while it holds locks. A shader that panics here never reaches
//! wgpu-core.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; the error is the text of its panic. Panics outside are reported as before.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install();
    let before = GUARDED.replace(true);
    // State that `work` leaves inconsistent is dropped with it.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
    })
}

/// Keeps the report of a guarded panic off standard error, where it would look like a panic of the worker.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                tracing::debug!("the shader compiler panics: {info}");
            } else {
                report(info);
            }
        }));
    });
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(guarded(|| 3), Ok(3));
        let panics = |text: &'static str| guarded(move || if text.is_empty() { 0 } else { panic!("{text}") });
        assert_eq!(panics("the reason"), Err("the reason".to_owned()));
        assert_eq!(guarded(|| std::panic::panic_any(7)), Err::<(), _>("no reason given".to_owned()));
        assert_eq!(panics(""), Ok(0));
    }
}
