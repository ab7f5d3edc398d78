//! Answers to the kubelet's calls.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{
    api::{
        self, AllocateRequest, AllocateResponse, Answer, CdiDevice, ContainerAllocateRequest,
        ContainerAllocateResponse, ContainerPreferredAllocationRequest, ContainerPreferredAllocationResponse, Device,
        DevicePluginOptions, Empty, HEALTHY, HttpRequest, ListAndWatchResponse, PreStartContainerRequest,
        PreferredAllocationRequest, PreferredAllocationResponse, UNHEALTHY, paths,
    },
    health::{Devices, State},
};

/// Upper bound of the containers in one call; a pod has a few.
const MAX_CONTAINERS: usize = 1024;
/// Maximum number of ids in one list: the daemon's limit of claims.
const MAX_IDS: usize = 4096;
/// Devices of one container: `AIRLOCK_DAEMON` names one socket. The claim's quota limits its sessions.
const MAX_DEVICES_OF_A_CONTAINER: usize = 1;

/// The plugin's options.
pub const OPTIONS: DevicePluginOptions =
    DevicePluginOptions { pre_start_required: true, get_preferred_allocation_available: true };

/// The service.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// The latest devices.
    pub devices: watch::Receiver<Arc<Devices>>,
    /// Becomes true, or closes, when streams must end.
    pub stop: watch::Receiver<bool>,
}

impl Plugin {
    /// Answers a call; `None` if its path names no method.
    pub fn answer(&self, request: HttpRequest) -> Option<Answer> {
        let devices = Arc::clone(&self.devices.borrow());
        Some(match request.uri().path() {
            paths::OPTIONS => api::answer(request, |Empty {}| Ok(OPTIONS)),
            paths::LIST_AND_WATCH => {
                let plugin = self.clone();
                api::answer_streaming(request, move |Empty {}| plugin.clone().list())
            }
            paths::PREFERRED => api::answer(request, move |request| preferred(&devices, &request)),
            paths::ALLOCATE => api::answer(request, move |request| allocate(&devices, &request)),
            paths::PRE_START => api::answer(request, move |request| pre_start(&devices, &request)),
            _ => return None,
        })
    }

    /// Streams the list of devices, again after each change. The queue holds one list; changes while it is full become one.
    fn list(mut self) -> ReceiverStream<Result<ListAndWatchResponse, Status>> {
        let (sender, stream) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let Ok(permit) = sender.reserve().await else { return };
                permit.send(Ok(listed(&self.devices.borrow_and_update())));
                tokio::select! {
                    changed = self.devices.changed() => if changed.is_err() { return },
                    _ = self.stop.wait_for(|&stop| stop) => return,
                    () = sender.closed() => return,
                }
            }
        });
        ReceiverStream::new(stream)
    }
}

fn listed(devices: &Devices) -> ListAndWatchResponse {
    let device = |(id, state): (&String, &State)| {
        let health = if state.fault.is_none() { HEALTHY } else { UNHEALTHY };
        Device { id: id.clone(), health: health.to_owned() }
    };
    ListAndWatchResponse { devices: devices.devices.iter().map(device).collect() }
}

fn bounded<T>(containers: &[T]) -> Result<&[T], Status> {
    if containers.len() > MAX_CONTAINERS {
        let count = containers.len();
        return Err(Status::invalid_argument(format!("{count} containers are more than {MAX_CONTAINERS}")));
    }
    Ok(containers)
}

/// Checks a list of ids: bounded, known, without repetition.
fn known<'a>(devices: &Devices, ids: &'a [String]) -> Result<HashSet<&'a str>, Status> {
    if ids.len() > MAX_IDS {
        return Err(Status::invalid_argument(format!("{} devices are more than {MAX_IDS}", ids.len())));
    }
    let mut set = HashSet::new();
    for id in ids {
        if !devices.devices.contains_key(id) {
            let id: String = id.chars().take(api::MAX_ID).collect();
            return Err(Status::not_found(format!("there is no device {id:?}")));
        }
        if !set.insert(id.as_str()) {
            return Err(Status::invalid_argument(format!("the device {id} is there twice")));
        }
    }
    Ok(set)
}

fn allocate(devices: &Devices, request: &AllocateRequest) -> Result<AllocateResponse, Status> {
    let mut all = HashSet::new();
    let mut one = |container: &ContainerAllocateRequest| -> Result<_, Status> {
        let ids = &container.devices_ids;
        let set = known(devices, ids)?;
        if set.len() > MAX_DEVICES_OF_A_CONTAINER {
            let text =
                format!("a container has one device, and {} are asked for: give its claim more sessions", set.len());
            return Err(Status::invalid_argument(text));
        }
        if let Some(id) = set.iter().find(|id| !all.insert((**id).to_owned())) {
            return Err(Status::invalid_argument(format!("two containers have the device {id}")));
        }
        let device = |id: &String| CdiDevice { name: format!("{}={id}", devices.kind) };
        let cdi_devices = ids.iter().map(device).collect();
        Ok(ContainerAllocateResponse { cdi_devices, ..ContainerAllocateResponse::default() })
    };
    let responses = bounded(&request.container_requests)?.iter().map(&mut one).collect::<Result<_, Status>>();
    match &responses {
        Ok(_) => tracing::info!(containers = request.container_requests.len(), devices = ?all, "devices are allocated"),
        Err(error) => tracing::warn!("devices are not allocated: {}", error.message()),
    }
    Ok(AllocateResponse { container_responses: responses? })
}

fn preferred(devices: &Devices, request: &PreferredAllocationRequest) -> Result<PreferredAllocationResponse, Status> {
    let one = |container: &ContainerPreferredAllocationRequest| -> Result<_, Status> {
        let available = known(devices, &container.available_device_ids)?;
        let wanted = known(devices, &container.must_include_device_ids)?;
        let size = usize::try_from(container.allocation_size).ok();
        let fits = |size: &usize| (wanted.len()..=available.len()).contains(size);
        let size = size.filter(fits).filter(|_| wanted.is_subset(&available)).ok_or_else(|| {
            let (size, available, wanted) = (container.allocation_size, available.len(), wanted.len());
            Status::invalid_argument(format!("no {size} of {available} devices include all of the {wanted} required"))
        })?;
        let mut ids: Vec<&str> = available.into_iter().collect();
        let state =
            |id: &str| devices.devices.get(id).map_or((true, 0), |state| (state.fault.is_some(), state.crashes));
        // Healthy devices with the fewest crashes first.
        ids.sort_by_key(|&id| (!wanted.contains(id), state(id), id));
        ids.truncate(size);
        Ok(ContainerPreferredAllocationResponse { device_ids: ids.into_iter().map(str::to_owned).collect() })
    };
    let responses = bounded(&request.container_requests)?.iter().map(one).collect::<Result<_, Status>>()?;
    Ok(PreferredAllocationResponse { container_responses: responses })
}

/// Rejects the start of a container with an unhealthy device; its engine retries, with growing pauses.
fn pre_start(devices: &Devices, request: &PreStartContainerRequest) -> Result<Empty, Status> {
    for id in known(devices, &request.devices_ids)? {
        if let Some(fault) = devices.devices.get(id).and_then(|state| state.fault) {
            return Err(Status::unavailable(format!("the device {id} is unhealthy: {fault}")));
        }
    }
    Ok(Empty {})
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::health::Fault;

    fn devices() -> Devices {
        let state = |fault, crashes| State { fault, crashes };
        let devices = [
            ("a", state(None, 2)),
            ("b", state(None, 0)),
            ("c", state(Some(Fault::Crashes), 9)),
            ("d", state(None, 0)),
        ];
        let devices = devices.map(|(name, state)| (name.to_owned(), state)).into();
        Devices { kind: "airlock.dev/session".to_owned(), devices }
    }

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn each_container_has_one_known_device_of_its_own() {
        let allocated = |containers: &[&[&str]]| {
            let container = |list: &&[&str]| ContainerAllocateRequest { devices_ids: ids(list) };
            let request = AllocateRequest { container_requests: containers.iter().map(container).collect() };
            allocate(&devices(), &request).map_err(|status| status.code())
        };
        let names = |response: AllocateResponse| {
            let names =
                |container: ContainerAllocateResponse| container.cdi_devices.into_iter().map(|device| device.name);
            response.container_responses.into_iter().map(|one| names(one).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let expected = vec![vec!["airlock.dev/session=a".to_owned()], vec![], vec!["airlock.dev/session=b".to_owned()]];
        assert_eq!(allocated(&[&["a"], &[], &["b"]]).map(names), Ok(expected));
        for (request, code) in [
            (&[&["x"][..]][..], Code::NotFound),
            (&[&["a", "b"]], Code::InvalidArgument),
            (&[&["a", "a"]], Code::InvalidArgument),
            (&[&["a"], &["a"]], Code::InvalidArgument),
            (&[&[][..]; MAX_CONTAINERS + 1], Code::InvalidArgument),
            (&[&["a"; MAX_IDS + 1][..]], Code::InvalidArgument),
        ] {
            assert_eq!(allocated(request), Err(code));
        }
    }

    #[test]
    fn the_calmest_devices_are_preferred() {
        let chosen = |available: &[&str], wanted: &[&str], allocation_size| {
            let request = ContainerPreferredAllocationRequest {
                available_device_ids: ids(available),
                must_include_device_ids: ids(wanted),
                allocation_size,
            };
            let request = PreferredAllocationRequest { container_requests: vec![request] };
            let response = preferred(&devices(), &request).map_err(|status| status.code())?;
            Ok(response.container_responses[0].device_ids.clone())
        };
        assert_eq!(chosen(&["c", "a", "d", "b"], &[], 3), Ok(ids(&["b", "d", "a"])));
        assert_eq!(chosen(&["c", "a", "b"], &["c"], 2), Ok(ids(&["c", "b"])));
        assert_eq!(chosen(&["a"], &[], 0), Ok(vec![]));
        for (available, wanted, size, code) in [
            (&["a"][..], &[][..], 2, Code::InvalidArgument),
            (&["a"], &[], -1, Code::InvalidArgument),
            (&["a"], &["b"], 1, Code::InvalidArgument),
            (&["a", "b"], &["a", "b"], 1, Code::InvalidArgument),
            (&["a", "x"], &[], 1, Code::NotFound),
        ] {
            assert_eq!(chosen(available, wanted, size), Err(code));
        }
    }

    #[test]
    fn no_container_starts_with_an_unhealthy_device() {
        let start = |list: &[&str]| {
            pre_start(&devices(), &PreStartContainerRequest { devices_ids: ids(list) }).map_err(|status| status.code())
        };
        assert_eq!(start(&["a"]), Ok(Empty {}));
        assert_eq!(start(&["c"]), Err(Code::Unavailable));
        assert_eq!(start(&["x"]), Err(Code::NotFound));
    }
}
