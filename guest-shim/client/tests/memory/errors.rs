//! Error scopes, uncaptured errors, the adapter that is consumed.

use std::task::Poll;

use airlock_client::{adapter::DeviceDescriptor, error::popped};
use airlock_protocol::{
    Command, Event,
    commands::{
        adapter::FeatureName,
        error::{ErrorFilter, GpuError},
    },
    events::{RequestDeviceError, RequestDeviceErrorKind},
    limits::MAX_SCOPES,
};

use crate::daemon::Daemon;

fn error(message: &str) -> GpuError {
    GpuError { kind: ErrorFilter::Validation, message: message.to_owned() }
}

#[test]
fn scopes_are_counted_here_and_kept_in_the_daemon() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    device.pop_error_scope(&mut client).expect_err("there is none");
    device.push_error_scope(&mut client, ErrorFilter::Validation);
    let reply = device.pop_error_scope(&mut client).unwrap();
    assert!(matches!(daemon.command(), Command::PushErrorScope(_)));
    let request = daemon.request();
    daemon.send(&Event::ScopePopped { request, result: Ok(Some(error("caught"))) });
    assert_eq!(popped(reply.wait()).unwrap().unwrap().message, "caught");
    device.pop_error_scope(&mut client).expect_err("there is none any more");
}

#[test]
fn scopes_beyond_the_limit_catch_nothing_and_cost_nothing() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    for _ in 0..=MAX_SCOPES {
        device.push_error_scope(&mut client, ErrorFilter::Internal);
    }
    let beyond = device.pop_error_scope(&mut client).unwrap();
    assert!(beyond.is_ready());
    assert_eq!(popped(beyond.wait()), Ok(None));
    let reply = device.pop_error_scope(&mut client).unwrap();
    assert!(!reply.is_ready());
    let names = daemon.names();
    assert_eq!(names.iter().filter(|name| **name == "PushErrorScope").count(), MAX_SCOPES);
    assert_eq!(names.last(), Some(&"PopErrorScope"));
    daemon.die();
    assert_eq!(popped(reply.wait()), Ok(None), "a lost device has no errors");
}

#[test]
fn a_lost_device_has_null_for_every_scope() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    device.destroy(&mut client);
    for _ in 0..2 {
        let reply = device.pop_error_scope(&mut client).expect("a lost device has no empty stack");
        assert_eq!(popped(reply.wait()), Ok(None));
    }
    let (mut client, daemon_of_another, device) = Daemon::with_device();
    let lost = device.lost(&mut client);
    daemon_of_another.send(&Event::DeviceLost {
        device: airlock_protocol::ids::DeviceId(0),
        reason: airlock_protocol::events::DeviceLostReason::Unknown,
        message: String::new(),
    });
    lost.wait().unwrap();
    assert_eq!(popped(device.pop_error_scope(&mut client).expect("as above").wait()), Ok(None));
    assert_eq!(daemon.names(), ["DestroyDevice"]);
}

#[test]
fn errors_that_no_scope_caught_reach_every_stream() {
    let (mut client, daemon, device) = Daemon::with_device();
    let first = device.uncaptured_errors(&mut client);
    let second = device.uncaptured_errors(&mut client);
    let reply = client.report().unwrap();
    let mut daemon = daemon;
    let request = daemon.request();
    daemon.send(&Event::Uncaptured { device: airlock_protocol::ids::DeviceId(0), error: error("first") });
    daemon.send(&Event::Report { request, report: Default::default() });
    reply.wait().unwrap();
    for stream in [&first, &second] {
        assert_eq!(stream.try_next(), Poll::Ready(Some(error("first"))));
        assert_eq!(stream.try_next(), Poll::Pending);
    }
}

#[test]
fn an_adapter_gives_one_device_and_may_be_asked_again_where_it_gave_none() {
    let mut client = airlock_client::Client::builder().build();
    let mut daemon = Daemon::of(&mut client);
    let (reply, adapter) = client.request_adapter(Default::default()).unwrap();
    let request = daemon.request();
    daemon.send(&Event::AdapterReply { request, result: Ok(Box::default()) });
    let mut adapter = adapter.finish(&mut client, reply.wait()).unwrap();
    let wrong = DeviceDescriptor { required_limits: vec![("maxRabbits", Some(1))], ..Default::default() };
    let error = adapter.request_device(&mut client, wrong).unwrap_err();
    assert!(error.message.contains("maxRabbits"), "{}", error.message);
    // One without a value is none that is asked for, whatever its name.
    let nothing = DeviceDescriptor { required_limits: vec![("maxRabbits", None)], ..Default::default() };
    let (reply, device) = adapter.request_device(&mut client, nothing).unwrap();
    let featured = DeviceDescriptor { required_features: vec![FeatureName::ShaderF16], ..Default::default() };
    let type_error = adapter.request_device(&mut client, featured).unwrap_err();
    assert_eq!(type_error.kind, RequestDeviceErrorKind::Type, "before the adapter's state is looked at");
    let consumed = adapter.request_device(&mut client, Default::default()).unwrap_err();
    assert_eq!(consumed.kind, RequestDeviceErrorKind::Operation);
    let request = daemon.request();
    let refused = RequestDeviceError { kind: RequestDeviceErrorKind::Type, message: "no".to_owned() };
    daemon.send(&Event::DeviceReply { request, result: Err(refused.clone()) });
    assert_eq!(device.finish(&mut client, Some(&mut adapter), reply.wait()).unwrap_err(), refused);
    let (reply, device) = adapter.request_device(&mut client, Default::default()).expect("it gave none");
    let request = daemon.request();
    daemon.send(&Event::DeviceReply { request, result: Ok(Box::default()) });
    let device = device.finish(&mut client, Some(&mut adapter), reply.wait()).unwrap();
    adapter.request_device(&mut client, Default::default()).expect_err("it has given one");
    device.release(&mut client);
    adapter.release(&mut client);
    drop(client);
    assert_eq!(daemon.names(), ["DropObject", "DropObject"]);
}
