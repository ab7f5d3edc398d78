//! Pictures from a simulated worker.

use std::collections::BTreeSet;

use airlock_protocol::{
    commands::{
        command_encoder::{CreateCommandEncoder, FinishCommandEncoder},
        queue::Submit,
        render_pass::{BeginRenderPass, ColorAttachment, LoadOp, StoreOp},
        session::DropObject,
        texture::{
            CreateTexture, CreateTextureView, Extent3d, TextureAspect, TextureDimension, TextureFormat, TextureUsage,
        },
    },
    ids::{CommandBufferId, CommandEncoderId, Kind, RenderPassId, RequestId, TextureViewId},
};

use super::*;
use crate::schema::facts::Facts;

const DEVICE: DeviceId = DeviceId(0);

/// A worker that replies to every map with zeros and to every scope without an error, and tracks live objects.
#[derive(Default)]
struct Worker {
    live: BTreeSet<(u8, u32)>,
    requests: u64,
    maps: Vec<(RequestId, u64)>,
    scopes: Vec<RequestId>,
    /// Names of the injected commands.
    injected: Vec<&'static str>,
}

impl Worker {
    fn take(&mut self, command: &Command<'_>) {
        let facts = Facts::of(command);
        let key = |object: Object| (object.kind() as u8, object.describe().1);
        for object in facts.needs().filter(|&object| object.kind() != Kind::Device) {
            assert!(self.live.contains(&key(object)), "{command:?} of what is not there");
        }
        facts.makes.into_iter().for_each(|object| assert!(self.live.insert(key(object)), "{command:?} again"));
        facts.drops.into_iter().for_each(|object| assert!(self.live.remove(&key(object))));
    }
}

impl Inject for Worker {
    fn send(&mut self, command: Command<'_>) {
        self.take(&command);
        self.injected.push(command.name());
        match command {
            Command::MapBuffer(c) => self.maps.push((c.request, c.size)),
            Command::PopErrorScope(c) => self.scopes.push(c.request),
            _ => {}
        }
    }
    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }
    fn settle(&mut self) {}
}

struct Replay {
    probe: SaveImages,
    worker: Worker,
    number: u64,
    folder: tempfile::TempDir,
}

impl Replay {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut free = FreeIds::of_trace(&crate::Trace::default());
        // The trace below uses fewer.
        free.take(10);
        let probe = SaveImages::new(folder.path(), &mut free).unwrap();
        Self { probe, worker: Worker::default(), number: 0, folder }
    }

    fn put<'a>(&mut self, command: impl Into<Command<'a>>) {
        let mut command = command.into();
        self.probe.before(1, self.number, &mut command, &mut self.worker);
        self.worker.take(&command);
        self.probe.after(1, self.number, &command, &mut self.worker);
        self.number += 1;
        self.answer();
    }

    fn answer(&mut self) {
        for (request, size) in std::mem::take(&mut self.worker.maps) {
            self.probe.event(&Event::MapData { request, data: &vec![0; usize::try_from(size).unwrap()] });
            self.probe.event(&Event::Mapped { request, result: Ok(()) });
        }
        for request in std::mem::take(&mut self.worker.scopes) {
            self.probe.event(&Event::ScopePopped { request, result: Ok(None) });
        }
    }

    fn texture(&mut self, id: u32, label: &str, samples: u32) {
        let command = CreateTexture {
            device: DEVICE,
            texture: TextureId(id),
            label,
            size: Extent3d { width: 3, height: 2, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: samples,
            dimension: TextureDimension::D2,
            format: TextureFormat::Rgba8unorm,
            usage: TextureUsage::RENDER_ATTACHMENT,
            view_formats: Vec::new(),
        };
        self.put(command);
        let (texture, view) = (TextureId(id), TextureViewId(id));
        let (format, dimension, usage) = (None, None, None);
        let (base_mip_level, mip_level_count, base_array_layer, array_layer_count) = (0, None, 0, None);
        self.put(CreateTextureView {
            texture,
            view,
            label: "",
            format,
            dimension,
            usage,
            aspect: TextureAspect::All,
            base_mip_level,
            mip_level_count,
            base_array_layer,
            array_layer_count,
        });
    }

    fn render(&mut self, id: u32, store_op: StoreOp) {
        let (encoder, pass, command_buffer) = (CommandEncoderId(0), RenderPassId(0), CommandBufferId(0));
        self.put(CreateCommandEncoder { device: DEVICE, encoder, label: "" });
        let (view, clear_value, load_op) = (TextureViewId(id), [0.0; 4], LoadOp::Clear);
        let attachment =
            ColorAttachment { view, depth_slice: None, resolve_target: None, clear_value, load_op, store_op };
        self.put(BeginRenderPass {
            encoder,
            pass,
            label: "",
            color_attachments: vec![Some(attachment)],
            depth_stencil_attachment: None,
            occlusion_query_set: None,
            timestamp_writes: None,
        });
        self.drop(pass);
        self.put(FinishCommandEncoder { encoder, command_buffer, label: "" });
        self.drop(encoder);
        self.put(Submit { device: DEVICE, command_buffers: vec![command_buffer] });
        self.drop(command_buffer);
    }

    fn drop(&mut self, object: impl Id) {
        self.put(DropObject { object: object.object() });
    }

    fn end(mut self) -> (Saved, Vec<&'static str>) {
        self.probe.end(1, &mut self.worker);
        self.answer();
        let saved = self.probe.finish().unwrap();
        for name in &saved.files {
            let file = io::BufReader::new(fs::File::open(self.folder.path().join(name)).unwrap());
            let reader = png::Decoder::new(file).read_info().unwrap();
            assert_eq!((reader.info().width, reader.info().height), (3, 2));
        }
        (saved, self.worker.injected)
    }
}

#[test]
fn what_was_rendered_is_saved_once_and_last() {
    let mut replay = Replay::new();
    replay.texture(0, "kept", 1);
    replay.texture(1, "discarded", 1);
    replay.texture(2, "never", 1);
    replay.texture(3, "samples", 4);
    for _ in 0..2 {
        replay.render(0, StoreOp::Store);
        replay.render(1, StoreOp::Discard);
        replay.render(3, StoreOp::Store);
    }
    let (saved, injected) = replay.end();
    assert_eq!(saved.files, ["000-kept.png", "006-samples.png"]);
    assert_eq!(saved.notes, Vec::<String>::new());
    assert_eq!(injected.iter().filter(|&&name| name == "BeginRenderPass").count(), 1);
    // Everything that was made for the pictures is dropped again.
    let describe = |name: &&str| Command::NAMES.iter().zip(Command::DESCRIPTIONS).find(|(of, _)| *of == name);
    let makes = |name: &&&str| describe(name).is_some_and(|(_, is)| is.makes.is_some());
    let drops = injected.iter().filter(|&&name| name == "DropObject").count();
    assert_eq!(injected.iter().filter(makes).count(), drops);
}

#[test]
fn a_dropped_texture_is_held_while_its_view_lives() {
    let mut replay = Replay::new();
    replay.texture(0, "target", 1);
    replay.drop(TextureId(0));
    replay.render(0, StoreOp::Store);
    assert!(replay.worker.injected.is_empty());
    replay.drop(TextureViewId(0));
    // The id is reused: the last moment for the first texture's picture.
    replay.texture(0, "second", 1);
    assert!(replay.worker.injected.contains(&"CopyTextureToBuffer"));
    let (saved, _) = replay.end();
    assert_eq!(saved.files, ["000-target.png"]);
}

#[test]
fn pictures_are_taken_before_the_device_goes() {
    let mut replay = Replay::new();
    replay.texture(0, "target", 1);
    replay.render(0, StoreOp::Store);
    let object = Object::Device(DEVICE);
    replay.worker.live.insert((object.kind() as u8, 0));
    replay.drop(DEVICE);
    let before = replay.worker.injected.len();
    replay.drop(TextureViewId(0));
    replay.drop(TextureId(0));
    assert_eq!(replay.worker.injected.len(), before);
    assert_eq!(replay.end().0.files, ["000-target.png"]);
}
