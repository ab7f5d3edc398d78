//! Too many commands, objects and requests, and events that are never read.

use airlock_protocol::{
    Event,
    commands::{
        error::{ErrorFilter, PushErrorScope, RaiseError},
        instance::{AdapterSelector, ListAdapters, RequestAdapter},
        queue::OnSubmittedWorkDone,
        session::{DropObject, ReportStats, SetLabel},
        shader::CreateShaderModule,
    },
    ids::{AdapterId, BufferId, DeviceId, Object, RequestId, ShaderModuleId},
    limits::{MAX_ADAPTERS, MAX_DEVICES, MAX_LABEL, MAX_SHADER_SOURCE},
};
use airlock_tests::{
    processes::{descriptors, served_by, wait_until},
    programs::{LIMIT, Serve},
};

use crate::{
    Case, World, case,
    wire::{BUFFER, Client, DEVICE, create_buffer, dial, ended, first_line, noop_adapter},
};

pub const CASES: &[Case] = &[
    case(
        "adapter-flood",
        "requests 100 000 adapters",
        "1024 are granted, the others refused; the session goes on",
        adapters,
    ),
    case(
        "real-adapters",
        "requests 500 real adapters and 500 lists of them",
        "nothing: each is answered",
        real_adapters,
    ),
    case("device-flood", "requests 200 devices", "64 are granted, the others refused; the session goes on", devices),
    case(
        "object-flood",
        "makes a million buffers, and keeps them",
        "262 144 are made, the others are out-of-memory errors; the session goes on",
        objects,
    ),
    case("churn", "makes and drops a buffer 200 000 times", "nothing: the session goes on", churn),
    case(
        "question-flood",
        "asks 100 000 questions at a time",
        "each is answered, or `more than 65536 requests wait`",
        questions,
    ),
    case("scope-flood", "opens 200 000 error scopes", "`more than 131072 error scopes are open`", scopes),
    case("error-flood", "raises 100 000 errors", "nothing: each is told", errors),
    case(
        "unread-errors",
        "raises 100 000 errors and reads none",
        "its worker ends with exit code 1, after `--client-timeout`",
        unread_errors,
    ),
    case(
        "unread-reports",
        "asks a million questions and reads no answer",
        "its worker ends with exit code 1, after `--client-timeout`",
        unread_reports,
    ),
    case("labels", "gives 20 000 buffers labels of 4 KiB", "nothing: the session goes on", labels),
    case("long-labels", "gives a buffer labels of 8 MiB", "nothing: labels are cut", long_labels),
    case(
        "parentheses",
        "makes shaders of 4 MiB of parentheses, brackets, operators, quotes, comments",
        "a validation error each; the session goes on",
        parentheses,
    ),
    case("shader-too-long", "makes a shader of 4 MiB and one byte", "`a shader has 4194305 bytes`", shader_too_long),
    case(
        "session-flood",
        "opens 60 connections to a server of 8 sessions, four times over",
        "8 workers, and a refusal for the others; all is as before when they have gone",
        sessions,
    ),
];

fn adapters(world: &World) {
    const REQUESTS: u32 = 100_000;
    let mut client = Client::open(world.serve.socket());
    for request in 0..REQUESTS {
        // The id of a failed request stays free.
        client.push(noop_adapter(RequestId(u64::from(request)), AdapterId(request.min(MAX_ADAPTERS))));
        if request % 1000 == 999 {
            client.flush();
        }
    }
    let (mut granted, mut refused) = (0, 0);
    client.wait(|event| {
        match event {
            Event::AdapterReply { result: Ok(_), .. } => granted += 1,
            Event::AdapterReply { result: Err(why), .. } => {
                assert!(why.contains("1024 Adapter objects"), "{why}");
                refused += 1;
            }
            _ => {}
        }
        (granted + refused == REQUESTS).then_some(())
    });
    assert_eq!(granted, MAX_ADAPTERS);
    client.lives();
}

fn real_adapters(world: &World) {
    let mut client = Client::open(world.serve.socket());
    for number in 0..500 {
        let (request, power_preference, selector) = (RequestId(number), None, AdapterSelector::Any);
        let adapter = AdapterId(u32::try_from(number).expect("small"));
        client.push(RequestAdapter { request, adapter, power_preference, force_fallback_adapter: false, selector });
        client.push(ListAdapters { request: RequestId(1000 + number) });
    }
    let mut left = 1000;
    client.wait(|event| {
        left -= u32::from(matches!(event, Event::AdapterReply { result: Ok(_), .. } | Event::AdapterList { .. }));
        (left == 0).then_some(())
    });
}

fn devices(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    for device in 1..200 {
        match client.request_device(DeviceId(device)) {
            Ok(()) => assert!(device < MAX_DEVICES),
            Err(error) => {
                assert!(device >= MAX_DEVICES && error.message.contains("64 Device objects"), "{device}: {error:?}");
            }
        }
    }
    client.lives();
}

fn objects(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::OutOfMemory });
    for buffer in 0..1_000_000 {
        client.create_buffer(BufferId(buffer), 16);
        if buffer % 1000 == 999 {
            client.flush();
        }
    }
    client.lives();
}

fn churn(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    for round in 0..200_000 {
        client.create_buffer(BUFFER, 16);
        client.push(DropObject { object: Object::Buffer(BUFFER) });
        if round % 1000 == 999 {
            client.flush();
        }
    }
    client.lives();
}

fn questions(world: &World) {
    const QUESTIONS: u64 = 100_000;
    let mut client = Client::noop(world.serve.socket());
    for request in 0..QUESTIONS {
        client.push(OnSubmittedWorkDone { request: RequestId(request), device: DEVICE });
        if request % 1000 == 999 {
            client.flush();
        }
    }
    let mut answered = 0;
    let end = client.wait(|event| {
        answered += u64::from(matches!(event, Event::WorkDone { .. }));
        match event {
            Event::Closed { reason } => Some(Err(reason)),
            _ => (answered == QUESTIONS).then_some(Ok(())),
        }
    });
    // The number of requests that wait at a time depends on the machine.
    assert!(end.as_ref().err().is_none_or(|reason| reason.contains("more than 65536 requests wait")), "{end:?}");
}

fn scopes(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    for _ in 0..200_000 {
        client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
    }
    client.flush();
    client.expect_closed("more than 131072 error scopes are open");
}

fn errors(world: &World) {
    const ERRORS: u32 = 100_000;
    let mut client = Client::noop(world.serve.socket());
    for error in 0..ERRORS {
        client.push(RaiseError { device: DEVICE, kind: ErrorFilter::Validation, message: "mine" });
        if error % 1000 == 999 {
            client.flush();
        }
    }
    let mut told = 0;
    client.wait(|event| {
        told += u32::from(matches!(event, Event::Uncaptured { .. }));
        (told == ERRORS).then_some(())
    });
}

fn unread_errors(world: &World) {
    let mut client = Client::deaf(world.impatient.socket());
    client.push(noop_adapter(RequestId(1), AdapterId(0)));
    let (required_features, required_limits) = (vec![], vec![]);
    let (request, adapter) = (RequestId(2), AdapterId(0));
    let label = "";
    client.push(airlock_protocol::commands::adapter::RequestDevice {
        request,
        adapter,
        device: DEVICE,
        label,
        required_features,
        required_limits,
    });
    for error in 0..100_000 {
        client.push(RaiseError { device: DEVICE, kind: ErrorFilter::Validation, message: &"x".repeat(200) });
        if error % 1000 == 999 {
            client.flush();
        }
    }
    assert_eq!(ended(&client.link), "ENDED exit code 1");
}

fn unread_reports(world: &World) {
    let mut client = Client::deaf(world.impatient.socket());
    for request in 0..1_000_000 {
        client.push(ReportStats { request: RequestId(request) });
        if request % 10_000 == 9999 {
            client.flush();
        }
    }
    assert_eq!(ended(&client.link), "ENDED exit code 1");
}

fn labels(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    let label = "l".repeat(MAX_LABEL);
    for buffer in 0..20_000 {
        client.push(create_buffer(BufferId(buffer), 16, &label));
        if buffer % 100 == 99 {
            client.flush();
        }
    }
    client.lives();
}

fn long_labels(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    let label = "é".repeat(4 << 20);
    client.push(create_buffer(BUFFER, 16, &label));
    client.flush();
    client.push(SetLabel { object: Object::Buffer(BUFFER), label: &label });
    client.lives();
}

fn parentheses(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    for (module, unit) in
        ["(", "[", "a<", "-", "!", "*&", "{", "/*", "\"", "fn f(a:array<", ")"].into_iter().enumerate()
    {
        let code = unit.repeat(MAX_SHADER_SOURCE / unit.len());
        let module = ShaderModuleId(u32::try_from(module).expect("small"));
        let error = client.caught(DEVICE, |client| {
            client.push(CreateShaderModule { device: DEVICE, module, label: "", code: &code })
        });
        assert!(error.is_some(), "{unit} is valid WGSL");
    }
    client.lives();
}

fn shader_too_long(world: &World) {
    let mut client = Client::noop(world.serve.socket());
    let code = " ".repeat(MAX_SHADER_SOURCE + 1);
    client.push(CreateShaderModule { device: DEVICE, module: ShaderModuleId(0), label: "", code: &code });
    client.flush();
    client.expect_closed("a shader has 4194305 bytes");
}

fn sessions(_: &World) {
    let serve = Serve::start(&["--max-sessions-per-user=8", "--max-sessions=8"]);
    let mut before = None;
    for _ in 0..4 {
        let all: Vec<_> = (0..60).map(|_| dial(serve.socket())).collect();
        let (mut workers, mut refused) = (0, 0);
        for stream in &all {
            match first_line(stream) {
                hello if hello.starts_with("AIRLOCK ") => workers += 1,
                hello if hello.starts_with("REFUSED ") => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((workers, refused), (8, 52));
        drop(all);
        wait_until("end of all workers", LIMIT, || served_by(serve.id()).is_empty());
        let expected = *before.get_or_insert_with(|| descriptors(serve.id()));
        wait_until("return of the descriptors", LIMIT, || descriptors(serve.id()) <= expected);
    }
}
