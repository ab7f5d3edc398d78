//! The device plugin before a kubelet of the test's own, with a `gpu-daemon serve` behind it.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
};

use airlock_device_plugin::api::{
    self, AllocateRequest, AllocateResponse, ContainerAllocateRequest, ContainerPreferredAllocationRequest,
    DevicePluginOptions, Empty, KUBELET_SOCKET, ListAndWatchResponse, Methods, PreStartContainerRequest,
    PreferredAllocationRequest, PreferredAllocationResponse, RegisterRequest, VERSION, paths,
};
use airlock_protocol::handshake::Hello;
use airlock_tests::{
    processes::{runs, served_by, wait_until},
    programs::{LIMIT, Running, Serve, command, run, signal},
    scratch,
};
use rustix::process::Signal;
use tokio::{
    net::UnixListener,
    runtime::{Builder, Runtime},
    sync::mpsc,
    time::timeout,
};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};

/// A kubelet as far as plugins see it: it removes their sockets when it starts, and takes registrations.
struct Kubelet {
    folder: PathBuf,
    runtime: Runtime,
    registrations: mpsc::UnboundedReceiver<RegisterRequest>,
}

impl Kubelet {
    fn start(folder: &Path) -> Self {
        for entry in fs::read_dir(folder).expect("the folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("a socket");
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (sender, registrations) = mpsc::unbounded_channel();
        let socket = folder.join(KUBELET_SOCKET);
        runtime.block_on(async {
            let listener = UnixListener::bind(&socket).expect("the kubelet's socket");
            let service = Methods(move |request: api::HttpRequest| {
                let sender = sender.clone();
                let register = move |request| {
                    sender.send(request).expect("the test takes it");
                    Ok(Empty {})
                };
                (request.uri().path() == paths::REGISTER).then(|| api::answer(request, register))
            });
            tokio::spawn(Server::builder().serve_with_incoming(service, UnixListenerStream::new(listener)));
        });
        Self { folder: folder.to_owned(), runtime, registrations }
    }

    /// Waits for a registration, and connects to the plugin.
    fn registration(&mut self) -> (RegisterRequest, Channel) {
        let next = async { timeout(LIMIT, self.registrations.recv()).await };
        let request = self.runtime.block_on(next).expect("a registration in time").expect("a registration");
        assert!(!request.endpoint.contains('/'), "{request:?}");
        let path = self.folder.join(&request.endpoint);
        assert_eq!(fs::metadata(&path).expect("the plugin's socket").permissions().mode() & 0o777, 0o600);
        let endpoint = Endpoint::from_shared(format!("unix://{}", path.display())).expect("an address");
        let channel = self.runtime.block_on(endpoint.connect()).expect("the plugin is there when it registers");
        (request, channel)
    }

    fn call<Q, A>(&self, plugin: &Channel, path: &'static str, request: Q) -> Result<A, Status>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let call = async { timeout(LIMIT, api::call(plugin.clone(), path, request)).await };
        self.runtime.block_on(call).expect("an answer in time")
    }

    fn list(&self, plugin: &Channel) -> Streaming<ListAndWatchResponse> {
        let call = api::call_streaming(plugin.clone(), paths::LIST_AND_WATCH, Empty {});
        self.runtime.block_on(call).expect("a list")
    }

    /// The next list, as the health of each device; `None` at the stream's end.
    fn next(&self, list: &mut Streaming<ListAndWatchResponse>) -> Option<BTreeMap<String, bool>> {
        let next = async { timeout(LIMIT, list.message()).await };
        let response = self.runtime.block_on(next).expect("a list in time").ok().flatten()?;
        Some(response.devices.into_iter().map(|device| (device.id, device.health == api::HEALTHY)).collect())
    }

    /// Reads lists until one has these healthy devices and these others.
    fn until(&self, list: &mut Streaming<ListAndWatchResponse>, healthy: &[&str], others: &[&str]) {
        let states = |names: &[&str], state| names.iter().map(|name| ((*name).to_owned(), state)).collect::<Vec<_>>();
        let expected: BTreeMap<_, _> = states(healthy, true).into_iter().chain(states(others, false)).collect();
        while self.next(list).expect("a list") != expected {}
    }
}

/// A daemon with claims a, b and c, its CDI file, and a plugin.
struct Node {
    daemon: Serve,
    plugin: Running,
    folder: tempfile::TempDir,
}

impl Node {
    fn start(arguments: &[&str]) -> Self {
        let folder = scratch();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (claims, metrics) = (format!("--claims={}", path("claims")), format!("--metrics=unix:{}", path("metrics")));
        let daemon = Serve::start(&[&claims, "--claim=a", "--claim=b", "--claim=c", &metrics, "--crash-limit=0"]);
        let mut cdi = command("gpu-daemon");
        cdi.args(["cdi", &claims, "--output", &path("cdi.json")]);
        run(cdi).succeeded();
        fs::create_dir(folder.path().join("kubelet")).expect("the kubelet's folder");
        let mut plugin = command("airlock-device-plugin");
        plugin.arg("--cdi").arg(path("cdi.json")).arg(metrics).arg("--kubelet").arg(path("kubelet")).args(arguments);
        Self { daemon, plugin: Running::start(plugin), folder }
    }

    fn kubelet(&self) -> Kubelet {
        Kubelet::start(&self.folder.path().join("kubelet"))
    }

    /// Starts a session of a claim and ends its worker as a crash of its driver does.
    fn crash(&self, claim: &str) {
        let socket = self.folder.path().join("claims").join(claim).join("gpu.sock");
        let connection = UnixStream::connect(socket).expect("the claim's socket");
        let mut line = String::new();
        BufReader::new(&connection).read_line(&mut line).expect("the daemon's line");
        assert!(Hello::check(&line).is_ok(), "{line}");
        let workers = served_by(self.daemon.id());
        for &worker in &workers {
            signal(worker, Signal::ABORT);
        }
        wait_until("the workers' end", LIMIT, || !workers.iter().any(|&worker| runs(worker)));
    }
}

fn containers(devices: &[&[&str]]) -> AllocateRequest {
    let ids = |ids: &&[&str]| ContainerAllocateRequest { devices_ids: ids.iter().map(|&id| id.to_owned()).collect() };
    AllocateRequest { container_requests: devices.iter().map(ids).collect() }
}

#[test]
fn claims_are_devices_and_the_kubelet_may_restart() {
    // It waits for a kubelet that is not there yet.
    let node = Node::start(&[]);
    let mut kubelet = node.kubelet();
    let (request, plugin) = kubelet.registration();
    assert_eq!((&*request.version, &*request.resource_name), (VERSION, "airlock.dev/session"));
    let options: DevicePluginOptions = kubelet.call(&plugin, paths::OPTIONS, Empty {}).expect("options");
    assert_eq!(request.options, Some(options));
    assert!(options.pre_start_required && options.get_preferred_allocation_available);
    let mut list = kubelet.list(&plugin);
    kubelet.until(&mut list, &["a", "b", "c"], &[]);

    let available = ContainerPreferredAllocationRequest {
        available_device_ids: ["c", "b", "a"].map(str::to_owned).into(),
        must_include_device_ids: vec!["c".to_owned()],
        allocation_size: 2,
    };
    let request = PreferredAllocationRequest { container_requests: vec![available] };
    let preferred: PreferredAllocationResponse = kubelet.call(&plugin, paths::PREFERRED, request).expect("a choice");
    assert_eq!(preferred.container_responses[0].device_ids, ["c", "a"]);

    // What is allocated is a device of the CDI file, and nothing else.
    let allocated: AllocateResponse = kubelet.call(&plugin, paths::ALLOCATE, containers(&[&["b"], &[]])).expect("b");
    let [with, without] = &*allocated.container_responses else { panic!("{allocated:?}") };
    assert!(with.envs.is_empty() && with.annotations.is_empty() && without.cdi_devices.is_empty());
    assert_eq!(with.cdi_devices.iter().map(|device| &*device.name).collect::<Vec<_>>(), ["airlock.dev/session=b"]);
    let start = |id: &str| PreStartContainerRequest { devices_ids: vec![id.to_owned()] };
    let _: Empty = kubelet.call(&plugin, paths::PRE_START, start("b")).expect("b is healthy");

    // Bad input is refused, and the stream goes on.
    let refused = |path, request| {
        let answer: Result<AllocateResponse, _> = kubelet.call(&plugin, path, request);
        answer.expect_err("it is refused").code()
    };
    assert_eq!(refused(paths::ALLOCATE, containers(&[&["none"]])), Code::NotFound);
    assert_eq!(refused(paths::ALLOCATE, containers(&[&["a", "b"]])), Code::InvalidArgument);
    assert_eq!(refused(paths::ALLOCATE, containers(&[&["a"], &["a"]])), Code::InvalidArgument);
    assert_eq!(refused(paths::ALLOCATE, containers(&[&[&*"x".repeat(2 << 20)]])), Code::OutOfRange);
    assert_eq!(refused("/v1beta1.DevicePlugin/Other", containers(&[])), Code::Unimplemented);
    fs::remove_file(node.folder.path().join("claims/c/gpu.sock")).expect("the socket of c");
    kubelet.until(&mut list, &["a", "b"], &["c"]);

    // A kubelet starts anew, and then only the plugin's socket is gone.
    drop(kubelet);
    let mut kubelet = node.kubelet();
    let (request, plugin) = kubelet.registration();
    let mut list = kubelet.list(&plugin);
    kubelet.until(&mut list, &["a", "b"], &["c"]);
    let socket = node.folder.path().join("kubelet").join(&request.endpoint);
    fs::remove_file(&socket).expect("the plugin's socket");
    let (_, plugin) = kubelet.registration();
    while kubelet.next(&mut list).is_some() {}
    kubelet.until(&mut kubelet.list(&plugin), &["a", "b"], &["c"]);

    signal(node.plugin.id(), Signal::TERM);
    let Node { plugin, .. } = node;
    plugin.finish().succeeded();
    assert!(!socket.exists());
}

#[test]
fn a_storm_of_crashes_makes_devices_unhealthy_until_it_is_over() {
    let node = Node::start(&["--crash-limit=3", "--crash-window=5", "--storm-claims=2", "--daemon-timeout=3"]);
    let mut kubelet = node.kubelet();
    let (_, plugin) = kubelet.registration();
    let mut list = kubelet.list(&plugin);
    kubelet.until(&mut list, &["a", "b", "c"], &[]);
    let start = |id: &str| PreStartContainerRequest { devices_ids: vec![id.to_owned()] };
    let starts = |id: &str| kubelet.call::<_, Empty>(&plugin, paths::PRE_START, start(id)).is_ok();

    // A tenant's crashes are its own.
    wait_until("unhealthy device", LIMIT, || {
        node.crash("a");
        !starts("a")
    });
    assert!(starts("b") && starts("c"));
    kubelet.until(&mut list, &["b", "c"], &["a"]);
    // Those of several claims are the node's.
    wait_until("unhealthy node", LIMIT, || {
        node.crash("a");
        node.crash("b");
        !starts("c")
    });
    kubelet.until(&mut list, &[], &["a", "b", "c"]);
    kubelet.until(&mut list, &["a", "b", "c"], &[]);

    let Node { mut daemon, .. } = node;
    daemon.terminate();
    kubelet.until(&mut list, &[], &["a", "b", "c"]);
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    for (arguments, part) in [
        (&["--metrics=9464"][..], "not an address"),
        (&["--metrics=unix:/m", "--resource=session"], "not a resource"),
        (&["--metrics=unix:/m", "--crash-limit=0"], "--crash-limit"),
    ] {
        let mut plugin = command("airlock-device-plugin");
        plugin.args(arguments);
        let outcome = run(plugin);
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(outcome.stderr.contains(part), "{outcome}");
    }
}
