//! WebGPU's objects: each resource of the interface is a QuickJS class whose objects hold a handle. When an object is no
//! longer reachable, QuickJS frees it, and its handle is dropped.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CString, c_void};

use rquickjs::qjs;

use crate::abi::call;
use crate::js::{self, Context, JSValue, Js, Owned, Thrown};
use crate::pending;
use crate::tables::{FUNCTIONS, RESOURCES};

/// The library's functions that conversions call.
#[derive(Clone, Copy)]
pub enum Known {
    /// The elements of an iterable as an array; undefined for a value that is not iterable.
    ToArray,
    /// An object's own entries.
    Entries,
    /// The web's error for a kind, a message and a reason.
    MakeError,
    /// Throws unless a device has the feature that a format needs.
    NeedFeature,
    /// A value as `console.log` shows it, a string without quotes.
    Inspect,
}

/// The maximum number of objects with handles. A pending promise counts as two: its call, and the object that it is lent.
/// wasmtime traps a guest at 100 000 handles, of which calls lend some; a script gets an exception before.
const MAX_OBJECTS: usize = 95_000;

/// The number of refused objects between two collections, which take milliseconds.
const REFUSALS_PER_COLLECTION: usize = 10_000;

/// The number of `Known`'s values.
pub const KNOWN: usize = 5;

#[derive(Default)]
struct State {
    /// QuickJS's class number of each resource, in the order of `RESOURCES`.
    classes: Vec<u32>,
    prototypes: Vec<JSValue>,
    known: [Option<JSValue>; KNOWN],
    /// The number of objects with handles.
    live: usize,
    /// The number of objects and promises that were refused.
    refused: usize,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

pub fn wit(resource: usize) -> &'static str {
    RESOURCES[resource].wit
}

pub fn web(resource: usize) -> &'static str {
    RESOURCES[resource].web
}

pub fn number(name: &str) -> usize {
    RESOURCES.iter().position(|resource| resource.wit == name).unwrap_or(usize::MAX)
}

/// Registers the classes, once for each runtime.
pub fn register(ctx: Context) {
    let runtime = unsafe { qjs::JS_GetRuntime(ctx) };
    let classes = RESOURCES.iter().map(|resource| {
        let mut class = 0;
        unsafe { qjs::JS_NewClassID(runtime, &mut class) };
        let name = CString::new(resource.web).unwrap_or_default();
        let definition = qjs::JSClassDef {
            class_name: name.as_ptr(),
            finalizer: Some(finalize),
            gc_mark: None,
            call: None,
            exotic: std::ptr::null_mut(),
        };
        unsafe { qjs::JS_NewClass(runtime, class, &definition) };
        class
    });
    let classes: Vec<u32> = classes.collect();
    STATE.with_borrow_mut(|state| {
        state.prototypes = vec![js::NULL; classes.len()];
        state.classes = classes;
    });
}

unsafe extern "C" fn finalize(_: *mut qjs::JSRuntime, object: JSValue) {
    let mut class = 0;
    let handle = unsafe { qjs::JS_GetAnyOpaque(object, &mut class) } as u32;
    if handle != 0
        && let Some(resource) = STATE.with_borrow(|state| state.classes.iter().position(|&known| known == class))
    {
        drop_handle(resource, handle);
        STATE.with_borrow_mut(|state| state.live = state.live.saturating_sub(1));
    }
}

pub fn drop_handle(resource: usize, handle: u32) {
    (RESOURCES[resource].drop)(handle);
}

/// An object that owns `handle`. New.
pub fn wrap(ctx: Context, resource: usize, handle: u32) -> JSValue {
    let (prototype, class) = STATE.with_borrow(|state| (state.prototypes[resource], state.classes[resource]));
    let object = unsafe { qjs::JS_NewObjectProtoClass(ctx, prototype, class) };
    if js::is_exception(object) {
        drop_handle(resource, handle);
    } else {
        unsafe { qjs::JS_SetOpaque(object, handle as usize as *mut c_void) };
        STATE.with_borrow_mut(|state| state.live += 1);
    }
    object
}

/// Like [`wrap`], for a call's result: a RangeError if the script holds too many objects.
pub fn wrap_result(ctx: Context, resource: usize, handle: u32) -> Js<JSValue> {
    if let Err(Thrown) = room(ctx) {
        drop_handle(resource, handle);
        return Err(Thrown);
    }
    let object = wrap(ctx, resource, handle);
    if js::is_exception(object) { Err(Thrown) } else { Ok(object) }
}

/// Throws a RangeError if there is no handle for another object or promise.
pub fn room(ctx: Context) -> Js<()> {
    let full = || STATE.with_borrow(|state| state.live) + 2 * pending::waiting() >= MAX_OBJECTS;
    if !full() {
        return Ok(());
    }
    // Objects in cycles may be unreachable already. A script that goes on after a refusal does not collect each time.
    let refused = STATE.with_borrow(|state| state.refused);
    if refused.is_multiple_of(REFUSALS_PER_COLLECTION) {
        unsafe { qjs::JS_RunGC(qjs::JS_GetRuntime(ctx)) };
        if !full() {
            return Ok(());
        }
    }
    STATE.with_borrow_mut(|state| state.refused = refused.wrapping_add(1));
    js::range_error(ctx, &format!("a script may hold {MAX_OBJECTS} objects of WebGPU; a pending promise counts as two"))
}

/// The handle of an object, if it is of this resource.
pub fn handle(value: JSValue, resource: usize) -> Option<u32> {
    let class = STATE.with_borrow(|state| state.classes.get(resource).copied())?;
    let handle = unsafe { qjs::JS_GetOpaque(value, class) } as u32;
    (handle != 0).then_some(handle)
}

/// The WIT name of an object's resource.
pub fn kind(value: JSValue) -> Option<&'static str> {
    if !js::is_object(value) {
        return None;
    }
    let class = unsafe { qjs::JS_GetClassID(value) };
    let resource = STATE.with_borrow(|state| state.classes.iter().position(|&known| known == class))?;
    Some(wit(resource))
}

pub fn set_prototype(ctx: Context, name: &str, prototype: JSValue) -> Js<()> {
    let resource = number(name);
    STATE.with_borrow_mut(|state| match state.prototypes.get_mut(resource) {
        Some(place) => {
            *place = js::dup(ctx, prototype);
            Ok(())
        }
        None => js::type_error(ctx, &format!("there is no resource {name}")),
    })
}

pub fn set_known(ctx: Context, functions: [JSValue; KNOWN]) {
    STATE.with_borrow_mut(|state| state.known = functions.map(|function| Some(js::dup(ctx, function))));
}

/// Calls `use_it` with one of the library's functions.
pub fn known(which: Known, use_it: impl FnOnce(JSValue) -> Js<Owned>) -> Js<Owned> {
    let function = STATE.with_borrow(|state| state.known[which as usize]);
    use_it(function.unwrap_or(js::UNDEFINED))
}

/// The interface's description for the library: an array of `{ wit, web, methods: [{ name, call, attribute }] }`, with
/// functions without a resource under an empty name. New.
pub fn describe(ctx: Context) -> Js<Owned> {
    let list = Owned::new(ctx, unsafe { qjs::JS_NewArray(ctx) })?;
    let resources = RESOURCES.iter().map(|resource| (resource.wit, resource.web)).chain([("", "")]);
    for (index, (wit, web)) in resources.enumerate() {
        let methods = Owned::new(ctx, unsafe { qjs::JS_NewArray(ctx) })?;
        let mut count = 0;
        for (number, function) in FUNCTIONS.iter().enumerate() {
            if function.resource != (index < RESOURCES.len()).then_some(index)
                || function.wit.starts_with('[') && !function.method
            {
                continue;
            }
            let behind: unsafe extern "C" fn(Context, JSValue, i32, *mut JSValue, i32) -> JSValue =
                if function.is_async { call::later } else { call::now };
            let name = CString::new(function.web).unwrap_or_default();
            // SAFETY: QuickJS calls a function of this kind with its magic number as the fifth argument.
            let made = unsafe {
                qjs::JS_NewCFunction2(
                    ctx,
                    Some(std::mem::transmute::<
                        unsafe extern "C" fn(Context, JSValue, i32, *mut JSValue, i32) -> JSValue,
                        unsafe extern "C" fn(Context, JSValue, i32, *mut JSValue) -> JSValue,
                    >(behind)),
                    name.as_ptr(),
                    function.required() as i32,
                    qjs::JSCFunctionEnum_JS_CFUNC_generic_magic,
                    number as i32,
                )
            };
            let method = object(
                ctx,
                &[
                    (c"name", js::string(ctx, function.web)),
                    (c"call", made),
                    (c"attribute", js::boolean(function.attribute)),
                ],
            )?;
            unsafe { qjs::JS_DefinePropertyValueUint32(ctx, methods.1, count, method.into_raw(), 7) };
            count += 1;
        }
        let entry = object(
            ctx,
            &[(c"wit", js::string(ctx, wit)), (c"web", js::string(ctx, web)), (c"methods", methods.into_raw())],
        )?;
        unsafe { qjs::JS_DefinePropertyValueUint32(ctx, list.1, index as u32, entry.into_raw(), 7) };
    }
    Ok(list)
}

fn object(ctx: Context, members: &[(&std::ffi::CStr, JSValue)]) -> Js<Owned> {
    let object = Owned::new(ctx, unsafe { qjs::JS_NewObject(ctx) })?;
    for (name, value) in members {
        unsafe { qjs::JS_SetPropertyStr(ctx, object.1, name.as_ptr(), *value) };
    }
    Ok(object)
}
