//! Order of the layers on Linux. Each is tested before the next is applied: behind a later layer, a test would prove
//! nothing.

use std::{collections::BTreeSet, path::Path};

use super::{
    capabilities, descriptors, files,
    layer::{Family, Layer},
    limits, namespaces, root, seccomp,
    trial::Held,
};

/// Applies and tests all layers. Files in `folder` may be removed; `memory` is the quota of GPU memory in bytes.
pub fn enter(folder: Option<&Path>, memory: u64, mut layers: Vec<(Layer, Held)>) -> Vec<(Layer, Held)> {
    layers.push((Layer::NoNewPrivileges, capabilities::no_new_privileges()));
    layers.push((Layer::MinimalRoot, root::enter(&files::needed(folder))));
    layers.push((Layer::Capabilities, capabilities::drop_all()));
    layers.push((Layer::Limits, limits::set(memory)));
    let files = files::restrict(folder);
    layers.push((Layer::LandlockFiles, files.files));
    layers.push((Layer::LandlockTcp, files.tcp));
    layers.push((Layer::LandlockScope, files.scope));
    layers.push((Layer::Seccomp, seccomp::start()));
    layers
}

/// See [`super::prepare`].
pub fn prepare(keep: &[i32]) -> Vec<(Layer, Held)> {
    let descriptors = descriptors::close_all_but(keep);
    let streams = descriptors::none_leads_to_a_file();
    let (user, network) = namespaces::leave();
    vec![
        (Layer::Descriptors, descriptors),
        (Layer::StandardStreams, streams),
        (Layer::UserNamespace, user),
        (Layer::NetworkNamespace, network),
    ]
}

/// See [`super::has_gpu`].
pub fn has_gpu() -> bool {
    files::has_gpu()
}

/// Narrows the seccomp filter of all threads.
pub fn narrow(families: &BTreeSet<Family>, memory: u64) -> Held {
    if families.iter().all(|&family| family == Family::MesaSoftware) {
        limits::set_memory(memory)?;
    }
    seccomp::narrow(families)
}
