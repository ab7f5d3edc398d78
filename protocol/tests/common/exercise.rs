//! Properties that must hold for any bytes, for the fuzzers and for a test without one.
#![allow(dead_code, clippy::expect_used, clippy::panic, missing_docs)]

use airlock_protocol::{
    codec::{
        BATCH_HEADER, BatchReader, decode_command, decode_event, encode_command, encode_event, first_command, sequence,
    },
    handshake::{Ended, Hello},
};

/// Decodes bytes. The first selects the kind of the rest: commands, a batch, or an event.
pub fn decode(data: &[u8]) {
    match data.split_first() {
        Some((0, commands)) => {
            let length = u32::try_from(commands.len()).unwrap_or(u32::MAX);
            let header = [&7_u64.to_le_bytes()[..], &length.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
            batch(&[&header, commands].concat(), 7);
        }
        Some((1, bytes)) => batch(bytes, sequence(bytes)),
        Some((_, bytes)) => event(bytes),
        None => {}
    }
}

/// Reads a batch up to the first error. Each command must survive encoding and decoding.
fn batch(bytes: &[u8], expected: u64) {
    let Ok(mut reader) = BatchReader::new(bytes, expected) else { return };
    loop {
        let before = reader.offset();
        let Ok(Some(command)) = reader.next() else { break };
        let taken = &bytes[before..reader.offset()];
        assert!(reader.offset() <= bytes.len() && before >= BATCH_HEADER && !taken.is_empty());
        let mut again = Vec::new();
        encode_command(&command, &mut again).expect("what was decoded has an encoding");
        // A number may be written longer than it needs to be, so that the bytes are the same or fewer.
        assert!(again.len() <= taken.len(), "{command:?}: {taken:?} becomes {again:?}");
        let (second, length) = first_command(&again).expect("what was encoded can be decoded");
        assert_eq!(length, again.len());
        // Compared as bytes: NaN is not equal to itself.
        let mut third = Vec::new();
        encode_command(&second, &mut third).expect("what was decoded has an encoding");
        assert_eq!(again, third, "{command:?}");
        assert_eq!(second.number(), command.number());
        if again.len() == taken.len() {
            assert_eq!(again, taken, "{command:?}");
        }
        assert!(decode_command(&again[..again.len() - 1]).is_err(), "{command:?} without its last byte");
    }
    assert!(reader.offset() <= bytes.len());
}

fn event(bytes: &[u8]) {
    let Ok(event) = decode_event(bytes) else { return };
    let mut again = Vec::new();
    encode_event(&event, &mut again).expect("what was decoded has an encoding");
    assert!(again.len() <= bytes.len(), "{event:?}");
    if again.len() == bytes.len() {
        assert_eq!(again, bytes, "{event:?}");
    }
    assert_eq!(decode_event(&again).expect("what was encoded can be decoded"), event);
}

/// Parses bytes of the handshake. The first selects the kind of the rest: the two lines, or a message with descriptors.
pub fn handshake(data: &[u8]) {
    match data.split_first() {
        #[cfg(target_os = "linux")]
        Some((1, message)) => ring::message(message),
        Some((_, line)) => lines(&String::from_utf8_lossy(line)),
        None => {}
    }
}

fn lines(line: &str) {
    match Hello::check(line) {
        Ok(server) => {
            assert!(!Hello::is_wait(line));
            assert_eq!(server.is_some(), cfg!(not(target_os = "linux")));
            assert_eq!(Hello::check(&Hello::ready(server.clone()).to_line()), Ok(server));
            assert_eq!(Ended::parse(line), None);
        }
        // A foreign line is cut to 80 bytes, each of which may take some to be shown.
        Err(error) => assert!(error.to_string().len() < 1000 + line.len()),
    }
    if let Some(ended) = Ended::parse(line) {
        assert_eq!(ended.to_line().trim_end(), line.strip_suffix('\n').unwrap_or(line));
        assert!(!ended.to_string().is_empty());
    }
    // A refusal has one line, and never passes for a worker's.
    let refused = Hello::Refused { reason: line.to_owned() }.to_line();
    assert_eq!(refused.lines().count(), refused.matches('\n').count().max(1));
    assert!(Hello::check(&refused).is_err() && Ended::parse(&refused).is_none());
}

#[cfg(target_os = "linux")]
mod ring {
    use std::{
        io::{IoSlice, Write},
        mem::MaybeUninit,
        os::{
            fd::{AsFd, OwnedFd},
            unix::net::UnixStream,
        },
    };

    use airlock_protocol::{descriptors, limits::SHARED_SIZE, transport::HandedOver};
    use rustix::{
        fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
        net::{
            AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
            socketpair,
        },
    };

    const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

    /// Receives a message with the ring. Four bytes set the number of descriptors, their seals, their size, and a descriptor of
    /// another kind together with the type of the channels' sockets. The rest is sent after the message, before the channels.
    pub fn message(data: &[u8]) {
        let [count, seals, size, other, rest @ ..] = data else { return };
        let seals = SealFlags::from_bits_retain(u32::from(seals & 0x1f));
        let size = match size % 4 {
            0 => u64::from(SHARED_SIZE),
            1 => u64::from(SHARED_SIZE) - 1,
            2 => u64::from(SHARED_SIZE) << (size / 4 % 24),
            _ => u64::from(*size),
        };
        let memory = memory(size, seals);
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let count = usize::from(count % 4);
        let mut descriptors = vec![memory.as_fd(); count];
        let kind = match other / 2 % 4 {
            0 | 1 => SocketType::SEQPACKET,
            2 => SocketType::STREAM,
            _ => SocketType::DGRAM,
        };
        let other = other % 2 == 1;
        if let (true, Some(first)) = (other, descriptors.first_mut()) {
            *first = theirs.as_fd();
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        sendmsg(&ours, &[IoSlice::new(b"+")], &mut control, SendFlags::empty()).expect("a socket with room");
        (&ours).write_all(&rest[..rest.len().min(4096)]).expect("a socket with room");
        for _ in 0..2 {
            let (socket, _) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).expect("sockets");
            descriptors::send(&ours, socket.as_fd()).expect("a socket with room");
        }
        drop(ours);
        let ring = HandedOver::receive(&theirs);
        let good = count == 1
            && !other
            && seals.contains(SEALS)
            && size == u64::from(SHARED_SIZE)
            && kind == SocketType::SEQPACKET
            && rest.is_empty();
        // The kernel's version decides whether memory that is sealed against writes can be mapped.
        let either = seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) && ring.is_err();
        assert!(ring.is_ok() == good || either, "{count} of {size} bytes, {seals:?}, {other}: {ring:?}");
    }

    fn memory(size: u64, seals: SealFlags) -> OwnedFd {
        let memory = memfd_create("ring", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&memory, size).expect("a size");
        fcntl_add_seals(&memory, seals).expect("seals");
        memory
    }
}
