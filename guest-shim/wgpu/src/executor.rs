//! A single-threaded executor over wit-bindgen's C ABI for waitables.
//!
//! wgpu's API has calls that block (`Device::poll(Wait)`), calls that do not (`Poll`), and callbacks that run inside both.
//! `wit_bindgen::block_on` supports only the first, and returns only when no future is pending, which never happens with an open
//! stream of errors. Here, futures are started once and advance in every `turn` and `block_on`.
#![expect(unsafe_code, reason = "implements wit-bindgen's C ABI, and calls the intrinsics of waitable sets")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Called by the executor when a waitable has an event; the second parameter is the event's code.
type Callback = unsafe extern "C" fn(*mut c_void, u32);
type Register = unsafe extern "C" fn(*mut c_void, u32, Callback, *mut c_void) -> *mut c_void;
type Unregister = unsafe extern "C" fn(*mut c_void, u32) -> *mut c_void;

/// `wasip3_task` of wit-bindgen, version 2.
#[repr(C)]
struct CabiTask {
    version: u32,
    ptr: *mut c_void,
    register: Register,
    unregister: Unregister,
    vtable: &'static CabiVtable,
}

#[repr(C)]
struct CabiVtable {
    register: Register,
    unregister: Unregister,
    clone: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    drop: unsafe extern "C" fn(*mut c_void),
}

static VTABLE: CabiVtable = CabiVtable { register, unregister, clone: clone_task, drop: drop_task };

#[cfg(target_family = "wasm")]
mod intrinsics {
    use super::CabiTask;
    unsafe extern "C" {
        pub fn wasip3_task_set(task: *mut CabiTask) -> *mut CabiTask;
    }
    #[link(wasm_import_module = "$root")]
    unsafe extern "C" {
        #[link_name = "[waitable-set-new]"]
        pub fn waitable_set_new() -> u32;
        #[link_name = "[waitable-join]"]
        pub fn waitable_join(waitable: u32, set: u32);
        #[link_name = "[waitable-set-wait]"]
        pub fn waitable_set_wait(set: u32, payload: *mut [u32; 2]) -> u32;
        #[link_name = "[waitable-set-poll]"]
        pub fn waitable_set_poll(set: u32, payload: *mut [u32; 2]) -> u32;
    }
}

/// Stubs for other targets, which have no host; the crate compiles there for the sake of tools.
#[cfg(not(target_family = "wasm"))]
mod intrinsics {
    use super::CabiTask;
    pub unsafe fn wasip3_task_set(_: *mut CabiTask) -> *mut CabiTask {
        std::ptr::null_mut()
    }
    pub unsafe fn waitable_set_new() -> u32 {
        0
    }
    pub unsafe fn waitable_join(_: u32, _: u32) {}
    pub unsafe fn waitable_set_wait(_: u32, _: *mut [u32; 2]) -> u32 {
        0
    }
    pub unsafe fn waitable_set_poll(_: u32, _: *mut [u32; 2]) -> u32 {
        0
    }
}

/// The event of an empty waitable set.
const EVENT_NONE: u32 = 0;
/// The set that a waitable joins to leave every set.
const NO_SET: u32 = 0;

/// A spawned future, and its wake flag.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    woken: Arc<Woken>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

#[derive(Default)]
struct Reactor {
    /// The set of all registered waitables; 0 before the first registration.
    set: Cell<u32>,
    /// A map without a hasher, whose seed would cost an import of random numbers.
    waitables: RefCell<BTreeMap<u32, (Callback, *mut c_void)>>,
    /// In the order of spawning, in which callbacks run. A task is absent while it is polled; all others are present, because it
    /// may wait for them.
    tasks: RefCell<BTreeMap<u64, Task>>,
    /// The key of the next task.
    next: Cell<u64>,
}

thread_local! {
    static REACTOR: Reactor = Reactor::default();
}

unsafe extern "C" fn register(_: *mut c_void, waitable: u32, callback: Callback, data: *mut c_void) -> *mut c_void {
    REACTOR.with(|reactor| {
        if reactor.set.get() == NO_SET {
            // SAFETY: an intrinsic without preconditions.
            reactor.set.set(unsafe { intrinsics::waitable_set_new() });
        }
        // SAFETY: wit-bindgen registers waitables that are alive; the set was made above and is never dropped.
        unsafe { intrinsics::waitable_join(waitable, reactor.set.get()) };
        let before = reactor.waitables.borrow_mut().insert(waitable, (callback, data));
        before.map_or(ptr::null_mut(), |(_, data)| data)
    })
}

unsafe extern "C" fn unregister(_: *mut c_void, waitable: u32) -> *mut c_void {
    // SAFETY: wit-bindgen unregisters waitables before it drops them.
    unsafe { intrinsics::waitable_join(waitable, NO_SET) };
    let before = REACTOR.with(|reactor| reactor.waitables.borrow_mut().remove(&waitable));
    before.map_or(ptr::null_mut(), |(_, data)| data)
}

/// The executor is unique and lives as long as the program, so references to it are not counted.
unsafe extern "C" fn clone_task(task: *mut c_void) -> *mut c_void {
    task
}

unsafe extern "C" fn drop_task(_: *mut c_void) {}

/// Sets this executor as the one where wit-bindgen registers waitables, while `f` runs.
fn within<R>(f: impl FnOnce() -> R) -> R {
    struct Reset(*mut CabiTask);
    impl Drop for Reset {
        fn drop(&mut self) {
            // SAFETY: puts back the pointer that was there, which is valid for longer than this frame.
            unsafe { intrinsics::wasip3_task_set(self.0) };
        }
    }
    // wit-bindgen compares `ptr` to tell executors apart; nothing reads through it.
    let ptr = (&raw const VTABLE).cast_mut().cast();
    let mut task = CabiTask { version: 2, ptr, register, unregister, vtable: &VTABLE };
    // SAFETY: `task` outlives `_reset`, which takes the pointer away again.
    let _reset = Reset(unsafe { intrinsics::wasip3_task_set(&mut task) });
    f()
}

/// Delivers all pending events to their waitables; with `wait`, blocks for the first one.
fn deliver(mut wait: bool) {
    loop {
        let (set, idle) = REACTOR.with(|reactor| (reactor.set.get(), reactor.waitables.borrow().is_empty()));
        if idle {
            return;
        }
        let mut payload = [0; 2];
        // SAFETY: the set exists since something was registered, and the payload is memory for two numbers.
        let event = unsafe {
            if wait {
                intrinsics::waitable_set_wait(set, &mut payload)
            } else {
                intrinsics::waitable_set_poll(set, &mut payload)
            }
        };
        if event == EVENT_NONE {
            return;
        }
        wait = false;
        let [waitable, code] = payload;
        // SAFETY: the event names a waitable of the set, and its callback is valid until it is called or unregistered.
        unsafe {
            intrinsics::waitable_join(waitable, NO_SET);
            let found = REACTOR.with(|reactor| reactor.waitables.borrow_mut().remove(&waitable));
            if let Some((callback, data)) = found {
                callback(data, code);
            }
        }
    }
}

/// Takes the first task after `last` that was woken.
fn take_woken(last: Option<u64>) -> Option<(u64, Task)> {
    REACTOR.with(|reactor| {
        let mut tasks = reactor.tasks.borrow_mut();
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut after = tasks.range((start, Bound::Unbounded));
        let key = after.find(|(_, task)| task.woken.0.load(Relaxed)).map(|(key, _)| *key)?;
        tasks.remove_entry(&key)
    })
}

fn any_is_woken() -> bool {
    REACTOR.with(|reactor| reactor.tasks.borrow().values().any(|task| task.woken.0.load(Relaxed)))
}

/// Polls each spawned future that was woken. They may spawn others, and call `turn` or `block_on` themselves.
fn poll_tasks() {
    let mut last = None;
    while let Some((key, mut task)) = take_woken(last) {
        task.woken.0.store(false, Relaxed);
        let waker = Waker::from(task.woken.clone());
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            REACTOR.with(|reactor| reactor.tasks.borrow_mut().insert(key, task));
        }
        last = Some(key);
    }
}

/// Starts a future. It is polled once now, and advances in every `turn` and `block_on`.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    if within(|| future.as_mut().poll(&mut Context::from_waker(&waker))).is_pending() {
        REACTOR.with(|reactor| {
            let key = reactor.next.replace(reactor.next.get() + 1);
            reactor.tasks.borrow_mut().insert(key, Task { future, woken });
        });
    }
}

/// Delivers pending events, without waiting for more.
pub fn turn() {
    // The host makes progress only while the guest does not run: without a yield, a loop of turns would find nothing.
    wit_bindgen::yield_blocking();
    within(|| {
        deliver(false);
        poll_tasks();
    });
}

/// Blocks until `future` is done. All spawned futures advance meanwhile.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    within(|| {
        loop {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            // A nested turn may have delivered an event for a task that was already visited.
            deliver(!any_is_woken());
            poll_tasks();
        }
    })
}

/// Starts a future now; the returned one blocks when it is polled, so that any executor can await it.
pub fn started<T: 'static>(future: impl Future<Output = T> + 'static) -> impl Future<Output = T> + 'static {
    let slot = Arc::new(Mutex::new(None));
    let filled = slot.clone();
    spawn(async move {
        let value = future.await;
        *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    });
    let take = move || slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    std::future::poll_fn(move |_| {
        Poll::Ready(block_on(std::future::poll_fn(|_| take().map_or(Poll::Pending, Poll::Ready))))
    })
}

thread_local! {
    /// Number of futures that must end before the program does.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// Starts a future that `finish` waits for.
pub fn spawn_to_the_end(future: impl Future<Output = ()> + 'static) {
    LAST.with(|last| last.set(last.get() + 1));
    spawn(async {
        future.await;
        LAST.with(|last| last.set(last.get() - 1));
    });
}

/// Waits for the futures of [`spawn_to_the_end`], so that errors of the last submits are reported.
pub fn finish() {
    block_on(std::future::poll_fn(|_| if LAST.get() == 0 { Poll::Ready(()) } else { Poll::Pending }));
    turn();
}
