//! `GPU`: finding adapters.

use airlock_protocol_derive::{command, wire};

use crate::ids::{AdapterId, RequestId};

/// `GPU.requestAdapter`. The reply is [`Event::AdapterReply`](crate::Event::AdapterReply).
#[command(effect = Create, makes = adapter, reply = AdapterReply)]
#[derive(Clone, Debug, PartialEq)]
pub struct RequestAdapter<'a> {
    pub request: RequestId,
    /// The id of the adapter, if the request succeeds.
    pub adapter: AdapterId,
    pub power_preference: Option<PowerPreference>,
    /// The guest requests a software adapter.
    pub force_fallback_adapter: bool,
    /// The operator's choice, from the host's command line. It takes precedence over the guest's preferences.
    pub selector: AdapterSelector<'a>,
}

/// Lists all adapters. The reply is [`Event::AdapterList`](crate::Event::AdapterList).
#[command(effect = Query, reply = AdapterList)]
#[derive(Clone, Debug, PartialEq)]
pub struct ListAdapters {
    pub request: RequestId,
}

/// Which adapters a session may use.
#[wire]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum AdapterSelector<'a> {
    /// Any adapter; the guest's preferences decide.
    #[default]
    Any,
    /// The adapter with this index in [`ListAdapters`]' order.
    Index(u32),
    /// The first adapter whose name contains this text, case ignored.
    Name(&'a str),
    /// wgpu's noop backend, which executes nothing.
    Noop,
}

/// `GPUPowerPreference`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerPreference {
    LowPower,
    HighPerformance,
}
