//! System calls injected into another process, as by an attacker who controls it: a thread is stopped with ptrace,
//! executes one call with any arguments, and continues unchanged. The jail treats the call like the attacker's.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt,
};

use nix::{
    libc::{c_long, user_regs_struct},
    sys::{
        ptrace,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// The `syscall` instruction.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Bytes below the stack's top that the thread's function may use without reserving them (System V ABI, "red zone").
const RED_ZONE: u64 = 128;
/// Bytes for the arguments' memory.
const SPACE: u64 = 4096;

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// A number, descriptor or flag.
    Number(i64),
    /// The address of these bytes, which the call may change.
    Bytes(&'a [u8]),
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Argument::Number(number)
    }
}

/// The result of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call's return value, negative for an error.
    Returned(i64),
    /// The process was killed by this signal.
    Killed(i32),
}

impl Outcome {
    /// True when the call was refused with EPERM, EACCES or ENOSYS.
    pub fn is_refused(&self) -> bool {
        use nix::libc::{EACCES, ENOSYS, EPERM};
        matches!(self, Outcome::Returned(code) if [EPERM, EACCES, ENOSYS].iter().any(|&no| *code == -i64::from(no)))
    }
}

/// A process whose main thread is stopped. It continues when this is dropped.
#[derive(Debug)]
pub struct Stopped {
    pid: Pid,
    before: user_regs_struct,
    memory: File,
    instruction: u64,
    ended: bool,
}

impl Stopped {
    /// Stops a process.
    pub fn new(id: u32) -> Self {
        let pid = Pid::from_raw(i32::try_from(id).expect("a process number"));
        ptrace::attach(pid).expect("ptrace");
        let stopped = waitpid(pid, Some(WaitPidFlag::__WALL)).expect("its stop");
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
        let before = ptrace::getregs(pid).expect("its registers");
        // The kernel's own file: no link is followed.
        #[allow(clippy::disallowed_methods)]
        let memory = OpenOptions::new().read(true).write(true).open(format!("/proc/{id}/mem")).expect("its memory");
        let instruction = instruction(id, &memory);
        Self { pid, before, memory, instruction, ended: false }
    }

    /// Executes a call in the process.
    pub fn call(&mut self, number: c_long, arguments: &[Argument<'_>]) -> Outcome {
        self.call_with(number, arguments).0
    }

    /// As [`Stopped::call`], and returns the bytes of the last [`Argument::Bytes`] after the call.
    pub fn call_with(&mut self, number: c_long, arguments: &[Argument<'_>]) -> (Outcome, Vec<u8>) {
        assert!(!self.ended, "the process has ended");
        let mut registers = self.before;
        let mut place = (self.before.rsp - RED_ZONE - SPACE) & !0xf;
        let mut last = None;
        let mut values = [0_u64; 6];
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = match argument {
                Argument::Number(number) => number.cast_unsigned(),
                Argument::Bytes(bytes) => {
                    self.memory.write_all_at(bytes, place).expect("its stack");
                    let at = place;
                    last = Some((at, bytes.len()));
                    place += bytes.len().next_multiple_of(16) as u64;
                    at
                }
            };
        }
        [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9] = values;
        registers.rax = number.cast_unsigned();
        registers.rip = self.instruction;
        // The thread may have been in a call, which must not be restarted now.
        registers.orig_rax = u64::MAX;
        ptrace::setregs(self.pid, registers).expect("its registers");
        ptrace::step(self.pid, None).expect("a step");
        loop {
            match waitpid(self.pid, Some(WaitPidFlag::__WALL)).expect("its stop") {
                WaitStatus::Stopped(_, nix::sys::signal::Signal::SIGTRAP) => break,
                WaitStatus::Stopped(_, signal) => ptrace::step(self.pid, signal).expect("a step"),
                WaitStatus::Signaled(_, signal, _) => {
                    self.ended = true;
                    return (Outcome::Killed(signal as i32), Vec::new());
                }
                other => panic!("{other:?}"),
            }
        }
        let returned = ptrace::getregs(self.pid).expect("its registers").rax.cast_signed();
        let mut bytes = Vec::new();
        if let Some((place, length)) = last {
            bytes.resize(length, 0);
            self.memory.read_exact_at(&mut bytes, place).expect("its stack");
        }
        (Outcome::Returned(returned), bytes)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if !self.ended {
            let _ = ptrace::setregs(self.pid, self.before);
            let _ = ptrace::detach(self.pid, None);
        }
    }
}

/// The address of the instruction in a process.
fn instruction(id: u32, memory: &File) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).expect("its memory");
    for line in maps.lines().filter(|line| line.contains(" r-xp ") && line.contains("/libc")) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
        let address = |text| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = (address(start), address(end));
        let mut code = vec![0; usize::try_from(end - start).expect("a length")];
        memory.read_exact_at(&mut code, start).expect("its code");
        if let Some(found) = code.windows(2).position(|two| two == SYSCALL) {
            return start + found as u64;
        }
    }
    panic!("no system call in {maps}");
}
