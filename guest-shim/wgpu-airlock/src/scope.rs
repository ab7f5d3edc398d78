//! Error scopes: one stack per thread in wgpu, one per device in the stream.
//!
//! The stream's stack is therefore that of the calling thread: when another thread calls, the scopes of the previous one are
//! popped, which requests their errors so far, and those of the caller are pushed. A device with scopes of a single thread has no
//! overhead.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use airlock_client::Client;
use airlock_client::device::Device;
use airlock_client::error::{ScopeWait, popped};
use airlock_protocol::commands::error::{ErrorFilter, GpuError};

use crate::context::lock;

/// The error scopes of a device.
#[derive(Default)]
pub struct Scopes(Mutex<Stacks>);

#[derive(Default)]
struct Stacks {
    /// Scopes of every thread that has any.
    threads: HashMap<ThreadId, Vec<Scope>>,
    /// The thread whose scopes are on the stream's stack; `None` if it is empty.
    current: Option<ThreadId>,
}

struct Scope {
    filter: ErrorFilter,
    /// Pending results from before each interruption by another thread's calls, in order.
    caught: Vec<ScopeWait>,
}

/// Pending results of a scope: the first error counts.
pub struct Caught(Vec<ScopeWait>);

impl Caught {
    pub async fn first(self) -> Option<GpuError> {
        let mut first = None;
        for wait in self.0 {
            // A scope that is missing on the stream's stack has caught nothing.
            let error = popped(wait.spinning().await).ok().flatten();
            first = first.or(error);
        }
        first
    }
}

impl Scopes {
    /// Switches the stream's stack to the calling thread.
    pub fn enter(&self, device: &Device, client: &mut Client) {
        let mut stacks = lock(&self.0);
        if !stacks.threads.is_empty() {
            stacks.enter(thread::current().id(), device, client);
        }
    }

    /// Opens a scope and returns its index on the thread's stack.
    pub fn push(&self, device: &Device, client: &mut Client, filter: ErrorFilter) -> u32 {
        let (mut stacks, thread) = (lock(&self.0), thread::current().id());
        stacks.enter(thread, device, client);
        device.push_error_scope(client, filter);
        stacks.current = Some(thread);
        let scopes = stacks.threads.entry(thread).or_default();
        scopes.push(Scope { filter, caught: Vec::new() });
        u32::try_from(scopes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Closes the innermost scope of the calling thread. Misuse is an error with wgpu's message.
    pub fn pop(&self, device: &Device, client: &mut Client, index: u32) -> Result<Caught, &'static str> {
        let (mut stacks, thread) = (lock(&self.0), thread::current().id());
        stacks.enter(thread, device, client);
        let scopes = stacks
            .threads
            .get_mut(&thread)
            .ok_or("Mismatched pop_error_scope call: no error scope for this thread. Error scopes are thread-local.")?;
        if scopes.len() != index as usize + 1 && !thread::panicking() {
            return Err("Mismatched pop_error_scope call: error scopes must be popped in reverse order.");
        }
        let mut caught = scopes.pop().map(|scope| scope.caught).unwrap_or_default();
        if scopes.is_empty() {
            stacks.threads.remove(&thread);
            stacks.current = None;
        }
        caught.extend(device.pop_error_scope(client));
        Ok(Caught(caught))
    }
}

impl Stacks {
    fn enter(&mut self, thread: ThreadId, device: &Device, client: &mut Client) {
        if self.current == Some(thread) {
            return;
        }
        if let Some(scopes) = self.current.take().and_then(|before| self.threads.get_mut(&before)) {
            for scope in scopes.iter_mut().rev() {
                scope.caught.extend(device.pop_error_scope(client));
            }
        }
        if let Some(scopes) = self.threads.get(&thread) {
            for scope in scopes {
                device.push_error_scope(client, scope.filter);
            }
            self.current = Some(thread);
        }
    }
}
