//! Lifting of results: values of the interface in memory become JavaScript values.

use crate::heap;
use crate::js::{self, Context, JSValue, Js, Owned, Thrown};
use crate::objects::{self, Known};
use crate::tables::{Fallible, List, Record, Ty, Variant};

/// Reads a value. New. Memory that the host allocated for it is freed, or becomes the value's own.
pub fn load(ctx: Context, ty: &Ty, from: *const u8) -> Js<JSValue> {
    Ok(match ty {
        Ty::Bool => js::boolean(get::<u8>(from) != 0),
        Ty::U16 => js::number(f64::from(get::<u16>(from))),
        Ty::U32 => js::number(f64::from(get::<u32>(from))),
        Ty::S32 => js::number(f64::from(get::<i32>(from))),
        Ty::U64 => js::number(get::<u64>(from) as f64),
        Ty::F32 => js::number(f64::from(get::<f32>(from))),
        Ty::F64 => js::number(get::<f64>(from)),
        Ty::Str => js::string(ctx, &text(from)),
        Ty::Bytes => {
            let (start, length) = pair(from);
            js::array_buffer(ctx, start, length)
        }
        Ty::Enum(cases) => {
            let case = sized(from, cases.size) as usize;
            js::string(ctx, cases.values.get(case).copied().unwrap_or_default())
        }
        Ty::Flags(flags) => js::number(f64::from(sized(from, flags.size) & ((1 << flags.bits) - 1))),
        Ty::Option(option) => match get::<u8>(from) {
            0 => js::NULL,
            _ => load(ctx, &option.inner, unsafe { from.add(option.offset) })?,
        },
        Ty::Own(resource) | Ty::Borrow(resource) => objects::wrap_result(ctx, *resource, get::<u32>(from))?,
        Ty::Record(record) => dictionary(ctx, record, from)?,
        Ty::List(list) => array(ctx, list, from)?,
        Ty::Variant(variant) => js::string(ctx, case(variant, from).0),
        Ty::Result(result) => outcome(ctx, result, from)?,
    })
}

fn dictionary(ctx: Context, record: &Record, from: *const u8) -> Js<JSValue> {
    let object = Owned::new(ctx, unsafe { rquickjs::qjs::JS_NewObject(ctx) })?;
    for field in record.fields {
        let value = load(ctx, &field.ty, unsafe { from.add(field.offset) })?;
        let name = std::ffi::CString::new(field.name).unwrap_or_default();
        unsafe { rquickjs::qjs::JS_SetPropertyStr(ctx, object.1, name.as_ptr(), value) };
    }
    Ok(object.into_raw())
}

fn array(ctx: Context, list: &List, from: *const u8) -> Js<JSValue> {
    let (start, length) = pair(from);
    let array = Owned::new(ctx, unsafe { rquickjs::qjs::JS_NewArray(ctx) })?;
    for index in 0..length {
        let value = load(ctx, &list.element, unsafe { start.add(index * list.size) })?;
        unsafe { rquickjs::qjs::JS_DefinePropertyValueUint32(ctx, array.1, index as u32, value, 7) };
    }
    if length > 0 {
        unsafe { heap::free(start.cast()) };
    }
    Ok(array.into_raw())
}

/// Reads a result: returns its value, or throws the web's exception for its error.
fn outcome(ctx: Context, result: &Fallible, from: *const u8) -> Js<JSValue> {
    let payload = unsafe { from.add(result.offset) };
    match (get::<u8>(from), result.ok, result.err) {
        (0, Some(ty), _) => load(ctx, &ty, payload),
        (0, None, _) => Ok(js::UNDEFINED),
        (_, _, Some(Ty::Record(error))) => {
            let (mut kind, mut reason, mut message) = ("", js::UNDEFINED, js::UNDEFINED);
            for field in error.fields {
                let at = unsafe { payload.add(field.offset) };
                match field.ty {
                    Ty::Variant(variant) => {
                        let (name, inner) = case(variant, at);
                        kind = name;
                        if let Some(ty) = inner {
                            reason = load(ctx, &ty, unsafe { at.add(variant.offset) })?;
                        }
                    }
                    ty => message = load(ctx, &ty, at)?,
                }
            }
            let (reason, message) = (Owned(ctx, reason), Owned(ctx, message));
            let kind = Owned(ctx, js::string(ctx, kind));
            let error = objects::known(Known::MakeError, |function| {
                js::call(ctx, function, js::UNDEFINED, &mut [kind.1, message.1, reason.1])
            })?;
            unsafe { rquickjs::qjs::JS_Throw(ctx, error.into_raw()) };
            Err(Thrown)
        }
        _ => js::type_error(ctx, "the host's answer has an unknown form"),
    }
}

fn case(variant: &Variant, from: *const u8) -> (&'static str, Option<Ty>) {
    variant.cases.get(usize::from(get::<u8>(from))).copied().unwrap_or_default()
}

fn get<T: Copy>(from: *const u8) -> T {
    unsafe { from.cast::<T>().read_unaligned() }
}

fn sized(from: *const u8, size: usize) -> u32 {
    match size {
        1 => u32::from(get::<u8>(from)),
        2 => u32::from(get::<u16>(from)),
        _ => get(from),
    }
}

fn pair(from: *const u8) -> (*mut u8, usize) {
    (get::<u32>(from) as *mut u8, get::<u32>(unsafe { from.add(4) }) as usize)
}

fn text(from: *const u8) -> String {
    let (start, length) = pair(from);
    if length == 0 {
        return String::new();
    }
    let text = String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(start, length) }).into_owned();
    unsafe { heap::free(start.cast()) };
    text
}
