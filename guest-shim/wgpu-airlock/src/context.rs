//! State shared by all objects of an instance: the client, behind a lock that every call holds while it encodes.
//!
//! Objects that do not change are in the handles that wgpu holds. Buffers and textures change (they are mapped and destroyed), so
//! they are beside the client, behind its lock, and their handles have keys.

use std::fmt;
use std::ops::{Deref, Index, IndexMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airlock_client::Client;
use airlock_client::buffer::Buffer;
use airlock_client::object::DeviceObject;
use airlock_client::texture::Texture;
use airlock_traces::capture::Recorder;

use crate::scope::Scopes;

/// The client and the recorders of an instance. The client ends before the recorders, which receive its last events.
pub struct Context {
    state: Mutex<State>,
    _recorders: Vec<Arc<Recorder>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// State behind the lock.
pub struct State {
    pub client: Client,
    pub buffers: Slab<Buffer>,
    pub textures: Slab<Texture>,
}

impl Context {
    pub fn new(client: Client, recorders: Vec<Arc<Recorder>>) -> Arc<Context> {
        let state = State { client, buffers: Slab::default(), textures: Slab::default() };
        Arc::new(Context { state: Mutex::new(state), _recorders: recorders })
    }

    /// Locks the state, for a call that raises no error.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Locks the state for a call on a device, whose errors reach the error scopes of the calling thread.
    pub fn lock_for(&self, scopes: &Scopes, device: &airlock_client::device::Device) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        scopes.enter(device, &mut state.client);
        state
    }
}

/// Locks a mutex, poisoned or not: the guarded values are consistent at any time.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values by index. Indices are reused.
pub struct Slab<T> {
    values: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { values: Vec::new(), free: Vec::new() }
    }
}

/// Key of a value in a [`Slab`]. Its owner removes the value in the end, and does not use the key afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Key(usize);

impl<T> Slab<T> {
    pub fn insert(&mut self, value: T) -> Key {
        match self.free.pop() {
            Some(index) => {
                self.values[index] = Some(value);
                Key(index)
            }
            None => {
                self.values.push(Some(value));
                Key(self.values.len() - 1)
            }
        }
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        let value = self.values.get_mut(key.0)?.take()?;
        self.free.push(key.0);
        Some(value)
    }
}

impl<T> Index<Key> for Slab<T> {
    type Output = T;

    fn index(&self, key: Key) -> &T {
        match &self.values[key.0] {
            Some(value) => value,
            None => unreachable!("a key was used after its value was removed"),
        }
    }
}

impl<T> IndexMut<Key> for Slab<T> {
    fn index_mut(&mut self, key: Key) -> &mut T {
        match &mut self.values[key.0] {
            Some(value) => value,
            None => unreachable!("a key was used after its value was removed"),
        }
    }
}

/// An object of the client that does not change, released on drop. It must not be dropped under the context's lock.
pub struct Object<T: DeviceObject> {
    /// `None` only during the drop.
    object: Option<T>,
    context: Arc<Context>,
}

impl<T: DeviceObject> Object<T> {
    pub fn new(object: T, context: &Arc<Context>) -> Object<T> {
        Object { object: Some(object), context: context.clone() }
    }
}

impl<T: DeviceObject> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.object.as_ref().map(T::label).unwrap_or_default())
    }
}

impl<T: DeviceObject> Deref for Object<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.object {
            Some(object) => object,
            None => unreachable!("an object is used while it is dropped"),
        }
    }
}

impl<T: DeviceObject> Drop for Object<T> {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            object.release(&mut self.context.lock().client);
        }
    }
}
