//! Noticing that the device is gone.
//!
//! A call on a lost device does nothing and says nothing; only the `lost` future and the failure of a wait tell. So
//! every wait of this guest races with the future.

use std::future::{Future, IntoFuture, pending};
use std::pin::Pin;

use guest_support::gpu::{GpuDevice, GpuDeviceLostInfo};
use guest_support::tasks::{First, race, sleep_ms};
use guest_support::{Failure, Outcome, errln};

/// The exit code that says "the device was lost".
const LOST: u8 = 3;
/// How long after a failed wait the news of the loss may still arrive.
const GRACE_MS: u64 = 2000;

pub struct LossWatch {
    lost: Pin<Box<dyn Future<Output = GpuDeviceLostInfo>>>,
}

impl LossWatch {
    /// Watches a device, or nothing.
    pub fn new(device: Option<&GpuDevice>) -> LossWatch {
        match device {
            Some(device) => LossWatch { lost: Box::pin(device.lost().into_future()) },
            None => LossWatch { lost: Box::pin(pending()) },
        }
    }

    /// Does the work, unless the device is lost before it is done.
    pub async fn over<T>(&mut self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let failure = match race(self.lost.as_mut(), work).await {
            First::Left(info) => return Err(lost(&info)),
            First::Right(Ok(value)) => return Ok(value),
            First::Right(Err(failure)) => failure,
        };
        // A map that fails is often the first sign of a loss: the reason follows, or it was another failure.
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
