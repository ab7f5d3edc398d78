//! The part of QuickJS's C API that calls need. Values here are raw: the caller of a function documented as "New" frees the
//! value that it returns.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::CString;

use rquickjs::qjs;
pub use rquickjs::qjs::{JSContext, JSValue};

use crate::tables::{FIELDS, Field};

/// An error: an exception is pending in the context.
#[derive(Debug)]
pub struct Thrown;

pub type Js<T> = Result<T, Thrown>;

pub type Context = *mut JSContext;

thread_local! {
    /// Each table field's property name, interned at its first use.
    static ATOMS: RefCell<Vec<u32>> = RefCell::new(vec![0; FIELDS]);
}

pub fn dup(ctx: Context, value: JSValue) -> JSValue {
    unsafe { qjs::JS_DupValue(ctx, value) }
}

pub fn free(ctx: Context, value: JSValue) {
    unsafe { qjs::JS_FreeValue(ctx, value) }
}

/// A value freed at the end of its scope.
pub struct Owned(pub Context, pub JSValue);

impl Drop for Owned {
    fn drop(&mut self) {
        free(self.0, self.1);
    }
}

impl Owned {
    /// Takes the value that a QuickJS function returned: an exception becomes an error.
    pub fn new(ctx: Context, value: JSValue) -> Js<Owned> {
        if is_exception(value) { Err(Thrown) } else { Ok(Owned(ctx, value)) }
    }

    pub fn into_raw(self) -> JSValue {
        let value = self.1;
        std::mem::forget(self);
        value
    }
}

pub fn is_exception(value: JSValue) -> bool {
    unsafe { qjs::JS_IsException(value) }
}

pub fn is_undefined(value: JSValue) -> bool {
    unsafe { qjs::JS_IsUndefined(value) }
}

pub fn is_nullish(value: JSValue) -> bool {
    unsafe { qjs::JS_IsUndefined(value) || qjs::JS_IsNull(value) }
}

pub fn is_object(value: JSValue) -> bool {
    unsafe { qjs::JS_IsObject(value) }
}

/// Throws a TypeError.
pub fn type_error<T>(ctx: Context, message: &str) -> Js<T> {
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    unsafe { qjs::JS_ThrowTypeError(ctx, c"%s".as_ptr(), message.as_ptr()) };
    Err(Thrown)
}

/// Throws a RangeError.
pub fn range_error<T>(ctx: Context, message: &str) -> Js<T> {
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    unsafe { qjs::JS_ThrowRangeError(ctx, c"%s".as_ptr(), message.as_ptr()) };
    Err(Thrown)
}

/// The property named by a table field. New.
pub fn member(ctx: Context, object: JSValue, field: &Field) -> Js<Owned> {
    let known = ATOMS.with_borrow(|atoms| atoms[field.id]);
    let atom = if known != 0 {
        known
    } else {
        let made = unsafe { qjs::JS_NewAtomLen(ctx, field.name.as_ptr().cast(), field.name.len() as _) };
        ATOMS.with_borrow_mut(|atoms| atoms[field.id] = made);
        made
    };
    Owned::new(ctx, unsafe { qjs::JS_GetProperty(ctx, object, atom) })
}

/// An element of an array. New.
pub fn element(ctx: Context, array: JSValue, index: u32) -> Js<Owned> {
    Owned::new(ctx, unsafe { qjs::JS_GetPropertyUint32(ctx, array, index) })
}

pub fn call(ctx: Context, function: JSValue, this: JSValue, arguments: &mut [JSValue]) -> Js<Owned> {
    let count = arguments.len() as i32;
    Owned::new(ctx, unsafe { qjs::JS_Call(ctx, function, this, count, arguments.as_mut_ptr()) })
}

/// ECMAScript's ToNumber.
pub fn to_number(ctx: Context, value: JSValue) -> Js<f64> {
    let tag = unsafe { qjs::JS_VALUE_GET_TAG(value) };
    if tag == qjs::JS_TAG_INT {
        return Ok(f64::from(unsafe { qjs::JS_VALUE_GET_INT(value) }));
    }
    if unsafe { qjs::JS_IsBigInt(value) } {
        return type_error(ctx, "a BigInt is not a number");
    }
    let mut number = 0.0;
    if unsafe { qjs::JS_ToFloat64(ctx, &mut number, value) } < 0 { Err(Thrown) } else { Ok(number) }
}

pub fn to_bool(ctx: Context, value: JSValue) -> bool {
    unsafe { qjs::JS_ToBool(ctx, value) > 0 }
}

/// ECMAScript's ToString, as valid UTF-8: an unpaired surrogate becomes U+FFFD, as in a USVString.
pub fn to_text<T>(ctx: Context, value: JSValue, take: impl FnOnce(&mut [u8]) -> T) -> Js<T> {
    if unsafe { qjs::JS_VALUE_GET_TAG(value) } == qjs::JS_TAG_SYMBOL {
        return type_error(ctx, "a Symbol is not a string");
    }
    let mut length = 0;
    let text = unsafe { qjs::JS_ToCStringLen2(ctx, &mut length, value, false) };
    if text.is_null() {
        return Err(Thrown);
    }
    // The bytes may be shared with the string itself, so surrogates are replaced in a copy.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length as usize) };
    let mut copy = bytes.to_vec();
    unsafe { qjs::JS_FreeCString(ctx, text) };
    mend_surrogates(&mut copy);
    Ok(take(&mut copy))
}

pub fn to_string(ctx: Context, value: JSValue) -> Js<String> {
    to_text(ctx, value, |bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Replaces surrogates: QuickJS encodes one as ED A0..BF xx, which is not UTF-8; U+FFFD has three bytes as well.
fn mend_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&byte| byte == 0xed) {
        at += found;
        if bytes.get(at + 1).is_some_and(|&byte| byte >= 0xa0) && at + 2 < bytes.len() {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
        at += 1;
    }
}

/// A string. New.
pub fn string(ctx: Context, text: &str) -> JSValue {
    unsafe { qjs::JS_NewStringLen(ctx, text.as_ptr().cast(), text.len() as _) }
}

pub fn number(value: f64) -> JSValue {
    qjs::JS_NewFloat64(value)
}

pub fn boolean(value: bool) -> JSValue {
    if value { qjs::JS_TRUE } else { qjs::JS_FALSE }
}

pub const UNDEFINED: JSValue = qjs::JS_UNDEFINED;
pub const NULL: JSValue = qjs::JS_NULL;
pub const EXCEPTION: JSValue = qjs::JS_EXCEPTION;

/// The bytes of an ArrayBuffer or of a view; `None` for any other value.
pub fn bytes(ctx: Context, value: JSValue) -> Js<Option<(*mut u8, usize)>> {
    if !is_object(value) {
        return Ok(None);
    }
    let mut size = 0;
    if unsafe { qjs::JS_IsArrayBuffer(value) } {
        let start = unsafe { qjs::JS_GetArrayBuffer(ctx, &mut size, value) };
        return Ok(Some((start, size as usize)));
    }
    let (mut offset, mut length, mut unit) = (0, 0, 0);
    if unsafe { qjs::JS_GetTypedArrayType(value) } < 0 {
        return Ok(None);
    }
    let buffer =
        Owned::new(ctx, unsafe { qjs::JS_GetTypedArrayBuffer(ctx, value, &mut offset, &mut length, &mut unit) })?;
    let start = unsafe { qjs::JS_GetArrayBuffer(ctx, &mut size, buffer.1) };
    if start.is_null() {
        return Ok(Some((std::ptr::NonNull::dangling().as_ptr(), 0)));
    }
    Ok(Some((unsafe { start.add(offset as usize) }, length as usize)))
}

/// An ArrayBuffer that owns memory of the shared heap. New.
pub fn array_buffer(ctx: Context, start: *mut u8, length: usize) -> JSValue {
    unsafe extern "C" fn reallocate(
        _: *mut qjs::JSRuntime,
        _: *mut std::ffi::c_void,
        memory: *mut std::ffi::c_void,
        size: qjs::size_t,
    ) -> *mut std::ffi::c_void {
        unsafe extern "C" {
            fn realloc(memory: *mut std::ffi::c_void, size: usize) -> *mut std::ffi::c_void;
        }
        if size == 0 {
            unsafe { crate::heap::free(memory) };
            return std::ptr::null_mut();
        }
        unsafe { realloc(memory, size as usize) }
    }
    if length == 0 {
        return unsafe { qjs::JS_NewArrayBufferCopy(ctx, std::ptr::NonNull::dangling().as_ptr(), 0) };
    }
    unsafe { qjs::JS_NewArrayBuffer(ctx, start, length as _, 0, Some(reallocate), std::ptr::null_mut(), false) }
}

/// An ArrayBuffer of `bytes`. New.
pub fn array_buffer_of(ctx: Context, bytes: Vec<u8>) -> JSValue {
    let bytes = bytes.into_boxed_slice();
    let length = bytes.len();
    array_buffer(ctx, Box::into_raw(bytes).cast(), length)
}
