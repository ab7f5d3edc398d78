//! Events of devices: their loss, and errors that no scope caught.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;

use rquickjs::{Ctx, Function, Value};

use crate::bindings::wasi::webgpu::webgpu::GpuDevice;
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
