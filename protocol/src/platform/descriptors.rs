//! One descriptor with one byte, over a Unix stream socket.
//!
//! The receiver trusts no sender: it accepts one message, within a timeout, with exactly one descriptor. The kernel
//! closes the descriptors that do not fit the space for them; a second one that fits is closed here.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
};
use thiserror::Error;

/// The byte that accompanies a descriptor: a stream carries none without.
const BYTE: u8 = b'+';

/// A descriptor that did not arrive.
#[derive(Debug, Error)]
pub enum DescriptorError {
    /// The other side closed the connection.
    #[error("the other side closed the connection")]
    Ended,
    /// Nothing arrived in time.
    #[error("nothing came within {} seconds", .0.as_secs_f32())]
    Late(Duration),
    /// The message has no descriptor, or more than one.
    #[error("a message came with {found} descriptors instead of one")]
    Count {
        /// How many, as far as they were counted.
        found: &'static str,
    },
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Sends a descriptor. A full socket is an error: the message is the first or nearly the first on its connection.
pub fn send(to: impl AsFd, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    // There is room: the space was made for one descriptor.
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::io::retry_on_intr(|| sendmsg(to.as_fd(), &[IoSlice::new(&[BYTE])], &mut control, flags))?;
    Ok(())
}

/// Receives one message with one descriptor, within `wait`, or with `None` in any time. The flags of the connection
/// stay as they are, for its other users. The descriptor is not inherited by child processes.
pub fn receive(from: impl AsFd, wait: Option<Duration>) -> Result<OwnedFd, DescriptorError> {
    let deadline = wait.map(|wait| (wait, Instant::now() + wait));
    loop {
        let left = match deadline {
            None => None,
            Some((wait, deadline)) => match deadline.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Err(DescriptorError::Late(wait)),
                left => Some(Timespec::try_from(left).map_err(io::Error::other)?),
            },
        };
        match poll(&mut [PollFd::new(&from, PollFlags::IN)], left.as_ref()) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        match message(from.as_fd()) {
            Err(DescriptorError::System(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            // The peer closed with unread data.
            Err(DescriptorError::System(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Err(DescriptorError::Ended);
            }
            result => return result,
        }
    }
}

fn message(from: BorrowedFd<'_>) -> Result<OwnedFd, DescriptorError> {
    let mut byte = [0];
    // Room for a second, so that one too many is noticed even where the kernel does not say that it cut the list.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut control, flags).map_err(io::Error::from)?;
    // Owned from here on, so that every descriptor that is not returned is closed.
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Err(DescriptorError::Ended);
    }
    if received.flags.contains(ReturnFlags::CTRUNC) || descriptors.len() > 1 {
        return Err(DescriptorError::Count { found: "several" });
    }
    descriptors.pop().ok_or(DescriptorError::Count { found: "no" })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::Write,
        os::unix::net::UnixStream,
    };

    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_millis(200));

    /// Sends this number of descriptors with one byte.
    fn send_many(to: &UnixStream, count: usize) {
        let file = File::open("/dev/null").unwrap();
        let descriptors = vec![file.as_fd(); count];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(to, &[IoSlice::new(b"x")], &mut control, SendFlags::empty()).unwrap();
    }

    /// The descriptors of `/dev/null` that this process received in a message: they alone are open for reading only and
    /// closed on exec, and no test of another module opens the file.
    fn open_nulls() -> usize {
        let open = fs::read_dir("/proc/self/fd").unwrap();
        open.filter(|entry| fs::read_link(entry.as_ref().unwrap().path()).is_ok_and(|to| to.ends_with("null"))).count()
    }

    #[test]
    fn one_descriptor_crosses_and_any_other_number_is_refused_and_closed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = File::open("/dev/zero").unwrap();
        send(&ours, file.as_fd()).unwrap();
        let received = receive(&theirs, WAIT).unwrap();
        let flags = rustix::io::fcntl_getfd(&received).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        assert_eq!(rustix::fs::fstat(&received).unwrap().st_rdev, rustix::fs::fstat(&file).unwrap().st_rdev);
        let before = open_nulls();
        for count in [2, 3, 253] {
            send_many(&ours, count);
            assert!(matches!(receive(&theirs, WAIT), Err(DescriptorError::Count { found: "several" })), "{count}");
        }
        (&ours).write_all(b"+").unwrap();
        assert!(matches!(receive(&theirs, WAIT), Err(DescriptorError::Count { found: "no" })));
        assert_eq!(open_nulls(), before);
        assert!(matches!(receive(&theirs, WAIT), Err(DescriptorError::Late(_))));
        drop(ours);
        assert!(matches!(receive(&theirs, WAIT), Err(DescriptorError::Ended)));
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(b"unread").unwrap();
        drop(ours);
        assert!(matches!(receive(&theirs, WAIT), Err(DescriptorError::Ended)));
    }
}
