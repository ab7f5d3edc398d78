//! Detection of a lost device.
//!
//! A call on a lost device has no effect and reports nothing; only the `lost` future and the failure of a wait do. So every
//! wait of this guest races with the future.

use std::future::{Future, IntoFuture, pending};
use std::pin::Pin;

use guest_support::gpu::{GpuDevice, GpuDeviceLostInfo};
use guest_support::tasks::{First, race, sleep_ms};
use guest_support::{Failure, Outcome, errln};

/// The exit code for a lost device.
const LOST: u8 = 3;
/// The time limit in milliseconds for the report of a loss after a failed wait.
const GRACE_MS: u64 = 2000;

pub struct LossWatch {
    lost: Pin<Box<dyn Future<Output = GpuDeviceLostInfo>>>,
}

impl LossWatch {
    /// Watches a device, or nothing if it is `None`.
    pub fn new(device: Option<&GpuDevice>) -> LossWatch {
        match device {
            Some(device) => LossWatch { lost: Box::pin(device.lost().into_future()) },
            None => LossWatch { lost: Box::pin(pending()) },
        }
    }

    /// Runs the work, unless the device is lost before it completes.
    pub async fn over<T>(&mut self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let failure = match race(self.lost.as_mut(), work).await {
            First::Left(info) => return Err(lost(&info)),
            First::Right(Ok(value)) => return Ok(value),
            First::Right(Err(failure)) => failure,
        };
        // A failed map often precedes the report of a loss; without one, the failure is returned.
        match race(self.lost.as_mut(), sleep_ms(GRACE_MS)).await {
            First::Left(info) => Err(lost(&info)),
            First::Right(()) => Err(failure),
        }
    }
}

fn lost(info: &GpuDeviceLostInfo) -> Failure {
    errln!("device lost: {}", info.message());
    Failure::silent(LOST)
}
