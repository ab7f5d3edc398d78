//! The end of a session, whoever ends it.

use std::task::Poll;

use airlock_client::{Client, Gone, buffer::BufferDescriptor, object::DeviceObject as _};
use airlock_protocol::{
    Event, commands::buffer::BufferUsage, connect::CLOSED, events::DeviceLostReason, ids::DeviceId,
};

use crate::daemon::Daemon;

#[test]
fn a_daemon_that_dies_ends_every_wait_and_loses_every_device() {
    let (mut client, daemon, device) = Daemon::with_device();
    let work = device.queue().on_submitted_work_done(&mut client);
    let report = client.report().unwrap();
    let lost = device.lost(&mut client);
    let errors = device.uncaptured_errors(&mut client);
    assert!(!lost.is_ready());
    daemon.die();
    assert_eq!(work.wait(), Err(Gone));
    assert_eq!(report.wait(), Err(Gone));
    let lost = lost.wait().unwrap();
    assert_eq!(lost.reason, DeviceLostReason::Unknown);
    assert!(lost.message.contains("closed the connection"), "{}", lost.message);
    assert_eq!(errors.try_next(), Poll::Ready(None));
    assert_eq!(client.ended().as_deref(), Some(lost.message.as_str()));
    assert!(!client.is_live());
    assert!(device.lost(&mut client).is_ready(), "who asks later hears it at once");
}

#[test]
fn calls_after_the_end_do_nothing_and_another_session_begins() {
    let (mut client, daemon, device) = Daemon::with_device();
    daemon.die();
    device.lost(&mut client).wait().unwrap();
    let descriptor = BufferDescriptor { size: 1 << 20, usage: BufferUsage::COPY_DST, ..Default::default() };
    let buffer = device.create_buffer(&mut client, descriptor.clone());
    device.queue().write_buffer(&mut client, &buffer, 0, &vec![1; 1 << 20], None, None).unwrap();
    device.queue().submit(&mut client, []);
    assert_eq!(device.queue().on_submitted_work_done(&mut client).wait(), Err(Gone));
    let (mut daemon, next) = Daemon::grant(&mut client);
    // Objects of the first session say nothing to the second.
    device.queue().write_buffer(&mut client, &buffer, 0, &[0; 4], None, None).unwrap();
    buffer.release(&mut client);
    next.create_buffer(&mut client, descriptor);
    next.queue().submit(&mut client, []);
    assert_eq!(daemon.names(), ["CreateBuffer", "Submit"]);
    assert_eq!(client.stats().sessions, 2);
}

#[test]
fn a_device_is_lost_with_its_own_reason_and_the_session_goes_on() {
    let (mut client, daemon, device) = Daemon::with_device();
    device.destroy(&mut client);
    let lost = device.lost(&mut client);
    let message = "destroyed".to_owned();
    daemon.send(&Event::DeviceLost { device: DeviceId(0), reason: DeviceLostReason::Destroyed, message });
    assert_eq!(lost.wait().unwrap().reason, DeviceLostReason::Destroyed);
    assert!(client.is_live());
}

#[test]
fn a_session_that_the_daemon_closes_says_why() {
    let (mut client, daemon, device) = Daemon::with_device();
    daemon.send(&Event::Closed { reason: "byte 7 is wrong".to_owned() });
    daemon.die();
    let lost = device.lost(&mut client).wait().unwrap();
    assert_eq!(lost.message, "the GPU daemon ended the session: byte 7 is wrong");
}

#[test]
fn a_client_that_closes_sends_what_has_gathered_and_ends() {
    let (mut client, mut daemon, device) = Daemon::with_device();
    let lost = device.lost(&mut client);
    let encoder = device.create_command_encoder(&mut client, None);
    drop(encoder);
    let closing = std::thread::spawn(move || drop(client));
    assert_eq!(daemon.batch(), 1);
    daemon.until_closed();
    daemon.die();
    closing.join().unwrap();
    assert_eq!(lost.wait().unwrap().message, CLOSED);
}

#[test]
fn without_a_session_there_is_nothing_to_ask() {
    let mut client = Client::builder().build();
    assert!(client.request_adapter(Default::default()).is_none());
    assert!(client.report().is_none() && client.list_adapters().is_none());
    assert!(!client.is_live() && client.ended().is_none());
}
