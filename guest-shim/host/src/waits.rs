//! Each wait of a guest sends what it may wait for.
//!
//! Commands gather until a submit or a function that asks the daemon. A guest can wait for their effects otherwise, too: for
//! an open stream of uncaptured errors, for `lost`. The host does not see such a wait in any call; what it sees is that the
//! guest has nothing to do.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use wasmtime::{
    AsContextMut as _,
    component::{Accessor, HasData},
};

use crate::WasiWebGpuCtxView;

/// Awaits a call of the guest. wasmtime polls it whenever the guest's tasks have run as far as they can; the commands that
/// have gathered until then are sent.
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
