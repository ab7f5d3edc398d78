//! Ids that are dead, taken, of another kind or out of bounds.

use airlock_protocol::{
    Command, Event, Payload,
    commands::{
        adapter::RequestDevice,
        buffer::DestroyBuffer,
        device::DestroyDevice,
        queue::{OnSubmittedWorkDone, WriteBuffer},
        session::{DropObject, ReportStats, SetLabel},
    },
    ids::{AdapterId, BufferId, DeviceId, Kind, Object, RequestId},
    limits::MAX_OBJECTS,
};

use crate::{
    Case, World, case,
    wire::{BUFFER, Client, DEVICE, create_buffer, noop_adapter},
};

pub const CASES: &[Case] = &[
    case("dead-id", "uses objects that it never made, one of each kind", "`is not alive`", dead),
    case("used-after-drop", "uses a buffer that it has dropped", "`Buffer 0 is not alive`", used_after_drop),
    case("dropped-twice", "drops a buffer twice", "`Buffer 0 is not alive`", dropped_twice),
    case("colliding-id", "makes an adapter, a device, a buffer under ids in use", "`is alive already`", colliding),
    case("id-out-of-bounds", "makes a buffer under 2^20 and 2^32 - 1", "`is above the 1048576 objects`", out_of_bounds),
    case("last-id", "makes a buffer under 2^20 - 1 only", "nothing: the session goes on", last),
    case(
        "foreign-id",
        "writes to a buffer of one device on the queue of another",
        "a validation error on the other device; the session goes on",
        foreign,
    ),
    case(
        "id-of-another-session",
        "uses a buffer that another of its sessions has made",
        "`Buffer 0 is not alive`; the other session goes on",
        of_another_session,
    ),
    case(
        "device-without-adapter",
        "requests a device of an adapter that is not there",
        "`Adapter 3 is not alive`",
        orphan,
    ),
    case("repeated-requests", "asks 1000 questions under one number", "nothing: each is answered", repeated_requests),
    case(
        "destroyed-and-dropped",
        "destroys and drops a device with its objects alive, a hundred times over",
        "nothing: each device is lost, and the session goes on",
        destroyed_and_dropped,
    ),
];

/// Sends commands and expects the end of the session, with a reason.
fn closes<'a>(mut client: Client, commands: impl IntoIterator<Item = Command<'a>>, what: &str) {
    for command in commands {
        client.push(command);
    }
    client.flush();
    client.expect_closed(what);
}

fn dead(world: &World) {
    for &kind in Kind::ALL {
        let object = kind.object(7);
        let what = format!("{} 7 is not alive", kind.name());
        closes(Client::open(world.serve.socket()), [DropObject { object }.into()], &what);
    }
    let object = Object::Buffer(BufferId(u32::MAX));
    let label = SetLabel { object, label: "nobody" };
    closes(Client::open(world.serve.socket()), [label.into()], "is not alive");
}

fn used_after_drop(world: &World) {
    let drop = DropObject { object: Object::Buffer(BUFFER) };
    let client = Client::with_buffer(world.serve.socket());
    closes(client, [drop.into(), DestroyBuffer { buffer: BUFFER }.into()], "(DestroyBuffer): Buffer 0 is not alive");
}

fn dropped_twice(world: &World) {
    let drop = DropObject { object: Object::Buffer(BUFFER) };
    let client = Client::with_buffer(world.serve.socket());
    closes(client, [drop.into(), drop.into()], "(DropObject): Buffer 0 is not alive");
}

fn request_device(request: u64, adapter: AdapterId, device: DeviceId) -> RequestDevice<'static> {
    let request = RequestId(request);
    RequestDevice { request, adapter, device, label: "", required_features: vec![], required_limits: vec![] }
}

fn colliding(world: &World) {
    let client = || Client::with_buffer(world.serve.socket());
    closes(client(), [create_buffer(BUFFER, 16, "").into()], "Buffer 0 is alive already");
    closes(client(), [noop_adapter(RequestId(9), AdapterId(0)).into()], "Adapter 0 is alive already");
    closes(client(), [request_device(9, AdapterId(0), DEVICE).into()], "Device 0 is alive already");
}

fn out_of_bounds(world: &World) {
    for id in [MAX_OBJECTS, u32::MAX] {
        let what = format!("Buffer {id} is above the 1048576 objects");
        closes(Client::noop(world.serve.socket()), [create_buffer(BufferId(id), 16, "").into()], &what);
    }
}

fn last(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    client.create_buffer(BufferId(MAX_OBJECTS - 1), 16);
    client.lives();
}

fn foreign(world: &World) {
    let mut client = Client::with_buffer(world.serve.socket());
    let other = DeviceId(1);
    client.request_device(other).expect("a second device");
    let write = WriteBuffer { device: other, buffer: BUFFER, offset: 0, data: Payload::Inline(&[1; 16]) };
    let error = client.caught(other, |client| client.push(write));
    assert!(error.as_ref().is_some_and(|error| error.contains("writeBuffer")), "{error:?}");
    client.lives();
}

fn of_another_session(world: &World) {
    let mut owner = Client::with_buffer(world.serve.socket());
    let thief = Client::noop(world.serve.socket());
    closes(thief, [DestroyBuffer { buffer: BUFFER }.into()], "Buffer 0 is not alive");
    owner.lives();
}

fn orphan(world: &World) {
    let command = request_device(9, AdapterId(3), DeviceId(1));
    closes(Client::noop(world.serve.socket()), [command.into()], "Adapter 3 is not alive");
}

fn repeated_requests(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    let request = RequestId(77);
    for _ in 0..500 {
        client.push(ReportStats { request });
        client.push(OnSubmittedWorkDone { request, device: DEVICE });
    }
    let mut left = 1000;
    client.wait(|event| match event {
        Event::Report { request: RequestId(77), .. } | Event::WorkDone { request: RequestId(77) } => {
            left -= 1;
            (left == 0).then_some(())
        }
        _ => None,
    });
    client.lives();
}

fn destroyed_and_dropped(world: &World) {
    let mut client = Client::with_buffer(world.serve.socket());
    for device in 1..=100 {
        let device = DeviceId(device);
        client.request_device(device).expect("a device");
        client.push(DestroyDevice { device });
        client.push(DropObject { object: Object::Device(device) });
    }
    client.lives();
}
