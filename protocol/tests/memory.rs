//! Memory bounds of decoding a peer's bytes, measured by a counting allocator.
//!
//! Whatever the bytes are, one command takes at most [`COMMAND`] bytes beside its batch, and one event at most [`EVENT`]
//! beside its bytes. Commands are decoded and dropped one after the other, so a batch takes no more.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use airlock_protocol::{
    Command, Event,
    codec::{BATCH_HEADER, BatchReader, decode_event, encode_command, encode_event},
    commands::{
        adapter::{Capabilities, FeatureName, LimitName, RequestDevice},
        binding::{BindGroupEntry, BindingResource, CreateBindGroup},
        pipeline::{
            CreateRenderPipeline, CullMode, FrontFace, MultisampleState, PrimitiveState, PrimitiveTopology,
            ProgrammableStage, VertexAttribute, VertexBufferLayout, VertexFormat, VertexStepMode,
        },
        render_pass::BeginRenderPass,
    },
    ids::*,
    limits::{MAX_BATCH, MAX_EVENT, MAX_LIST, MAX_LISTED_ADAPTERS, MAX_PIPELINE_LIST},
};

/// Maximum bytes of one command. The largest is a pipeline with the maximum number of vertex buffers and attributes: 16 bytes
/// for each of 2^20, which take 3 bytes each in the batch. Any single list takes less than 4 MiB.
const COMMAND: usize = 17 << 20;
/// Maximum bytes of one event: all the texts that fit, and their lists.
const EVENT: usize = 2 * MAX_EVENT;

struct Counting;

thread_local! {
    /// Allocated bytes of this thread, and their maximum.
    static NOW: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn count(add: usize, remove: usize) {
    // A thread that is ending has no cells any more, and is not counted.
    let _ = NOW.try_with(|now| {
        now.set((now.get() + add).saturating_sub(remove));
        let _ = MOST.try_with(|most| most.set(most.get().max(now.get())));
    });
}

// SAFETY: every call is forwarded unchanged to the system's allocator, whose guarantees hold; the counting touches only
// cells of this thread, which need no allocation, and never the allocated memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's obligations are the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller got `memory` with this layout from `alloc` or `realloc`, and so from the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both blocks may exist for a moment.
        count(size, 0);
        count(0, layout.size());
        // SAFETY: as in `dealloc`; `size` is the caller's, and so are the obligations for it.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Peak memory of `work` beyond the memory in use before.
fn peak(work: impl FnOnce()) -> usize {
    let before = NOW.get();
    MOST.set(before);
    work();
    MOST.get().saturating_sub(before)
}

/// A batch of these bytes as commands, with the maximum number of commands in its header.
fn batch(mut commands: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(commands.len()).unwrap();
    let header = [&0_u64.to_le_bytes()[..], &length.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
    assert_eq!(header.len(), BATCH_HEADER);
    commands.splice(0..0, header);
    commands
}

/// Reads up to the first error; returns the number of valid commands.
fn read(batch: &[u8]) -> usize {
    let mut reader = BatchReader::new(batch, 0).unwrap();
    let mut read = 0;
    while let Ok(Some(_)) = reader.next() {
        read += 1;
    }
    read
}

/// A length as bincode writes it.
fn length(elements: u32) -> [u8; 5] {
    let [a, b, c, d] = elements.to_le_bytes();
    [252, a, b, c, d]
}

/// The lengths to try: beyond all bounds, and each bound itself and one more.
fn lengths(of: usize) -> Vec<u32> {
    let mut lengths = vec![u32::MAX, u32::try_from(of).unwrap() - 64];
    for bound in [MAX_LIST, MAX_PIPELINE_LIST, MAX_LISTED_ADAPTERS] {
        lengths.extend([bound as u32, bound as u32 + 1]);
    }
    lengths
}

/// A list of any length at any place of any command and any event, followed by the maximum number of bytes, which read as
/// absent or as present elements: covers every current and future list.
#[test]
fn a_length_anywhere_costs_no_more_than_the_bound() {
    let mut costliest = (0, String::new());
    for fill in [0, 1] {
        let mut bytes = batch(vec![fill; MAX_BATCH - BATCH_HEADER]);
        for (number, name) in Command::NAMES.iter().enumerate() {
            for place in 1..14 {
                for length in lengths(MAX_BATCH).into_iter().map(length) {
                    let at = BATCH_HEADER + place;
                    bytes[BATCH_HEADER] = number as u8;
                    bytes[at..at + 5].copy_from_slice(&length);
                    // One command: all those after it are `RequestAdapter` or `ListAdapters`.
                    let mut reader = BatchReader::new(&bytes, 0).unwrap();
                    let cost = peak(|| drop(reader.next()));
                    assert!(cost <= COMMAND, "{name} with {length:?} at {place}: {cost} bytes");
                    costliest = costliest.max((cost, format!("{name}, {length:?} at {place}")));
                    bytes[BATCH_HEADER + 1..at + 5].fill(fill);
                }
            }
        }
        let mut bytes = vec![fill; MAX_EVENT];
        for number in 0..Event::KINDS {
            for place in 1..14 {
                for length in lengths(MAX_EVENT).into_iter().map(length) {
                    bytes[0] = number as u8;
                    bytes[place..place + 5].copy_from_slice(&length);
                    let cost = peak(|| drop(decode_event(&bytes)));
                    assert!(cost <= EVENT, "event {number} with {length:?} at {place}: {cost} bytes");
                    bytes[1..place + 5].fill(fill);
                }
            }
        }
    }
    println!("the costliest command: {costliest:?}");
}

#[test]
fn a_list_at_its_bound_is_read_and_one_above_is_not() {
    let mut bytes = Vec::new();
    let mut check = |command: Command<'_>, fits: bool| {
        bytes.clear();
        encode_command(&command, &mut bytes).unwrap();
        assert_eq!(read(&batch(bytes.clone())), usize::from(fits), "{} of {} bytes", command.name(), bytes.len());
    };
    for more in [0, 1] {
        let color_attachments = vec![None; MAX_LIST + more];
        let (encoder, pass, label) = (CommandEncoderId(1), RenderPassId(2), "");
        let command = BeginRenderPass {
            encoder,
            pass,
            label,
            color_attachments,
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
        };
        check(command.into(), more == 0);
        let resource = BindingResource::Sampler(SamplerId(1));
        let entries = vec![BindGroupEntry { binding: 1, resource }; MAX_LIST + more];
        let (device, bind_group, layout) = (DeviceId(0), BindGroupId(1), BindGroupLayoutId(2));
        check(CreateBindGroup { device, bind_group, label, layout, entries }.into(), more == 0);
        let required_limits = vec![(LimitName::MaxBufferSize, 1); MAX_LIST + more];
        let (request, adapter, required_features) = (RequestId(1), AdapterId(0), vec![]);
        let command = RequestDevice { request, adapter, device, label, required_features, required_limits };
        check(command.into(), more == 0);
        check(pipeline(MAX_PIPELINE_LIST + more, 1).into(), more == 0);
        check(pipeline(1, MAX_PIPELINE_LIST + more).into(), more == 0);
    }
}

fn pipeline(buffers: usize, attributes: usize) -> CreateRenderPipeline<'static> {
    let attribute = VertexAttribute { format: VertexFormat::Uint8, offset: 0, shader_location: 0 };
    let (array_stride, step_mode, attributes) = (0, VertexStepMode::Vertex, vec![attribute; attributes]);
    let layout = VertexBufferLayout { array_stride, step_mode, attributes };
    CreateRenderPipeline {
        device: DeviceId(0),
        pipeline: RenderPipelineId(0),
        request: None,
        label: "",
        layout: None,
        vertex: ProgrammableStage { module: ShaderModuleId(0), entry_point: None, constants: vec![] },
        vertex_buffers: vec![Some(layout); buffers],
        primitive: PrimitiveState {
            topology: PrimitiveTopology::TriangleList,
            strip_index_format: None,
            front_face: FrontFace::Ccw,
            cull_mode: CullMode::None,
            unclipped_depth: false,
        },
        depth_stencil: None,
        multisample: MultisampleState { count: 1, mask: 1, alpha_to_coverage_enabled: false },
        fragment: None,
    }
}

#[test]
fn lists_within_lists_cost_no_more_than_the_bound() {
    let mut bytes = Vec::new();
    encode_command(&pipeline(MAX_PIPELINE_LIST, MAX_PIPELINE_LIST).into(), &mut bytes).unwrap();
    let bytes = batch(bytes);
    let cost = peak(|| assert_eq!(read(&bytes), 1));
    println!("pipeline: {} bytes cost {cost}", bytes.len());
    assert!(cost <= COMMAND, "{cost} bytes");
    // The maximum number of adapters, each with about as many features as an event has room for.
    let features = vec![FeatureName::ShaderF16; MAX_EVENT / MAX_LISTED_ADAPTERS / 4 - 256];
    let adapters = vec![Capabilities { features, ..Capabilities::default() }; MAX_LISTED_ADAPTERS];
    let mut bytes = Vec::new();
    encode_event(&Event::AdapterList { request: RequestId(1), adapters }, &mut bytes).unwrap();
    assert!(bytes.len() <= MAX_EVENT);
    let cost = peak(|| assert!(decode_event(&bytes).is_ok()));
    println!("adapters: {} bytes cost {cost}", bytes.len());
    assert!(cost <= EVENT, "{cost} bytes");
    let adapters = vec![Capabilities::default(); MAX_LISTED_ADAPTERS + 1];
    bytes.clear();
    encode_event(&Event::AdapterList { request: RequestId(1), adapters }, &mut bytes).unwrap();
    assert!(decode_event(&bytes).is_err());
}

/// A text's length is accepted up to [`MAX_EVENT`] only, a bound that all texts of an event share.
#[test]
fn texts_of_events_cost_no_more_than_the_bound() {
    for claimed in [MAX_EVENT as u32 - 8, MAX_EVENT as u32 + 1, u32::MAX] {
        // `Closed`, with a reason shorter than its length.
        let bytes = [&[1][..], &length(claimed), b"because"].concat();
        let cost = peak(|| assert!(decode_event(&bytes).is_err()));
        assert!(cost <= EVENT, "{claimed}: {cost} bytes");
    }
}
