//! `gpu-error` and error scopes: nesting, filters, the empty stack, and the stream of errors that no scope caught.

use guest_support::gpu::*;
use guest_support::tasks::{First, race, sleep_ms};
use guest_support::{Failure, Gpu, Outcome};

use crate::check::{Check, check_error, plain_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("error").await?;
    scopes(check, &gpu).await?;
    uncaptured(check, &gpu).await
}

/// Raises a validation error, on a labelled buffer.
fn mistake(gpu: &Gpu) {
    gpu.buffer("mistake", 4, GpuBufferUsage::empty());
}

async fn pop(gpu: &Gpu) -> Outcome<Option<GpuError>> {
    gpu.device.pop_error_scope().await.map_err(|error| Failure::new(error.message))
}

/// Pops a scope, and checks whether it caught an error.
async fn popped(check: &mut Check, gpu: &Gpu, what: &str, caught: bool) -> Outcome {
    check.same(what, pop(gpu).await?.is_some(), caught);
    Ok(())
}

async fn scopes(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    use PopErrorScopeErrorKind::OperationError;
    check_error!(check, "no scope to pop", device.pop_error_scope().await, OperationError);

    // The innermost scope with a matching filter catches the error.
    device.push_error_scope(GpuErrorFilter::Validation);
    device.push_error_scope(GpuErrorFilter::OutOfMemory);
    device.push_error_scope(GpuErrorFilter::Internal);
    mistake(gpu);
    popped(check, gpu, "not an internal error", false).await?;
    popped(check, gpu, "not out of memory", false).await?;
    let error = pop(gpu).await?;
    match error {
        None => check.fail("the validation scope caught nothing"),
        Some(error) => {
            check.that("its kind", matches!(error.kind(), GpuErrorKind::ValidationError));
            check.that("its message", !error.message().is_empty());
            check.same("its message, asked twice", error.message(), error.message());
        }
    }

    device.push_error_scope(GpuErrorFilter::Validation);
    mistake(gpu);
    device.push_error_scope(GpuErrorFilter::Validation);
    popped(check, gpu, "the inner scope is clean", false).await?;
    popped(check, gpu, "the outer one is not", true).await?;

    device.push_error_scope(GpuErrorFilter::Validation);
    device.push_error_scope(GpuErrorFilter::Validation);
    mistake(gpu);
    mistake(gpu);
    popped(check, gpu, "the inner scope caught it", true).await?;
    popped(check, gpu, "the outer one did not", false).await?;
    check_error!(check, "the stack is empty again", device.pop_error_scope().await, OperationError);

    // Scopes belong to one device.
    let other = plain_device("other").await?;
    device.push_error_scope(GpuErrorFilter::Validation);
    check_error!(check, "another device's stack", other.device.pop_error_scope().await, OperationError);
    mistake(&other);
    popped(check, gpu, "another device's error", false).await?;
    Ok(())
}

async fn uncaptured(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let mut stream = device.on_uncaptured_error();
    check.invalid(device, "a caught error", || mistake(gpu)).await;
    device.push_error_scope(GpuErrorFilter::OutOfMemory);
    gpu.buffer("uncaptured", 8, GpuBufferUsage::empty());
    let _ = device.pop_error_scope().await;

    let first = {
        let mut next = std::pin::pin!(stream.next());
        match race(next.as_mut(), sleep_ms(5000)).await {
            First::Left(error) => error,
            First::Right(()) => None,
        }
    };
    match first {
        None => check.fail("the stream brings nothing"),
        Some(error) => {
            check.that("the stream's error", matches!(error.kind(), GpuErrorKind::ValidationError));
            check.that("its message", !error.message().is_empty());
        }
    }
    // The caught error never arrives on the stream.
    let second = {
        let mut next = std::pin::pin!(stream.next());
        match race(next.as_mut(), sleep_ms(50)).await {
            First::Left(error) => error.is_some(),
            First::Right(()) => false,
        }
    };
    check.that("one error was not caught, one came", !second);
    Ok(())
}
