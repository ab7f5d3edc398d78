//! Calls of the interface's functions from JavaScript, synchronous or with a promise.

use std::alloc::Layout;
use std::cell::OnceCell;
use std::ffi::c_int;

use rquickjs::qjs;
use wit_bindgen::rt::async_support::Subtask;

use super::arena::Arena;
use super::lift;
use super::lower::{Lower, Path, Step};
use crate::js::{self, Context, JSValue, Js, Owned, Thrown, type_error};
use crate::objects::{self, Known};
use crate::pending;
use crate::tables::{FUNCTIONS, Function, Load, MAX_ARGUMENTS, Ty};

/// The maximum size of a result in bytes: the largest are a result with an error of two words and a variant.
const MAX_RESULT: usize = 64;

/// The C function behind every synchronous function of the interface; `magic` is its number.
pub unsafe extern "C" fn now(ctx: Context, this: JSValue, argc: c_int, argv: *mut JSValue, magic: c_int) -> JSValue {
    let function = &FUNCTIONS[magic as usize];
    let mut arena = Arena::take();
    let result = prepare(ctx, &mut arena, function, this, argc, argv).and_then(|arguments| {
        arena.called();
        finish(ctx, function, &arguments)
    });
    arena.release(ctx);
    result.unwrap_or(js::EXCEPTION)
}

/// Like [`now`], for functions that may wait: returns a promise, and rejects it with an exception.
pub unsafe extern "C" fn later(ctx: Context, this: JSValue, argc: c_int, argv: *mut JSValue, magic: c_int) -> JSValue {
    let function = &FUNCTIONS[magic as usize];
    let mut settle = [js::UNDEFINED; 2];
    let promise = unsafe { qjs::JS_NewPromiseCapability(ctx, settle.as_mut_ptr()) };
    if js::is_exception(promise) {
        return promise;
    }
    let capability = pending::Capability { ctx, resolve: settle[0], reject: settle[1] };
    let mut arena = Arena::take();
    match objects::room(ctx).and_then(|()| prepare(ctx, &mut arena, function, this, argc, argv)) {
        Err(Thrown) => {
            arena.release(ctx);
            capability.reject();
        }
        Ok(arguments) => {
            arena.called();
            pending::add(async move {
                let mut call = Call { ctx, function, arguments };
                let result = Subtask::call(&mut call, ()).await;
                arena.release(ctx);
                capability.settle(result);
            });
        }
    }
    promise
}

/// Stores a function's arguments to the arena, and returns them flat, without the pointer to the result.
fn prepare(
    ctx: Context,
    arena: &mut Arena,
    function: &'static Function,
    this: JSValue,
    argc: c_int,
    argv: *mut JSValue,
) -> Js<[u64; MAX_ARGUMENTS]> {
    let given = usize::try_from(argc).unwrap_or(0);
    let base = arena.alloc(function.size);
    if function.method {
        let resource = function.resource.unwrap_or_default();
        let Some(handle) = objects::handle(this, resource) else {
            return type_error(ctx, &format!("{}: called on another object", function.path));
        };
        super::lower::put(base, handle);
        arena.hold(ctx, this);
    }
    if given < function.required() {
        return type_error(
            ctx,
            &format!("{}: {} arguments required, {given} given", function.path, function.required()),
        );
    }
    if given > OFFSETS_SEQUENCE && function.web == "setBindGroup" {
        // SAFETY: the engine passes at least `given` arguments.
        offsets_overload(ctx, function, unsafe { std::slice::from_raw_parts(argv, given) })?;
    }
    let path = Path { parent: None, step: Step::Function(function.path) };
    let mut lower = Lower { ctx, arena };
    for (index, field) in function.parameters.iter().enumerate() {
        let value = if index < given { unsafe { *argv.add(index) } } else { js::UNDEFINED };
        lower.field(field, value, base, &Path { parent: Some(&path), step: Step::Member(field.name) })?;
    }
    if !arena.featured.is_empty() && function.resource.is_some_and(|resource| objects::wit(resource) == "gpu-device") {
        check_features(ctx, arena, this)?;
    }
    Ok(flatten(function, base))
}

/// Throws a TypeError for a format whose feature the device lacks. In WIT, that is a validation error.
fn check_features(ctx: Context, arena: &mut Arena, device: JSValue) -> Js<()> {
    for (format, feature) in std::mem::take(&mut arena.featured) {
        let (format, feature) = (Owned(ctx, js::string(ctx, format)), Owned(ctx, js::string(ctx, feature)));
        objects::known(Known::NeedFeature, |function| {
            js::call(ctx, function, js::UNDEFINED, &mut [device, feature.1, format.1])
        })?;
    }
    Ok(())
}

/// The number of arguments of `setBindGroup` whose dynamic offsets are a sequence. With more, they are a part of a typed array.
const OFFSETS_SEQUENCE: usize = 3;

/// Checks the arguments of `setBindGroup(index, bindGroup, data, start, length)`: WebIDL's overloads differ in their number,
/// and this one takes only a Uint32Array.
fn offsets_overload(ctx: Context, function: &Function, arguments: &[JSValue]) -> Js<()> {
    let [_, _, data, start, length, ..] = arguments else {
        let given = arguments.len();
        return type_error(ctx, &format!("{}: 5 arguments required, {given} given", function.path));
    };
    let kind = unsafe { qjs::JS_GetTypedArrayType(*data) };
    if kind != qjs::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT32 as c_int {
        return type_error(ctx, &format!("{}: dynamicOffsetsData is not a Uint32Array", function.path));
    }
    if js::is_undefined(*start) || js::is_undefined(*length) {
        return type_error(ctx, &format!("{}: the start and the length are required", function.path));
    }
    Ok(())
}

fn flatten(function: &Function, base: *const u8) -> [u64; MAX_ARGUMENTS] {
    let mut arguments = [0; MAX_ARGUMENTS];
    match function.flat {
        None => arguments[0] = base as u64,
        Some(loads) => {
            for (argument, load) in arguments.iter_mut().zip(loads) {
                // SAFETY: the table's offsets lie within the parameters, which `base` points to.
                *argument = unsafe {
                    match *load {
                        Load::U8(at) => u64::from(*base.add(at)),
                        Load::U16(at) => u64::from(base.add(at).cast::<u16>().read_unaligned()),
                        Load::U32(at) => u64::from(base.add(at).cast::<u32>().read_unaligned()),
                        Load::U64(at) => base.add(at).cast::<u64>().read_unaligned(),
                    }
                };
            }
        }
    }
    arguments
}

/// The number of core arguments before the pointer to the result.
fn arity(function: &Function) -> usize {
    function.flat.map_or(1, <[Load]>::len)
}

fn finish(ctx: Context, function: &Function, arguments: &[u64; MAX_ARGUMENTS]) -> Js<JSValue> {
    let mut result = [0u64; MAX_RESULT / 8];
    let mut arguments = *arguments;
    if function.retptr {
        arguments[arity(function)] = result.as_mut_ptr() as u64;
        (function.call)(&arguments);
    } else {
        // A flat result has the same bytes as in memory.
        result[0] = (function.call)(&arguments);
    }
    match &function.result {
        Some(ty) => lift::load(ctx, ty, result.as_ptr().cast()),
        None => Ok(js::UNDEFINED),
    }
}

/// A call of an async function, for wit-bindgen's executor.
struct Call {
    ctx: Context,
    function: &'static Function,
    arguments: [u64; MAX_ARGUMENTS],
}

// SAFETY: the arguments and what they point to lie in an arena that outlives the call; the layout is the result's.
unsafe impl Subtask for Call {
    type Params = ();
    type ParamsLower = [u64; MAX_ARGUMENTS];
    type Results = Result<JSValue, JSValue>;

    fn abi_layout(&mut self) -> Layout {
        Layout::from_size_align(self.function.result_size.max(1), self.function.result_align)
            .unwrap_or(Layout::new::<u64>())
    }

    fn results_offset(&mut self) -> usize {
        0
    }

    unsafe fn call_import(&mut self, mut arguments: Self::ParamsLower, results: *mut u8) -> u32 {
        if self.function.retptr {
            arguments[arity(self.function)] = results as u64;
        }
        (self.function.call)(&arguments) as u32
    }

    unsafe fn params_lower(&mut self, (): (), _: *mut u8) -> Self::ParamsLower {
        self.arguments
    }

    unsafe fn params_dealloc_lists(&mut self, _: Self::ParamsLower) {}

    unsafe fn params_dealloc_lists_and_own(&mut self, _: Self::ParamsLower) {}

    unsafe fn results_lift(&mut self, from: *mut u8) -> Self::Results {
        let value = match &self.function.result {
            Some(ty) => lift::load(self.ctx, ty, from),
            None => Ok(js::UNDEFINED),
        };
        value.map_err(|Thrown| unsafe { qjs::JS_GetException(self.ctx) })
    }
}

fn find(name: &str) -> &'static Function {
    FUNCTIONS.iter().find(|function| function.wit == name).unwrap_or_else(|| panic!("the interface has {name}"))
}

/// Calls `createView()` on a texture that is passed in place of a view.
pub fn default_view(texture: u32) -> u32 {
    thread_local!(static CREATE: OnceCell<&'static Function> = const { OnceCell::new() });
    let create = CREATE.with(|function| *function.get_or_init(|| find("[method]gpu-texture.create-view")));
    let mut arena = Arena::take();
    let base = arena.alloc(create.size);
    super::lower::put(base, texture);
    let view = (create.call)(&flatten(create, base));
    arena.release(std::ptr::null_mut());
    view as u32
}

/// A resource that represents a plain object of the web: `requiredLimits`, `constants`.
pub struct Map {
    pub handle: u32,
    add: &'static Function,
}

impl Map {
    pub fn new(resource: usize) -> Map {
        let name = objects::wit(resource);
        let make = find(&format!("[constructor]{name}"));
        Map { handle: (make.call)(&[0; MAX_ARGUMENTS]) as u32, add: find(&format!("[method]{name}.add")) }
    }

    /// Whether a value may be absent.
    pub fn optional(&self) -> bool {
        matches!(self.add.parameters, [_, value] if matches!(value.ty, Ty::Option(_)))
    }

    pub fn add(&self, lower: &mut Lower, key: &str, value: JSValue, path: &Path) -> Js<()> {
        let base = lower.arena.alloc(self.add.size);
        super::lower::put(base, self.handle);
        let [key_field, value_field] = self.add.parameters else { return Ok(()) };
        let text = Owned(lower.ctx, js::string(lower.ctx, key));
        lower.field(key_field, text.1, base, path)?;
        lower.field(value_field, value, base, path)?;
        (self.add.call)(&flatten(self.add, base));
        Ok(())
    }
}
