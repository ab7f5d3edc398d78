//! Flush of gathered commands before each wait of a guest.
//!
//! Commands gather until a submit or a request to the daemon. A guest can wait for their effects without either: on an open
//! stream of uncaptured errors, or on `lost`. Such a wait is no call of a host function; the host only sees that the guest's
//! task is pending.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use wasmtime::{
    AsContextMut as _,
    component::{Accessor, HasData},
};

use crate::WasiWebGpuCtxView;

/// Awaits a call of the guest, and flushes gathered commands at each poll. wasmtime polls the call whenever the guest's tasks
/// have run as far as they can.
///
/// ```ignore
/// store
///     .run_concurrent(async |accessor| {
///         let call = command.wasi_cli_run().call_run(accessor);
///         airlock::send_while_waiting(accessor, State::webgpu, call).await
///     })
///     .await
/// ```
pub async fn send_while_waiting<T, D, R>(
    accessor: &Accessor<T, D>,
    view: fn(&mut T) -> WasiWebGpuCtxView<'_>,
    call: impl Future<Output = R>,
) -> R
where
    T: Send + 'static,
    D: HasData + ?Sized,
{
    let mut call = pin!(call);
    poll_fn(|context| {
        let polled = call.as_mut().poll(context);
        if polled.is_pending() {
            accessor.with(|mut access| view(access.as_context_mut().data_mut()).ctx.client.send_gathered());
        }
        polled
    })
    .await
}
