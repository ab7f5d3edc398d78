//! Events of devices: their loss, and errors that no scope caught. Mappings that the library waits for within a call.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;

use rquickjs::{Ctx, Function, Value};

use crate::bindings::wasi::webgpu::webgpu::{GpuBuffer, GpuDevice, GpuMapMode};
use crate::js::{self, Context, JSValue, Owned};
use crate::{objects, pending};

/// The typed binding of a device, over the handle of the script's object.
fn device(value: &Value<'_>) -> Option<ManuallyDrop<GpuDevice>> {
    let handle = objects::handle(value.as_raw(), objects::number("gpu-device"))?;
    // SAFETY: the handle is a device's, and remains the object's: this binding is never dropped.
    Some(ManuallyDrop::new(unsafe { GpuDevice::from_handle(handle) }))
}

/// A function of the library that host events call.
struct Callback {
    ctx: Context,
    function: Owned,
}

impl Callback {
    fn new(ctx: &Ctx<'_>, function: &Function<'_>) -> Callback {
        let ctx = ctx.as_raw().as_ptr();
        Callback { ctx, function: Owned(ctx, js::dup(ctx, function.as_raw())) }
    }

    /// Calls the function with one object, whose reference it takes.
    fn call(&self, object: JSValue) {
        let object = Owned(self.ctx, object);
        pending::called();
        if let Err(js::Thrown) = js::call(self.ctx, self.function.1, js::UNDEFINED, &mut [object.1]) {
            crate::engine::fail_pending(self.ctx);
        }
    }
}

pub fn on_lost<'js>(ctx: &Ctx<'js>, value: &Value<'js>, tell: &Function<'js>) {
    let Some(device) = device(value) else { return };
    let lost = device.lost();
    let callback = Callback::new(ctx, tell);
    pending::add_background(async move {
        let info = lost.await;
        callback.call(objects::wrap(callback.ctx, objects::number("gpu-device-lost-info"), info.take_handle()));
    });
}

pub fn on_uncaptured<'js>(ctx: &Ctx<'js>, value: &Value<'js>, tell: &Function<'js>) {
    let Some(device) = device(value) else { return };
    let mut errors = device.on_uncaptured_error();
    let callback = Callback::new(ctx, tell);
    pending::add_background(async move {
        while let Some(error) = errors.next().await {
            callback.call(objects::wrap(callback.ctx, objects::number("gpu-error"), error.take_handle()));
        }
    });
}

/// Maps a buffer for reading, and blocks the script until it is mapped: a canvas's pixels are the result of functions that
/// return no promise. The task of `run` is async, and so it may wait.
pub fn map_now(value: &Value<'_>) -> Result<(), String> {
    let handle = objects::handle(value.as_raw(), objects::number("gpu-buffer")).ok_or("not a GPUBuffer")?;
    // SAFETY: the handle is a buffer's, and remains the object's: this binding is never dropped.
    let buffer = ManuallyDrop::new(unsafe { GpuBuffer::from_handle(handle) });
    wit_bindgen::block_on(async move { buffer.map_async(GpuMapMode::READ, None, None).await })
        .map_err(|error| error.message)
}
