//! Deadlines: an operation that takes too long ends its own session, and the client is told which deadline has passed.
//!
//! The tests need an adapter. On a machine without a GPU, lavapipe provides one (Debian and Ubuntu:
//! mesa-vulkan-drivers).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

mod limited;

use std::{
    fmt::Write,
    io::IoSlice,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use airlock_protocol::{
    Event,
    commands::{
        adapter::RequestDevice,
        binding::{BindGroupEntry, BindingResource, CreateBindGroup},
        buffer::BufferUsage,
        command_encoder::{CreateCommandEncoder, FinishCommandEncoder},
        compute_pass::{
            BeginComputePass, ComputePassSetBindGroup, ComputePassSetPipeline, DispatchWorkgroups, EndComputePass,
        },
        instance::{AdapterSelector, RequestAdapter},
        pipeline::{CreateComputePipeline, GetBindGroupLayout, PipelineId, ProgrammableStage},
        queue::{OnSubmittedWorkDone, Submit},
        session::{DropObject, ReportStats},
        shader::CreateShaderModule,
    },
    ids::{
        AdapterId, BindGroupId, BindGroupLayoutId, BufferId, CommandBufferId, CommandEncoderId, ComputePassId,
        ComputePipelineId, Object, ShaderModuleId,
    },
};
use gpu_daemon::status::End;
use limited::{Client, DEVICE};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
};

/// Waits for a word that is never written. llvmpipe aborts a loop after 65535 iterations, hence the many workgroups.
const ENDLESS: &str = "
    @group(0) @binding(0) var<storage, read_write> words: array<atomic<u32>>;
    @compute @workgroup_size(1) fn main() {
        loop { if (atomicLoad(&words[0]) == 1u) { break; } }
        atomicStore(&words[1], 1u);
    }";
/// Workgroups of that shader.
const ENDLESSLY: u32 = 65535;
/// Writes one word without a wait.
const SHORT: &str = "
    @group(0) @binding(0) var<storage, read_write> words: array<atomic<u32>>;
    @compute @workgroup_size(1) fn main() { atomicStore(&words[1], 7u); }";

impl Client {
    fn prepare(&mut self, code: &str) {
        let (module, pipeline) = (ShaderModuleId(0), ComputePipelineId(0));
        self.push(CreateShaderModule { device: DEVICE, module, label: "", code });
        let compute = ProgrammableStage { module, entry_point: None, constants: vec![] };
        self.push(CreateComputePipeline { device: DEVICE, pipeline, request: None, label: "", layout: None, compute });
        let (layout, bind_group) = (BindGroupLayoutId(0), BindGroupId(0));
        self.push(GetBindGroupLayout { pipeline: PipelineId::Compute(pipeline), index: 0, layout });
        let buffer = self.create_buffer(0, 16, BufferUsage::STORAGE);
        let resource = BindingResource::Buffer { buffer, offset: 0, size: None };
        let entries = vec![BindGroupEntry { binding: 0, resource }];
        self.push(CreateBindGroup { device: DEVICE, bind_group, label: "", layout, entries });
    }

    /// Dispatches `x` times `x` workgroups.
    fn dispatch(&mut self, x: u32) {
        let (encoder, command_buffer, pass) = (CommandEncoderId(0), CommandBufferId(0), ComputePassId(0));
        self.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        self.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
        self.push(ComputePassSetPipeline { pass, pipeline: ComputePipelineId(0) });
        let bind_group = Some(BindGroupId(0));
        self.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
        self.push(DispatchWorkgroups { pass, x, y: x, z: 1 });
        self.push(EndComputePass { pass });
        self.push(DropObject { object: Object::ComputePass(pass) });
        self.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.push(DropObject { object: Object::CommandEncoder(encoder) });
        self.push(DropObject { object: Object::CommandBuffer(command_buffer) });
    }
}

/// A concurrent session that must not be affected.
struct Bystander(Client);

impl Bystander {
    fn new() -> Self {
        let mut client = Client::real(&["--gpu-timeout=300"]);
        client.prepare(SHORT);
        Self(client)
    }

    fn works(&mut self) {
        self.0.dispatch(1);
        self.0.work_done();
    }
}

fn check(client: &mut Client, start: Instant, deadline: Duration, end: End, says: &[&str]) {
    let loss = client.loss();
    let took = start.elapsed();
    assert!(took >= deadline, "{took:?} {loss:?}");
    println!("{:?} for a deadline of {deadline:?}: {}", took, loss.closed);
    assert_eq!(client.exit(), Some(1));
    assert_eq!(client.end(), Some(end));
    assert_eq!(loss.lost.len(), 1, "{loss:?}");
    for text in says {
        assert!(loss.lost[0].contains(text) && loss.closed.contains(text), "{loss:?}");
    }
}

#[test]
fn a_dispatch_that_never_ends_loses_the_device() {
    let mut bystander = Bystander::new();
    let mut client = Client::real(&["--gpu-timeout=0.5"]);
    client.prepare(ENDLESS);
    client.dispatch(ENDLESSLY);
    let start = Instant::now();
    client.flush();
    bystander.works();
    check(&mut client, start, Duration::from_millis(500), End::GpuDeadline, &["on the GPU", "0.5 s (--gpu-timeout)"]);
    bystander.works();
}

#[test]
fn an_endless_dispatch_that_is_waited_for_loses_the_device() {
    let mut client = Client::real(&["--gpu-timeout=0.5"]);
    client.prepare(ENDLESS);
    client.dispatch(ENDLESSLY);
    let request = client.request();
    client.push(OnSubmittedWorkDone { request, device: DEVICE });
    let start = Instant::now();
    client.flush();
    // Pending requests have their replies before the loss is reported.
    client.expect(|event| matches!(event, Event::WorkDone { request: of } if of == request).then_some(()));
    check(&mut client, start, Duration::from_millis(500), End::GpuDeadline, &["0.5 s (--gpu-timeout)"]);
}

#[test]
fn a_flood_behind_an_endless_dispatch_is_the_gpus_fault() {
    // The queue fills up, in the driver or by the quota, and the executor blocks on it.
    for options in [["--gpu-timeout=0.5", "--max-queue-depth=1024"], ["--gpu-timeout=0.5", "--max-queue-depth=3"]] {
        let mut client = Client::real(&options);
        client.prepare(ENDLESS);
        let start = Instant::now();
        for _ in 0..300 {
            client.dispatch(ENDLESSLY);
        }
        client.flush();
        check(&mut client, start, Duration::from_millis(500), End::GpuDeadline, &["0.5 s (--gpu-timeout)"]);
    }
}

#[test]
fn dropping_all_with_an_endless_dispatch_ends_by_the_deadline() {
    let mut client = Client::real(&["--gpu-timeout=0.5"]);
    client.prepare(ENDLESS);
    client.dispatch(ENDLESSLY);
    // wgpu waits for the queue when the device's last handle is dropped.
    client.push(DropObject { object: Object::ShaderModule(ShaderModuleId(0)) });
    client.push(DropObject { object: Object::ComputePipeline(ComputePipelineId(0)) });
    client.push(DropObject { object: Object::BindGroupLayout(BindGroupLayoutId(0)) });
    client.push(DropObject { object: Object::BindGroup(BindGroupId(0)) });
    client.push(DropObject { object: Object::Buffer(BufferId(0)) });
    client.push(DropObject { object: Object::Device(DEVICE) });
    client.flush();
    let loss = client.loss();
    // The client has dropped the device, so no loss is reported.
    assert!(loss.lost.is_empty() && loss.closed.contains("0.5 s (--gpu-timeout)"), "{loss:?}");
    assert_eq!((client.exit(), client.end()), (Some(1), Some(End::GpuDeadline)));
}

#[test]
fn many_short_submits_are_no_hang() {
    let mut client = Client::real(&["--gpu-timeout=1", "--client-timeout=1"]);
    client.prepare(SHORT);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1800) {
        for _ in 0..100 {
            client.dispatch(1);
        }
        client.work_done();
    }
    // An idle client is not stuck: here the time itself must pass.
    thread::sleep(Duration::from_millis(1800));
    client.dispatch(1);
    client.work_done();
}

#[test]
fn a_compilation_that_takes_too_long_loses_the_device() {
    let mut client = Client::noop(&["--compile-timeout=0.3"]);
    let code = slow_to_compile();
    client.push(CreateShaderModule { device: DEVICE, module: ShaderModuleId(0), label: "", code: &code });
    let start = Instant::now();
    client.flush();
    let says = ["compilation", "0.3 s (--compile-timeout)"];
    check(&mut client, start, Duration::from_millis(300), End::CompileDeadline, &says);
}

#[test]
fn a_pipeline_that_the_driver_compiles_for_too_long_loses_the_device() {
    let mut bystander = Bystander::new();
    let mut client = Client::real(&["--compile-timeout=0.5"]);
    // llvmpipe takes minutes to compile it.
    let code = format!(
        "@group(0) @binding(0) var<storage, read_write> words: array<u32>;
        @compute @workgroup_size(1) fn main() {{
            var table = array({}1u);
            words[0] = table[words[1]];
        }}",
        "1u,".repeat(16_000)
    );
    client.prepare(&code);
    let start = Instant::now();
    client.flush();
    bystander.works();
    let says = ["compilation", "0.5 s (--compile-timeout)"];
    check(&mut client, start, Duration::from_millis(500), End::CompileDeadline, &says);
    bystander.works();
}

/// WGSL that takes long to compile.
fn slow_to_compile() -> String {
    let mut code = String::new();
    for n in 0..400 {
        let _ = writeln!(code, "fn f{n}(a: vec4f) -> vec4f {{ var b = a;");
        for m in 0..100 {
            let _ = writeln!(code, "b = sin(b) * cos(b.wzyx) + tan(a.xxyy) / {m}.5;");
        }
        let _ = writeln!(code, "return b; }}");
    }
    code
}

#[test]
fn a_command_that_takes_too_long_loses_the_device() {
    let mut client = Client::start(&["--command-timeout=0.1"]);
    // No command waits for a reply: on a busy machine it may be the first command that has no processor for so long.
    let (selector, power_preference, adapter) = (AdapterSelector::Noop, None, AdapterId(0));
    let request = client.request();
    client.push(RequestAdapter { request, adapter, power_preference, force_fallback_adapter: false, selector });
    let (request, required_features, required_limits) = (client.request(), vec![], vec![]);
    client.push(RequestDevice { request, adapter, device: DEVICE, label: "", required_features, required_limits });
    client.prepare(SHORT);
    let (encoder, command_buffer, pass) = (CommandEncoderId(0), CommandBufferId(0), ComputePassId(0));
    client.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
    client.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None });
    client.push(ComputePassSetPipeline { pass, pipeline: ComputePipelineId(0) });
    let bind_group = Some(BindGroupId(0));
    client.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets: vec![] });
    for _ in 0..1000 {
        for _ in 0..3000 {
            client.push(DispatchWorkgroups { pass, x: 1, y: 1, z: 1 });
        }
        client.flush();
    }
    client.push(EndComputePass { pass });
    // wgpu does all of the work within the command.
    client.push(FinishCommandEncoder { encoder, command_buffer, label: "" });
    client.flush();
    let loss = client.loss();
    assert!(loss.closed.contains("0.1 s (--command-timeout)"), "{loss:?}");
    let no_device_yet = ["command 0 ", "command 1 "].iter().any(|start| loss.closed.starts_with(start));
    assert!(no_device_yet || loss.lost == [loss.closed.as_str()], "{loss:?}");
    assert_eq!((client.exit(), client.end()), (Some(1), Some(End::CommandDeadline)));
}

#[test]
fn a_client_that_does_not_read_its_events_is_ended() {
    let mut client = Client::deaf(&["--client-timeout=2", "--command-timeout=1"]);
    for _ in 0..200_000 {
        let request = client.request();
        client.push(ReportStats { request });
    }
    let start = Instant::now();
    client.flush();
    assert_eq!(client.exit(), Some(1));
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    // Not the command's deadline, which is shorter.
    assert_eq!(client.end(), Some(End::ClientDeadline));
    // The events that fitted the socket arrive.
    client.listen();
    client.expect(|event| matches!(event, Event::Welcome).then_some(()));
}

#[test]
fn a_client_that_reads_slowly_is_not_ended() {
    let mut client = Client::deaf(&["--client-timeout=300", "--command-timeout=1"]);
    for _ in 0..50_000 {
        let request = client.request();
        client.push(ReportStats { request });
    }
    client.flush();
    client.status_when(|status| status.commands > 0);
    // The time itself must pass: more than a command may take, and less than a client may.
    thread::sleep(Duration::from_millis(2500));
    client.listen();
    let request = client.request();
    client.push(ReportStats { request });
    client.wait(|event| matches!(event, Event::Report { request: of, .. } if of == request).then_some(()));
}

#[test]
fn a_client_that_stops_in_a_batch_is_ended() {
    let mut client = Client::noop(&["--client-timeout=1"]);
    // Idle time does not count, so some must pass.
    thread::sleep(Duration::from_millis(1500));
    let start = Instant::now();
    let _rest = send_start_of_message(&client);
    check(&mut client, start, Duration::from_secs(1), End::ClientDeadline, &["batch", "1 s (--client-timeout)"]);
}

/// Sends the start of a message as ipc-channel does: the length of this piece with its header, the total length, data,
/// and the socket for the rest. Returns the other end of that socket.
#[allow(unsafe_code)]
fn send_start_of_message(client: &Client) -> OwnedFd {
    let text = format!("{:?}", client.batches);
    let number = text.split_once("OwnedFd { fd: ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    // SAFETY: the sender, which is borrowed here, owns this descriptor.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let piece = [&116_u64.to_le_bytes()[..], &100_000_u64.to_le_bytes(), &[0; 100]].concat();
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let rights = [theirs.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&rights)));
    sendmsg(socket, &[IoSlice::new(&piece)], &mut control, SendFlags::empty()).unwrap();
    ours
}

#[test]
fn the_counters_are_written() {
    let mut client = Client::real(&[]);
    client.prepare(SHORT);
    client.dispatch(1);
    client.work_done();
    // Counters are copied one by one, so that a copy may mix two moments.
    let status = client.status_when(|status| {
        let bytes = status.bytes_in > 100 && status.bytes_out > 100;
        (status.submits, status.gpu_memory) == (1, 16) && status.commands > 10 && status.batches > 1 && bytes
    });
    assert_eq!(status.end, 0);
}

#[test]
fn a_worker_whose_client_goes_says_so() {
    let mut client = Client::noop(&[]);
    client.hang_up();
    assert_eq!(client.exit(), Some(0));
    assert_eq!(client.end(), Some(End::Client));
}
