//! Status file: a worker's counters, in a memory file of fixed length that the worker inherits and writes and `serve`
//! reads. Neither waits for the other, and a worker that writes garbage spoils only its own numbers.

use std::{io, os::fd::AsFd};

/// The counters of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Batches executed.
    pub batches: u64,
    /// Commands executed.
    pub commands: u64,
    /// Bytes of batches and bulk data from the client.
    pub bytes_in: u64,
    /// Bytes of events to the client.
    pub bytes_out: u64,
    /// Submits.
    pub submits: u64,
    /// Bytes of GPU memory of the session's buffers and textures, as the quota counts them.
    pub gpu_memory: u64,
    /// Creations and writes refused by a quota.
    pub quota_hits: u64,
    /// Reason of the session's end: [`End`]'s number, 0 while it runs.
    pub end: u64,
    /// Submits and writes that a quota made wait for earlier ones.
    pub throttled: u64,
    /// 1 once drivers start that may open a GPU node: from then on the end of the process may reset a GPU.
    pub gpu: u64,
}

/// Reason of a session's end, as the worker reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum End {
    /// The client disconnected.
    Client = 1,
    /// The client broke the protocol.
    Violation = 2,
    /// wgpu or the driver panicked.
    Panic = 3,
    /// A quota ended the session.
    Quota = 4,
    /// A submit took too long.
    GpuDeadline = 5,
    /// A compilation took too long.
    CompileDeadline = 6,
    /// Another command took too long.
    CommandDeadline = 7,
    /// The client did not read its events or did not finish a batch.
    ClientDeadline = 8,
}

/// Length of the status file in bytes.
pub const STATUS_LEN: usize = 80;

impl Status {
    fn fields(&mut self) -> [&mut u64; STATUS_LEN / 8] {
        let Self { batches, commands, bytes_in, bytes_out, submits, gpu_memory, quota_hits, end, throttled, gpu } =
            self;
        [batches, commands, bytes_in, bytes_out, submits, gpu_memory, quota_hits, end, throttled, gpu]
    }

    /// Writes the counters, little-endian, in the order of their declaration.
    pub fn write(mut self, to: impl AsFd) -> io::Result<()> {
        let bytes: Vec<u8> = self.fields().into_iter().flat_map(|field| field.to_le_bytes()).collect();
        rustix::io::pwrite(to, &bytes, 0)?;
        Ok(())
    }

    /// Reads the counters; they are zero until the worker's first write.
    pub fn read(from: impl AsFd) -> io::Result<Self> {
        let mut bytes = [0; STATUS_LEN];
        rustix::io::pread(from, &mut bytes, 0)?;
        let mut status = Self::default();
        for (field, bytes) in status.fields().into_iter().zip(bytes.as_chunks().0) {
            *field = u64::from_le_bytes(*bytes);
        }
        Ok(status)
    }
}

impl End {
    /// All reasons, in order of their numbers.
    pub const ALL: [End; 8] = [
        End::Client,
        End::Violation,
        End::Panic,
        End::Quota,
        End::GpuDeadline,
        End::CompileDeadline,
        End::CommandDeadline,
        End::ClientDeadline,
    ];

    /// Decodes a number; `None` for an unknown one.
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|&end| end as u64 == number)
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    #[test]
    fn counters_are_read_as_they_were_written() {
        let file = memfd_create("status", MemfdFlags::CLOEXEC).unwrap();
        assert_eq!(Status::read(&file).unwrap(), Status::default());
        let status = Status { batches: 1, bytes_out: u64::MAX, end: End::Quota as u64, ..Status::default() };
        status.write(&file).unwrap();
        assert_eq!(Status::read(&file).unwrap(), status);
        assert_eq!(End::of(4), Some(End::Quota));
        assert_eq!(End::of(0), None);
        assert!(End::ALL.iter().enumerate().all(|(index, end)| *end as u64 == index as u64 + 1));
    }
}
