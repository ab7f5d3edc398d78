//! Lowering of arguments by WebIDL's conversions: a JavaScript value becomes a value of the interface, stored in the
//! canonical ABI's layout, or a TypeError that names the place.

use std::fmt;

use rquickjs::qjs;

use super::arena::Arena;
use crate::js::{self, Context, JSValue, Js, Owned, Thrown, type_error};
use crate::objects::{self, Known};
use crate::tables::{Enum, Field, Flags, List, Poison, Record, Ty, Union, Variant};

/// The maximum of WebIDL's `[EnforceRange] unsigned long long`.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
/// The maximum length of a sequence, above that of any list of the interface; ends an infinite iteration.
const MAX_SEQUENCE: usize = 1 << 20;
/// A binding number that is always invalid: `maxBindingsPerBindGroup` is far below.
const INVALID_BINDING: u32 = u32::MAX;

/// The features that formats need, by the start of a format's name.
const FEATURES: [(&str, &str); 5] = [
    ("bc", "texture-compression-bc"),
    ("etc2-", "texture-compression-etc2"),
    ("eac-", "texture-compression-etc2"),
    ("astc-", "texture-compression-astc"),
    ("depth32float-stencil8", "depth32float-stencil8"),
];

/// A value's position in the arguments, from the innermost step outwards.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    pub parent: Option<&'a Path<'a>>,
    pub step: Step<'a>,
}

#[derive(Clone, Copy)]
pub enum Step<'a> {
    Function(&'static str),
    Member(&'a str),
    Index(usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Function(name) => write!(f, "{name}: "),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Member(name) => match self.parent {
                Some(Path { step: Step::Function(_), .. }) | None => f.write_str(name),
                Some(_) => write!(f, ".{name}"),
            },
        }
    }
}

/// The conversions of one call.
pub struct Lower<'a> {
    pub ctx: Context,
    pub arena: &'a mut Arena,
}

impl Lower<'_> {
    /// Stores `value` at `to`, which must be zeroed.
    pub fn store(&mut self, ty: &Ty, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        match ty {
            Ty::Bool => put(to, u8::from(js::to_bool(self.ctx, value))),
            // `maxAnisotropy` alone has this type; WebIDL clamps it.
            Ty::U16 => put(to, self.number(value, path)?.clamp(0.0, 65535.0).round_ties_even() as u16),
            Ty::U32 => put(to, self.integer(value, 0.0, 4_294_967_295.0, path)? as u32),
            Ty::S32 => put(to, self.integer(value, -2_147_483_648.0, 2_147_483_647.0, path)? as i32),
            Ty::U64 => put(to, self.integer(value, 0.0, MAX_SAFE_INTEGER, path)? as u64),
            Ty::F32 => {
                let number = self.number(value, path)?;
                if !(number as f32).is_finite() {
                    return self.fail(path, "is not a finite number of 32 bits");
                }
                put(to, number as f32);
            }
            Ty::F64 => {
                let number = self.number(value, path)?;
                if !number.is_finite() {
                    return self.fail(path, "is not a finite number");
                }
                put(to, number);
            }
            Ty::Str => self.text(value, to)?,
            Ty::Bytes => match js::bytes(self.ctx, value)? {
                Some((start, length)) => put_pair(to, start, length),
                None => return self.fail(path, "is not an ArrayBuffer or a view of one"),
            },
            Ty::Enum(cases) => self.enumeration(cases, value, to, path)?,
            Ty::Flags(flags) => self.flags(flags, value, to, path)?,
            Ty::Record(record) => self.record(record, value, to, path)?,
            Ty::Option(option) => {
                if js::is_undefined(value) {
                    return Ok(());
                }
                put(to, 1u8);
                self.store(&option.inner, value, unsafe { to.add(option.offset) }, path)?;
            }
            Ty::List(list) => self.list(list, value, to, path)?,
            Ty::Variant(variant) => self.union(variant, value, to, path)?,
            Ty::Borrow(resource) => {
                let handle = self.lent(*resource, value, path)?;
                put(to, handle);
            }
            Ty::Own(resource) => self.map(*resource, value, to, path)?,
            Ty::Result(_) => return self.fail(path, "cannot be given"),
        }
        Ok(())
    }

    /// Stores a dictionary member or a parameter.
    pub fn field(&mut self, field: &Field, value: JSValue, base: *mut u8, path: &Path) -> Js<()> {
        let to = unsafe { base.add(field.offset) };
        if field.nullable && js::is_nullish(value) {
            return Ok(());
        }
        self.store(&field.ty, value, to, path)
    }

    fn fail<T>(&self, path: &Path, problem: &str) -> Js<T> {
        type_error(self.ctx, &format!("{path} {problem}"))
    }

    fn number(&self, value: JSValue, path: &Path) -> Js<f64> {
        if unsafe { qjs::JS_IsBigInt(value) } {
            return self.fail(path, "is a BigInt, not a number");
        }
        js::to_number(self.ctx, value)
    }

    /// Converts with `[EnforceRange]`.
    fn integer(&self, value: JSValue, min: f64, max: f64, path: &Path) -> Js<f64> {
        let number = self.number(value, path)?;
        if !number.is_finite() {
            return self.fail(path, "is not a finite number");
        }
        let integer = number.trunc();
        if integer < min || integer > max {
            return self.fail(path, &format!("is {number}, outside of {min} to {max}"));
        }
        Ok(integer)
    }

    fn text(&mut self, value: JSValue, to: *mut u8) -> Js<()> {
        let arena = &mut *self.arena;
        js::to_text(self.ctx, value, |bytes| {
            let start = arena.alloc(bytes.len());
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            put_pair(to, start, bytes.len());
        })
    }

    fn enumeration(&mut self, cases: &Enum, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        let found =
            js::to_text(self.ctx, value, |bytes| cases.values.iter().position(|case| case.as_bytes() == bytes))?;
        match found {
            Some(case) => {
                let format = if cases.name == "GPUTextureFormat" { cases.values[case] } else { "" };
                if let Some((_, feature)) = FEATURES.iter().find(|(start, _)| format.starts_with(start)) {
                    self.arena.featured.push((format, feature));
                }
                put_sized(to, case as u32, cases.size);
            }
            None => {
                let text = js::to_string(self.ctx, value)?;
                return self.fail(path, &format!("is {text:?}, not a {}", cases.name));
            }
        }
        Ok(())
    }

    fn flags(&mut self, flags: &Flags, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        let bits = self.integer(value, 0.0, 4_294_967_295.0, path)? as u32;
        let known = (1 << flags.bits) - 1;
        if bits & !known == 0 {
            put_sized(to, bits, flags.size);
        } else {
            // 0 is invalid as a usage or a map mode. Where it is valid, the dictionary's `Poison` applies. A view's usage
            // must be a subset of its texture's, which never has all bits.
            self.arena.unknown_bits = true;
            let view = matches!(
                path.parent,
                Some(Path {
                    step: Step::Member("descriptor"),
                    parent: Some(Path { step: Step::Function("GPUTexture.createView"), .. })
                })
            );
            put_sized(to, if view { known } else { 0 }, flags.size);
        }
        Ok(())
    }

    fn record(&mut self, record: &Record, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        if !js::is_nullish(value) && !js::is_object(value) {
            return self.fail(path, &format!("is not a {}", record.name));
        }
        if let Some((min, max)) = record.sequence
            && js::is_object(value)
            && let Some(array) = self.sequence(value, path)?
        {
            return self.numbers(record, array, min, max, to, path);
        }
        let outer = std::mem::replace(&mut self.arena.unknown_bits, false);
        for field in record.fields {
            let member =
                if js::is_object(value) { js::member(self.ctx, value, field)? } else { Owned(self.ctx, js::UNDEFINED) };
            let path = Path { parent: Some(path), step: Step::Member(field.name) };
            if js::is_undefined(member.1) && !matches!(field.ty, Ty::Option(_)) {
                return self.fail(&path, "is required");
            }
            self.field(field, member.1, to, &path)?;
        }
        if std::mem::replace(&mut self.arena.unknown_bits, outer) {
            self.poison(record, to);
        }
        Ok(())
    }

    fn poison(&mut self, record: &Record, to: *mut u8) {
        let offset = |name: &str| record.fields.iter().find(|field| field.name == name).map(|field| field.offset);
        match record.poison {
            Poison::Nothing => {}
            Poison::Binding => {
                if let Some(offset) = offset("binding") {
                    put(unsafe { to.add(offset) }, INVALID_BINDING);
                }
            }
            Poison::Format => {
                let format = record.fields.iter().find(|field| field.name == "format");
                if let Some(Field { ty: Ty::Enum(cases), offset, .. }) = format
                    && let Some(case) = cases.values.iter().position(|&value| value == "stencil8")
                {
                    put_sized(unsafe { to.add(*offset) }, case as u32, cases.size);
                }
            }
        }
    }

    /// Stores a dictionary given as a sequence of numbers.
    fn numbers(&mut self, record: &Record, array: Owned, min: usize, max: usize, to: *mut u8, path: &Path) -> Js<()> {
        let length = self.length(array.1)?;
        if length < min || length > max {
            return self.fail(path, &format!("has {length} elements, not {min} to {max}"));
        }
        // The table has the members by their names; numbers come in the order of the record.
        let rank = |field: &Field| record.fields.iter().filter(|other| other.offset < field.offset).count();
        for index in 0..record.fields.len() {
            let Some(field) = record.fields.iter().find(|field| rank(field) == index) else { continue };
            let value = if index < length {
                js::element(self.ctx, array.1, index as u32)?
            } else {
                Owned(self.ctx, js::UNDEFINED)
            };
            self.field(field, value.1, to, &Path { parent: Some(path), step: Step::Index(index) })?;
        }
        Ok(())
    }

    /// The elements of an iterable as an array or typed array; `None` if the value is not iterable.
    fn sequence(&self, value: JSValue, path: &Path) -> Js<Option<Owned>> {
        if unsafe { qjs::JS_IsArray(value) || qjs::JS_GetTypedArrayType(value) >= 0 } {
            return Ok(Some(Owned(self.ctx, js::dup(self.ctx, value))));
        }
        let array =
            objects::known(Known::ToArray, |function| js::call(self.ctx, function, js::UNDEFINED, &mut [value]))?;
        if js::is_undefined(array.1) {
            return Ok(None);
        }
        if !unsafe { qjs::JS_IsArray(array.1) } {
            return self.fail(path, "is not iterable");
        }
        Ok(Some(array))
    }

    fn length(&self, array: JSValue) -> Js<usize> {
        let mut length = 0;
        if unsafe { qjs::JS_GetLength(self.ctx, array, &mut length) } < 0 {
            return Err(Thrown);
        }
        Ok(usize::try_from(length).unwrap_or(0))
    }

    fn list(&mut self, list: &List, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        if !js::is_object(value) {
            return self.fail(path, "is not iterable");
        }
        let Some(array) = self.sequence(value, path)? else { return self.fail(path, "is not iterable") };
        let length = self.length(array.1)?;
        if length > MAX_SEQUENCE {
            return self.fail(path, &format!("has {length} elements, more than {MAX_SEQUENCE}"));
        }
        let start = self.arena.alloc(length * list.size);
        for index in 0..length {
            let item = js::element(self.ctx, array.1, index as u32)?;
            let to = unsafe { start.add(index * list.size) };
            let path = Path { parent: Some(path), step: Step::Index(index) };
            match list.element {
                // A null element of a sequence of nullable elements stays zeroed.
                Ty::Option(_) if js::is_nullish(item.1) => {}
                _ => self.store(&list.element, item.1, to, &path)?,
            }
        }
        put_pair(to, start, length);
        Ok(())
    }

    fn union(&mut self, variant: &Variant, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        let case = |name: &str| variant.cases.iter().position(|(case, _)| *case == name).unwrap_or_default();
        let chosen = match variant.kind {
            Union::Layout => {
                if objects::kind(value) == Some("gpu-pipeline-layout") {
                    case("specific")
                } else if js::is_object(value) {
                    return self.fail(path, "is not a GPUPipelineLayout or \"auto\"");
                } else if js::to_text(self.ctx, value, |bytes| bytes == b"auto")? {
                    case("auto")
                } else {
                    return self.fail(path, "is not a GPUPipelineLayout or \"auto\"");
                }
            }
            Union::Resource => match objects::kind(value) {
                Some(kind @ ("gpu-buffer" | "gpu-sampler" | "gpu-texture" | "gpu-texture-view")) => case(kind),
                _ if js::is_object(value) => case("gpu-buffer-binding"),
                _ => return self.fail(path, "is not a GPUBindingResource"),
            },
            Union::Plain => return self.fail(path, "cannot be given"),
        };
        put(to, chosen as u8);
        match variant.cases[chosen].1 {
            Some(ty) => self.store(&ty, value, unsafe { to.add(variant.offset) }, path),
            None => Ok(()),
        }
    }

    /// An object's handle; holds the object until the call ends. A texture is replaced by its default view.
    fn lent(&mut self, resource: usize, value: JSValue, path: &Path) -> Js<u32> {
        if let Some(handle) = objects::handle(value, resource) {
            self.arena.hold(self.ctx, value);
            return Ok(handle);
        }
        if objects::wit(resource) == "gpu-texture-view"
            && let Some(texture) = objects::handle(value, objects::number("gpu-texture"))
        {
            let view = super::call::default_view(texture);
            self.arena.hold(self.ctx, value);
            self.arena.lend(resource, view);
            return Ok(view);
        }
        self.fail(path, &format!("is not a {}", objects::web(resource)))
    }

    /// Stores a plain object as a resource that represents a map.
    fn map(&mut self, resource: usize, value: JSValue, to: *mut u8, path: &Path) -> Js<()> {
        if !js::is_object(value) {
            return self.fail(path, "is not an object");
        }
        let map = super::call::Map::new(resource);
        self.arena.give(resource, map.handle);
        let entries =
            objects::known(Known::Entries, |function| js::call(self.ctx, function, js::UNDEFINED, &mut [value]))?;
        for index in 0..self.length(entries.1)? {
            let entry = js::element(self.ctx, entries.1, index as u32)?;
            let key = js::to_string(self.ctx, js::element(self.ctx, entry.1, 0)?.1)?;
            let value = js::element(self.ctx, entry.1, 1)?;
            // `requiredLimits` ignores limits without a value; a constant needs one.
            if js::is_undefined(value.1) && map.optional() {
                continue;
            }
            let path = Path { parent: Some(path), step: Step::Member(&key) };
            map.add(self, &key, value.1, &path)?;
        }
        put(to, map.handle);
        Ok(())
    }
}

pub fn put<T>(to: *mut u8, value: T) {
    unsafe { to.cast::<T>().write_unaligned(value) }
}

fn put_pair(to: *mut u8, start: *mut u8, length: usize) {
    put(to, start as u32);
    put(unsafe { to.add(4) }, length as u32);
}

fn put_sized(to: *mut u8, value: u32, size: usize) {
    match size {
        1 => put(to, value as u8),
        2 => put(to, value as u16),
        _ => put(to, value),
    }
}
