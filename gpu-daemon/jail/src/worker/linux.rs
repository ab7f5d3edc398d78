//! Order of the layers on Linux. Each is tested before the next is applied: behind a later layer, a test would prove
//! nothing.

use std::{collections::BTreeSet, path::Path};

use super::{
    cache, descriptors, files,
    layer::{Family, Layer},
    limits, namespaces,
    plan::{Entered, Plan},
    root, seccomp,
};
use crate::{capabilities, trial::Held};

/// Applies and tests all layers of the plan.
pub fn enter(plan: &Plan) -> Entered {
    let folder = plan.folder.as_deref();
    let mut layers = plan.prepared.0.clone();
    layers.push((Layer::NoNewPrivileges, capabilities::no_new_privileges()));
    let mut mounted = None;
    let root = root::enter(&files::needed(folder), |root| mounted = plan.cache.map(|size| cache::mount(root, size)));
    // Without a root of its own, the worker could create files only in the machine's file systems.
    let mut cache =
        plan.cache.map(|_| root.clone().and_then(|()| mounted.unwrap_or_else(|| Err("it was not made".to_owned()))));
    layers.push((Layer::MinimalRoot, root));
    layers.push((Layer::Capabilities, capabilities::drop_all()));
    layers.push((Layer::Limits, limits::set(plan.memory)));
    let admitted = cache.as_ref().is_some_and(Result::is_ok);
    let files = files::restrict(folder, admitted.then_some(Path::new(cache::FOLDER)));
    // The folder admits files and folders only, and no other place admits any.
    let confined = if admitted { cache::nothing_gets_out() } else { Ok(()) };
    layers.push((Layer::LandlockFiles, files.files.and(confined)));
    layers.push((Layer::LandlockTcp, files.tcp));
    layers.push((Layer::LandlockScope, files.scope));
    layers.push((Layer::Seccomp, seccomp::start(admitted)));
    if let (Some(Ok(())), Some(size)) = (&cache, plan.cache) {
        cache = Some(cache::holds(size));
    }
    Entered { layers, cache: cache.map(|held| held.map(|()| cache::FOLDER.into())) }
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
pub fn narrow(families: &BTreeSet<Family>, memory: u64, cache: bool) -> Held {
    if families.iter().all(|&family| family == Family::MesaSoftware) {
        limits::set_memory(memory)?;
    }
    seccomp::narrow(families, cache)
}
