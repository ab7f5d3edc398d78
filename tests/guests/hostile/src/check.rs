//! Checks of a section: the expected and the found result.

use std::fmt::Debug;

use guest_support::errors::describe;
use guest_support::gpu::*;
use guest_support::{Gpu, Outcome, fail, outln};

const ALL: [GpuErrorFilter; 3] = [GpuErrorFilter::Validation, GpuErrorFilter::OutOfMemory, GpuErrorFilter::Internal];

/// Counts failed checks.
#[derive(Default)]
pub struct Check {
    checks: u32,
    failed: u32,
}

impl Check {
    pub fn that(&mut self, what: &str, holds: bool) {
        self.checks += 1;
        if !holds {
            self.failed += 1;
            outln!("  {what}: does not hold");
        }
    }

    pub fn same<T: PartialEq + Debug>(&mut self, what: &str, found: T, expected: T) {
        self.that(&format!("{what}: expected {expected:?}, found {found:?}"), found == expected);
    }

    /// Checks that the call causes a validation error in the device's innermost scope.
    pub async fn refused<T>(&mut self, gpu: &Gpu, what: &str, call: impl FnOnce() -> T) -> T {
        self.caught(gpu, GpuErrorFilter::Validation, what, call).await
    }

    /// Like [`Check::refused`], for an error of another kind.
    pub async fn caught<T>(&mut self, gpu: &Gpu, filter: GpuErrorFilter, what: &str, call: impl FnOnce() -> T) -> T {
        gpu.device.push_error_scope(filter);
        let value = call();
        self.expect_error(gpu, filter, what).await;
        value
    }

    async fn expect_error(&mut self, gpu: &Gpu, filter: GpuErrorFilter, what: &str) {
        match gpu.device.pop_error_scope().await {
            Ok(Some(error)) => self.that(&format!("{what}: a message"), !error.message().is_empty()),
            Ok(None) => self.that(&format!("{what}: expected a {filter:?} error, found none"), false),
            Err(error) => self.that(&format!("{what}: {}", error.message), false),
        }
    }

    /// Checks that the call causes no error of any kind.
    pub async fn fine<T>(&mut self, gpu: &Gpu, what: &str, call: impl FnOnce() -> T) -> T {
        ALL.iter().for_each(|filter| gpu.device.push_error_scope(*filter));
        let value = call();
        self.expect_none(gpu, what).await;
        value
    }

    async fn expect_none(&mut self, gpu: &Gpu, what: &str) {
        for _ in ALL {
            match gpu.device.pop_error_scope().await {
                Ok(None) => self.checks += 1,
                Ok(Some(error)) => self.that(&format!("{what}: expected no error, found {}", describe(&error)), false),
                Err(error) => self.that(&format!("{what}: {}", error.message), false),
            }
        }
    }

    pub fn end(self, section: &str) -> Outcome {
        let Check { checks, failed } = self;
        if failed > 0 {
            fail!("{section}: {failed} of {checks} checks failed");
        }
        outln!("ok: {section}, {checks} checks");
        Ok(())
    }
}
