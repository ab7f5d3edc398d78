//! `GPU`: the request for an adapter.

use std::sync::Arc;

use airlock_protocol::{
    commands::instance::{PowerPreference, RequestAdapter},
    ids::AdapterId,
};

use crate::{
    adapter::Adapter,
    client::Client,
    session::{AdapterReply, Gone, Wait},
};

/// WGSL language features that naga 30 implements (`naga::front::wgsl::ImplementedLanguageExtension`; WebGPU,
/// WGSLLanguageFeatures). They are the daemon's, and known without a request because client and daemon are of one
/// release.
pub const WGSL_LANGUAGE_FEATURES: [&str; 3] =
    ["readonly_and_readwrite_storage_textures", "packed_4x8_integer_dot_product", "pointer_composite_access"];

/// `GPURequestAdapterOptions`. The feature level is not among them: see [`is_feature_level`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestAdapterOptions {
    /// The preferred kind of adapter.
    pub power_preference: Option<PowerPreference>,
    /// Requires a software adapter. False by default.
    pub force_fallback_adapter: Option<bool>,
}

/// True for a valid feature level. For any other there is no adapter (WebGPU, "feature level string").
pub fn is_feature_level(level: &str) -> bool {
    matches!(level, "core" | "compatibility")
}

/// A requested adapter.
#[derive(Debug)]
pub struct RequestedAdapter {
    session: u32,
    id: AdapterId,
}

/// The completion of `requestAdapter`, from the daemon's reply.
pub type AdapterWait = Wait<AdapterReply>;

impl Client {
    /// `GPU.requestAdapter`, of the current session; `None` without a session, or with too many pending requests.
    pub fn request_adapter(&mut self, options: RequestAdapterOptions) -> Option<(AdapterWait, RequestedAdapter)> {
        // Cloned because the session is borrowed from the client.
        let choice = self.adapter.clone();
        let session = self.current()?;
        let (id, request, wait) = session.request_object()?;
        session.send(RequestAdapter {
            request,
            adapter: id,
            power_preference: options.power_preference,
            force_fallback_adapter: options.force_fallback_adapter.unwrap_or(false),
            selector: choice.selector(),
        });
        session.flush();
        let number = session.number();
        self.requested();
        Some((wait, RequestedAdapter { session: number, id }))
    }
}

impl RequestedAdapter {
    /// The adapter, once the reply has arrived; `None` when there is no adapter.
    pub fn finish(self, client: &mut Client, reply: Result<AdapterReply, Gone>) -> Option<Adapter> {
        let Self { session, id } = self;
        match reply {
            Ok(Ok(capabilities)) => Some(Adapter::new(session, id, Arc::from(capabilities))),
            Ok(Err(reason)) => {
                tracing::warn!("no adapter: {reason}");
                // The daemon has no object for the id: it is free without a drop.
                client.reclaim(session, id);
                None
            }
            Err(Gone) => None,
        }
    }
}
