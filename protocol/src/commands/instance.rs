//! `GPU`: finding adapters.

use airlock_protocol_derive::{command, wire};

use crate::ids::{AdapterId, RequestId};

/// `GPU.requestAdapter`. Answered by [`Event::AdapterReply`](crate::Event::AdapterReply).
#[command(effect = Create, makes = adapter, reply = AdapterReply)]
#[derive(Clone, Debug, PartialEq)]
pub struct RequestAdapter<'a> {
    /// The answer's number.
    pub request: RequestId,
    /// The id that the adapter gets when there is one.
    pub adapter: AdapterId,
    /// What the guest prefers.
    pub power_preference: Option<PowerPreference>,
    /// The guest asks for a software adapter.
    pub force_fallback_adapter: bool,
    /// What the person who started the host chose; it comes before the guest's preferences.
    pub selector: AdapterSelector<'a>,
}

/// Lists every adapter. Answered by [`Event::AdapterList`](crate::Event::AdapterList).
#[command(effect = Query, reply = AdapterList)]
#[derive(Clone, Debug, PartialEq)]
pub struct ListAdapters {
    /// The answer's number.
    pub request: RequestId,
}

/// Which adapters a session may use.
#[wire]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum AdapterSelector<'a> {
    /// Any; the guest's preferences decide.
    #[default]
    Any,
    /// The one with this index in [`ListAdapters`]' order.
    Index(u32),
    /// The first whose name contains this, case ignored.
    Name(&'a str),
    /// wgpu's noop backend, which executes nothing.
    Noop,
}

/// `GPUPowerPreference`.
#[wire]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum PowerPreference {
    LowPower,
    HighPerformance,
}
