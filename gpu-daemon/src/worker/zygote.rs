//! `gpu-daemon zygote`: a process that has loaded the drivers' libraries and forks workers for `serve`, named after Android's and
//! Chromium's.
//!
//! Half of a worker's start is the dynamic linker's work for the drivers' libraries, LLVM foremost, and a third of its own memory
//! are the pages that the linker changes. Forked workers have both from the zygote. What they also have of it is one layout of
//! their address spaces, the same for all.
//!
//! The zygote reads nothing but the requests of `serve`, starts no thread, opens no GPU and calls no driver: it only loads
//! libraries. Each child becomes a child of `serve` ([`platform::fork_sibling`]), enters its own jail, and is a worker from there on.

use std::{
    ffi::OsString,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use rustix::{
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
    process::{Pid, setpgid},
};

use crate::{
    drivers,
    logs::{self, LogFormat},
    options::{WorkerArguments, ZygoteArguments},
    platform,
    worker::{self, WorkerError},
};

/// The name of the subcommand.
pub const NAME: &str = "zygote";
/// The name that its children have. It replaces the other in the command line, and is as long.
const CHILD: &str = "worker";
/// Maximum bytes of a request: the folder and the arguments of a worker.
const MAX_REQUEST: usize = 16 << 10;
/// Descriptors of a request: connection, standard error, status file, and maybe the shader cache.
const DESCRIPTORS: usize = 4;
/// Reply to no request: the libraries are loaded.
pub const READY: i32 = 0;
/// The libraries of Mesa's drivers begin with this. Their constructors, and LLVM's, start no thread and open no device, which is
/// not known of others.
const MESA: &str = "libvulkan_";

/// A request for a worker.
#[derive(Debug)]
pub struct Request<'a> {
    /// The worker's folder, its `TMPDIR`.
    pub folder: &'a Path,
    /// The arguments, without those of descriptors.
    pub arguments: &'a [String],
    /// Its standard input and output.
    pub connection: BorrowedFd<'a>,
    /// Its standard error.
    pub errors: BorrowedFd<'a>,
    /// Its status file.
    pub status: BorrowedFd<'a>,
    /// Its shader cache.
    pub cache: Option<BorrowedFd<'a>>,
}

/// What a child makes a worker of.
#[derive(Debug)]
struct Order {
    folder: PathBuf,
    arguments: Vec<OsString>,
    descriptors: Vec<OwnedFd>,
}

/// A message of the server's.
#[derive(Debug)]
enum Received {
    Order(Order),
    Malformed,
    /// The server is gone.
    End,
}

/// A worker's command line without the program.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct CommandLine {
    #[command(flatten)]
    worker: WorkerArguments,
}

impl Request<'_> {
    /// Sends the request.
    pub fn send(&self, to: impl AsFd) -> io::Result<()> {
        let mut text = self.folder.as_os_str().as_bytes().to_vec();
        for argument in self.arguments {
            text.push(0);
            text.extend_from_slice(argument.as_bytes());
        }
        if text.len() > MAX_REQUEST {
            return Err(io::Error::other("the arguments are too long"));
        }
        let descriptors: Vec<_> = [self.connection, self.errors, self.status].into_iter().chain(self.cache).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        // There is room: the space was made for as many.
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        rustix::io::retry_on_intr(|| sendmsg(to.as_fd(), &[IoSlice::new(&text)], &mut control, flags))?;
        Ok(())
    }
}

/// Loads the drivers' libraries, then forks a worker for each request on standard input, a socket of whole messages, until its
/// end. Returns in each worker, too.
pub fn run(arguments: &ZygoteArguments) -> Result<ExitCode, WorkerError> {
    if !platform::end_with_parent(arguments.server).map_err(WorkerError::Server)? {
        platform::quit(0);
    }
    if !platform::stdin_is_messages() {
        return Err(WorkerError::ByHand);
    }
    preload();
    reply(READY).map_err(WorkerError::Handover)?;
    loop {
        let made = match receive().map_err(WorkerError::Handover)? {
            Received::Order(order) => match platform::fork_sibling() {
                Ok(None) => return order.carry_out(),
                made => made,
            },
            Received::Malformed => Err(io::Error::from_raw_os_error(libc::EINVAL)),
            Received::End => return Ok(ExitCode::SUCCESS),
        };
        let number = match made {
            Ok(pid) => Pid::as_raw(pid),
            Err(error) => error.raw_os_error().unwrap_or(libc::EINVAL).saturating_neg(),
        };
        reply(number).map_err(WorkerError::Handover)?;
    }
}

/// Loads the Vulkan loader and the libraries of Mesa's drivers. Where there is none, workers find none either.
fn preload() {
    platform::load(Path::new("libvulkan.so.1"));
    for library in drivers::used().filter_map(|manifest| manifest.library()) {
        if library.file_name().is_some_and(|name| name.as_bytes().starts_with(MESA.as_bytes())) {
            platform::load(&library);
        }
    }
}

/// Sends the process id of a worker, or a negative error number.
fn reply(number: i32) -> io::Result<()> {
    let sent = rustix::net::send(io::stdin(), &number.to_le_bytes(), SendFlags::NOSIGNAL)?;
    if sent == size_of_val(&number) { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives a request.
fn receive() -> io::Result<Received> {
    let mut text = vec![0; MAX_REQUEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(io::stdin(), &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let descriptors: Vec<_> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(rights) => Some(rights),
            _ => None,
        })
        .flatten()
        .collect();
    if received.bytes == 0 {
        return Ok(Received::End);
    }
    if received.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC) || descriptors.len() < DESCRIPTORS - 1 {
        return Ok(Received::Malformed);
    }
    text.truncate(received.bytes);
    let mut words = text.split(|&byte| byte == 0).map(|word| OsString::from_vec(word.to_vec()));
    let folder = words.next().unwrap_or_default().into();
    Ok(Received::Order(Order { folder, arguments: words.collect(), descriptors }))
}

impl Order {
    /// Makes a worker of this process, the child.
    fn carry_out(self) -> Result<ExitCode, WorkerError> {
        // Only for those who look at it.
        let _ = platform::rename(NAME, CHILD);
        let Self { folder, arguments, descriptors } = self;
        let mut descriptors = descriptors.into_iter();
        let mut next = || descriptors.next().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData));
        let mut set_up = || -> io::Result<(OwnedFd, Option<OwnedFd>)> {
            let connection = next()?;
            rustix::stdio::dup2_stdin(&connection)?;
            rustix::stdio::dup2_stdout(&connection)?;
            rustix::stdio::dup2_stderr(&next()?)?;
            // A terminal's Ctrl-C is for the server, which leaves workers time to end.
            setpgid(None, None)?;
            platform::set_variable("TMPDIR", folder.as_os_str())?;
            Ok((next()?, next().ok()))
        };
        let (status, cache) = set_up().map_err(WorkerError::Handover)?;
        logs::start(LogFormat::Text, "warn");
        let line = CommandLine::try_parse_from(arguments);
        let mut worker = line.map_err(|error| WorkerError::Handover(io::Error::other(error)))?.worker;
        worker.status_fd = Some(status.into_raw_fd());
        worker.shader_cache_fd = cache.map(IntoRawFd::into_raw_fd);
        worker::run(&worker)
    }
}
