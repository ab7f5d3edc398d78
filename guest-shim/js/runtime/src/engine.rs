//! The life of a script: its context, the loop of jobs and events, and the reports of errors.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};

use rquickjs::{Context, Ctx, Function, Module, Runtime, Value, qjs};

use crate::bindings::wasi::cli::exit;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::js::{self, Owned};
use crate::modules::{self, Main, Modules};
use crate::pending::{self, Pending};
use crate::print::{self, Target};
use crate::{library, objects, source};

/// The memory limit of a script's objects, in bytes. A script beyond it gets an exception, and its host goes on.
const MEMORY_LIMIT: usize = 1 << 30;
/// The engine's stack limit in bytes, in this component's memory; deeper recursion is a RangeError. wasmtime's own stack
/// must hold the corresponding frames.
const STACK_LIMIT: usize = 1 << 20;
/// The exit code after the time limit, as of timeout(1).
const TIMED_OUT: u8 = 124;
/// The exit code of a script whose module's promise cannot settle, as of Node.js.
const DEADLOCKED: u8 = 13;
/// The number of jobs between two checks of the deadline, above the number that scripts usually queue.
const JOBS_PER_LOOK: usize = 1000;

/// The host's arguments.
#[derive(Default)]
pub struct Options {
    pub main: Main,
    pub source: String,
    pub arguments: Vec<String>,
    /// The time limit in milliseconds.
    pub timeout: Option<u64>,
}

thread_local! {
    static ARGUMENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static EXIT_CODE: Cell<u8> = const { Cell::new(0) };
    static TIMER: RefCell<Option<Owned>> = const { RefCell::new(None) };
    static WHEN_IDLE: RefCell<Option<Owned>> = const { RefCell::new(None) };
    /// Rejected promises without a handler, with their reasons.
    static REJECTED: RefCell<Vec<(Owned, Owned)>> = const { RefCell::new(Vec::new()) };
    static DEADLINE: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

pub fn arguments() -> Vec<String> {
    ARGUMENTS.with_borrow(Clone::clone)
}

pub fn set_exit_code(code: u8) {
    EXIT_CODE.set(code);
}

pub fn on_timer(function: &Function<'_>) {
    let ctx = function.ctx().as_raw().as_ptr();
    TIMER.set(Some(Owned(ctx, js::dup(ctx, function.as_raw()))));
}

/// Sets the function that is called when nothing is pending. It may start new work.
pub fn when_idle(function: &Function<'_>) {
    let ctx = function.ctx().as_raw().as_ptr();
    WHEN_IDLE.set(Some(Owned(ctx, js::dup(ctx, function.as_raw()))));
}

fn late() -> bool {
    DEADLINE.get().is_some_and(|(deadline, _)| monotonic_clock::now() >= deadline)
}

/// Runs a script to its end, and returns its exit code.
pub async fn run(options: Options) -> u8 {
    let Options { main, source, arguments, timeout } = options;
    ARGUMENTS.set(arguments);
    modules::set_main(main.clone(), source.clone());
    if let Some(milliseconds) = timeout {
        let deadline = monotonic_clock::now().saturating_add(milliseconds.saturating_mul(1_000_000));
        DEADLINE.set(Some((deadline, milliseconds)));
    }
    let runtime = match Runtime::new().and_then(|runtime| Ok((Context::full(&runtime)?, runtime))) {
        Ok((context, runtime)) => (context, runtime),
        Err(error) => fatal(&format!("the engine does not start: {error}")),
    };
    let (context, runtime) = runtime;
    runtime.set_memory_limit(MEMORY_LIMIT);
    runtime.set_max_stack_size(STACK_LIMIT);
    runtime.set_interrupt_handler(Some(Box::new(late)));
    runtime.set_loader(Modules, Modules);
    runtime.set_host_promise_rejection_tracker(Some(Box::new(track_rejection)));

    let outcome = context.with(|ctx| start(&ctx, &main, source));
    let limit = DEADLINE.get().map(|(deadline, _)| deadline);
    let mut pending = Pending::default();
    let mut idle = false;
    loop {
        drain(&runtime, &context);
        if late() {
            fatal_timeout(None);
        }
        if !pending.turn(limit, false).await {
            if late() {
                fatal_timeout(None);
            }
            // Devices report their pending events, which the script may be waiting for.
            if !std::mem::replace(&mut idle, true) {
                call_when_idle();
                continue;
            }
            if !is_pending(&outcome) {
                break;
            }
            if !pending.turn(limit, true).await {
                if late() {
                    fatal_timeout(None);
                }
                let name = modules::main().name;
                print::write(Target::Stderr, &format!("{name}: waits for a promise that nothing settles\n"));
                exit::exit_with_code(DEADLOCKED);
            }
            idle = false;
        }
        let now = monotonic_clock::now();
        while let Some(id) = pending::due(now) {
            context.with(|ctx| fire(&ctx, id));
            drain(&runtime, &context);
            idle = false;
        }
    }
    drop(outcome);
    // The component's memory is freed with its instance.
    std::mem::forget((context, runtime, pending));
    EXIT_CODE.get()
}

fn is_pending(promise: &Owned) -> bool {
    unsafe { qjs::JS_PromiseState(promise.0, promise.1) == qjs::JSPromiseStateEnum_JS_PROMISE_PENDING }
}

fn call_when_idle() {
    let function = WHEN_IDLE.with_borrow(|function| function.as_ref().map(|it| Owned(it.0, js::dup(it.0, it.1))));
    if let Some(function) = function
        && let Err(js::Thrown) = js::call(function.0, function.1, js::UNDEFINED, &mut [])
    {
        fail_pending(function.0);
    }
}

/// Evaluates the library and the script; returns the promise of the script's module.
fn start(ctx: &Ctx<'_>, main: &Main, source: String) -> Owned {
    let raw = ctx.as_raw().as_ptr();
    objects::register(raw);
    unsafe { qjs::JS_AddIntrinsicDOMException(raw) };
    if let Err(error) = Module::declare(ctx.clone(), library::MAIN, library::source(library::MAIN).unwrap_or_default())
        .and_then(Module::eval)
    {
        caught(ctx, error);
    }
    while ctx.execute_pending_job() {}
    let module = source::prepare(ctx, &main.name, source).and_then(|text| modules::declare(ctx, &main.name, text));
    match module.and_then(Module::eval) {
        // Its rejection is reported like that of any promise without a handler.
        Ok((_, promise)) => Owned(raw, js::dup(raw, promise.as_value().as_raw())),
        Err(error) => caught(ctx, error),
    }
}

/// Runs jobs until the queue is empty, then reports the first rejected promise without a handler.
fn drain(runtime: &Runtime, context: &Context) {
    let mut jobs = 0;
    loop {
        match runtime.execute_pending_job() {
            Ok(false) => break,
            Ok(true) => {}
            Err(_) => context.with(|ctx| fail(&ctx, ctx.catch())),
        }
        jobs += 1;
        if jobs % JOBS_PER_LOOK == 0 && late() {
            fatal_timeout(None);
        }
    }
    let rejected = REJECTED.with_borrow_mut(|rejected| (!rejected.is_empty()).then(|| rejected.remove(0)));
    if let Some((promise, reason)) = rejected {
        context.with(|ctx| {
            let raw = ctx.as_raw().as_ptr();
            drop(promise);
            fail(&ctx, unsafe { Value::from_raw(ctx.clone(), js::dup(raw, reason.1)) });
        });
    }
}

fn track_rejection(ctx: Ctx<'_>, promise: Value<'_>, reason: Value<'_>, handled: bool) {
    let raw = ctx.as_raw().as_ptr();
    REJECTED.with_borrow_mut(|rejected| {
        if handled {
            rejected.retain(|(known, _)| known.1 != promise.as_raw());
        } else {
            rejected.push((Owned(raw, js::dup(raw, promise.as_raw())), Owned(raw, js::dup(raw, reason.as_raw()))));
        }
    });
}

fn fire(ctx: &Ctx<'_>, id: u32) {
    let raw = ctx.as_raw().as_ptr();
    let function = TIMER.with_borrow(|timer| timer.as_ref().map(|function| js::dup(raw, function.1)));
    let Some(function) = function.map(|function| Owned(raw, function)) else { return };
    if let Err(js::Thrown) = js::call(raw, function.1, js::UNDEFINED, &mut [js::number(f64::from(id))]) {
        fail(ctx, ctx.catch());
    }
}

fn caught(ctx: &Ctx<'_>, error: rquickjs::Error) -> ! {
    if error.is_exception() {
        fail(ctx, ctx.catch());
    }
    fatal(&error.to_string())
}

/// Like [`fail`], for the pending exception of a raw context.
pub fn fail_pending(raw: js::Context) {
    let Some(context) = std::ptr::NonNull::new(raw) else { return };
    let ctx = unsafe { Ctx::from_raw(context) };
    fail(&ctx, ctx.catch());
}

/// Reports an unhandled error, and exits with code 1.
pub fn fail(ctx: &Ctx<'_>, error: Value<'_>) -> ! {
    if late() {
        fatal_timeout(error.as_object().and_then(|object| place(&object.get::<_, String>("stack").ok()?)));
    }
    // The report needs memory beyond the limit.
    let raw = ctx.as_raw().as_ptr();
    unsafe { qjs::JS_SetMemoryLimit(qjs::JS_GetRuntime(raw), usize::MAX as _) };
    // The engine throws null when it cannot allocate an exception. A script may throw it, too.
    let exhausted = error.is_null() && exhausted(raw)
        || error
            .as_object()
            .is_some_and(|object| object.get::<_, String>("message").is_ok_and(|message| message == "out of memory"));
    if exhausted {
        let name = modules::main().name;
        fatal(&format!("{name}: out of memory: a script may take {} MiB", MEMORY_LIMIT >> 20));
    }
    fatal(&describe(ctx, &error))
}

/// Whether the script's objects fill almost all of the memory that they may take.
fn exhausted(raw: js::Context) -> bool {
    let mut usage = unsafe { std::mem::zeroed::<qjs::JSMemoryUsage>() };
    unsafe { qjs::JS_ComputeMemoryUsage(qjs::JS_GetRuntime(raw), &mut usage) };
    usize::try_from(usage.malloc_size).is_ok_and(|taken| taken > MEMORY_LIMIT / 2)
}

fn fatal_timeout(place: Option<String>) -> ! {
    let milliseconds = DEADLINE.get().map_or(0, |(_, milliseconds)| milliseconds);
    let name = modules::main().name;
    let at = place.map(|place| format!("; it was at {place}")).unwrap_or_default();
    print::write(Target::Stderr, &format!("{name}: did not end within {} s{at}\n", milliseconds as f64 / 1e3));
    exit::exit_with_code(TIMED_OUT);
    std::process::abort()
}

fn fatal(message: &str) -> ! {
    print::write(Target::Stderr, &format!("{message}\n"));
    exit::exit_with_code(1);
    std::process::abort()
}

/// An error's text: `FILE:LINE:COLUMN: NAME: MESSAGE`, then the stack without the library's frames.
fn describe(ctx: &Ctx<'_>, error: &Value<'_>) -> String {
    let Some(object) = error.as_object().filter(|object| object.contains_key("stack").unwrap_or(false)) else {
        let raw = ctx.as_raw().as_ptr();
        let text = objects::known(objects::Known::Inspect, |inspect| {
            js::call(raw, inspect, js::UNDEFINED, &mut [error.as_raw()])
        });
        let text = text.and_then(|text| js::to_string(raw, text.1)).unwrap_or_default();
        return format!("{}: uncaught {text}", modules::main().name);
    };
    let text = |key: &str| object.get::<_, String>(key).unwrap_or_default();
    let stack = text("stack");
    let frames: Vec<&str> = stack.lines().filter(|line| own(line)).collect();
    let place = place(&stack).unwrap_or_else(|| modules::main().name);
    let message = text("message");
    let name = text("name");
    let head = if message.is_empty() { name } else { format!("{name}: {message}") };
    let mut out = format!("{place}: {head}");
    // A single frame repeats the place.
    if frames.len() > 1 {
        for frame in frames {
            out.push('\n');
            out.push_str(frame);
        }
    }
    out
}

/// Whether a frame is the script's, not the library's or the engine's.
fn own(frame: &str) -> bool {
    !frame.contains(library::PREFIX) && !frame.contains("(native)") && !frame.trim().is_empty()
}

/// `FILE:LINE:COLUMN` of the script's innermost frame.
fn place(stack: &str) -> Option<String> {
    let frame = stack.lines().find(|line| own(line))?.trim().strip_prefix("at ")?;
    let inside = frame.rsplit_once('(').map_or(frame, |(_, inside)| inside.trim_end_matches(')'));
    Some(inside.to_owned())
}
