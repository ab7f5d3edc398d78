//! Rules of WGSL on variables, entry points and arguments that naga does not check.

use std::ops::RangeInclusive;

use naga::{
    AddressSpace, Binding, EntryPoint, Expression, Function, Handle, ImageClass, Literal, MathFunction, Module,
    ShaderStage, Span, StorageAccess, Type, TypeInner, valid::ModuleInfo,
};

/// Texel offsets that WGSL allows.
const OFFSETS: RangeInclusive<f64> = -8.0..=7.0;
/// Width of an integer in bits.
const BITS: f64 = 32.0;
/// The largest constant exponent of `ldexp`: the bias of f32, plus one.
const MAX_EXPONENT: f64 = 128.0;

/// Finds a variable or entry point that violates a rule; returns the reason and its place.
pub fn flaw(module: &Module, info: &ModuleInfo) -> Option<(String, Span)> {
    let variables = module.global_variables.iter().find_map(|(handle, variable)| {
        let name = variable.name.as_deref().unwrap_or("a variable");
        let reason = match variable.space {
            AddressSpace::Immediate if holds(module, variable.ty, is_array) => {
                format!("`{name}` has an array, which immediate data cannot have")
            }
            AddressSpace::Storage { access }
                if !access.contains(StorageAccess::STORE) && holds(module, variable.ty, is_atomic) =>
            {
                format!("`{name}` has an atomic, and is not `read_write`")
            }
            _ => return None,
        };
        Some((reason, module.global_variables.get_span(handle)))
    });
    variables.or_else(|| {
        module.entry_points.iter().enumerate().find_map(|(index, entry)| {
            let reason = located(entry).or_else(|| written_by_vertices(module, info, index, entry))?;
            Some((reason, Span::UNDEFINED))
        })
    })
}

/// Finds a call of a builtin function with invalid constant arguments.
pub fn argument_flaw(module: &Module) -> Option<(String, Span)> {
    let functions = module.functions.iter().map(|(_, function)| function);
    functions.chain(module.entry_points.iter().map(|entry| &entry.function)).find_map(|function| {
        function.expressions.iter().find_map(|(handle, expression)| {
            let constant = |argument: Option<Handle<Expression>>| numbers(module, function, argument?);
            let reason = match *expression {
                Expression::ImageSample { offset, .. } => offset_flaw(&constant(offset)?),
                Expression::Math { fun, arg, arg1, arg2, arg3 } => match fun {
                    MathFunction::Clamp => {
                        low_flaw("clamp", &constant(arg1)?, &constant(arg2)?, |low, high| low > high)
                    }
                    MathFunction::SmoothStep => {
                        low_flaw("smoothstep", &constant(Some(arg))?, &constant(arg1)?, |low, high| low == high)
                    }
                    MathFunction::ExtractBits => bits_flaw("extractBits", &constant(arg1)?, &constant(arg2)?),
                    MathFunction::InsertBits => bits_flaw("insertBits", &constant(arg2)?, &constant(arg3)?),
                    MathFunction::Ldexp => exponent_flaw(&constant(arg1)?),
                    _ => None,
                },
                _ => None,
            }?;
            Some((reason, function.expressions.get_span(handle)))
        })
    })
}

/// True if a type, or a type that it contains, is of this kind.
fn holds(module: &Module, ty: Handle<Type>, kind: fn(&TypeInner) -> bool) -> bool {
    let mut types = vec![ty];
    while let Some(ty) = types.pop() {
        let Ok(Type { inner, .. }) = module.types.get_handle(ty) else { continue };
        if kind(inner) {
            return true;
        }
        match inner {
            TypeInner::Array { base, .. } => types.push(*base),
            TypeInner::Struct { members, .. } => types.extend(members.iter().map(|member| member.ty)),
            _ => {}
        }
    }
    false
}

fn is_array(ty: &TypeInner) -> bool {
    matches!(ty, TypeInner::Array { .. })
}

fn is_atomic(ty: &TypeInner) -> bool {
    matches!(ty, TypeInner::Atomic(_))
}

/// WGSL, "location": compute shaders have none.
fn located(entry: &EntryPoint) -> Option<String> {
    let is_located = |binding: &Option<Binding>| matches!(binding, Some(Binding::Location { .. }));
    let mut bindings = entry.function.arguments.iter().map(|argument| &argument.binding);
    let found =
        bindings.any(is_located) || entry.function.result.as_ref().is_some_and(|result| is_located(&result.binding));
    (entry.stage == ShaderStage::Compute && found)
        .then(|| format!("the compute shader `{}` has a location", entry.name))
}

/// WGSL, "Access Modes": vertex shaders write to no storage.
fn written_by_vertices(module: &Module, info: &ModuleInfo, index: usize, entry: &EntryPoint) -> Option<String> {
    if entry.stage != ShaderStage::Vertex {
        return None;
    }
    let uses = info.get_entry_point(index);
    let mut used = module.global_variables.iter().filter(|&(handle, _)| !uses[handle].is_empty());
    let (_, variable) = used.find(|(_, variable)| {
        let access = match variable.space {
            AddressSpace::Storage { access } => access,
            _ => match module.types.get_handle(variable.ty).map(|ty| &ty.inner) {
                Ok(&TypeInner::Image { class: ImageClass::Storage { access, .. }, .. }) => access,
                _ => return false,
            },
        };
        access.contains(StorageAccess::STORE)
    })?;
    let name = variable.name.as_deref().unwrap_or("a variable");
    Some(format!("the vertex shader `{}` uses `{name}`, which can be written", entry.name))
}

fn offset_flaw(offset: &[f64]) -> Option<String> {
    let wrong = offset.iter().find(|at| !OFFSETS.contains(*at))?;
    Some(format!("the offset {wrong} of texels is not within {} and {}", OFFSETS.start(), OFFSETS.end()))
}

fn low_flaw(name: &str, low: &[f64], high: &[f64], is_wrong: fn(f64, f64) -> bool) -> Option<String> {
    let (low, high) = low.iter().zip(high).find(|&(&low, &high)| is_wrong(low, high))?;
    Some(format!("`{name}` goes from {low} to {high}"))
}

fn bits_flaw(name: &str, offset: &[f64], count: &[f64]) -> Option<String> {
    let (offset, count) = offset.iter().zip(count).find(|&(offset, count)| offset + count > BITS)?;
    Some(format!("`{name}` takes {count} bits from bit {offset} on, and there are {BITS}"))
}

fn exponent_flaw(exponent: &[f64]) -> Option<String> {
    let wrong = exponent.iter().find(|&&exponent| exponent > MAX_EXPONENT)?;
    Some(format!("`ldexp` has the exponent {wrong}, above {MAX_EXPONENT}"))
}

/// The components of a constant scalar or vector; `None` for any other expression.
fn numbers(module: &Module, function: &Function, expression: Handle<Expression>) -> Option<Vec<f64>> {
    let mut arena = &function.expressions;
    let mut found = Vec::new();
    let mut parts = vec![expression];
    while let Some(part) = parts.pop() {
        match arena.try_get(part).ok()? {
            Expression::Literal(literal) => found.push(number(*literal)?),
            // A constant consists of constants: none of its parts is an expression of the function.
            Expression::Constant(constant) if parts.is_empty() && found.is_empty() => {
                arena = &module.global_expressions;
                parts.push(module.constants.try_get(*constant).ok()?.init);
            }
            Expression::Compose { components, .. } if components.len() <= 4 => parts.extend(components.iter().rev()),
            Expression::Splat { size, value } => parts.extend(std::iter::repeat_n(*value, *size as usize)),
            _ => return None,
        }
    }
    Some(found)
}

fn number(literal: Literal) -> Option<f64> {
    Some(match literal {
        Literal::F64(number) | Literal::AbstractFloat(number) => number,
        Literal::F32(number) => f64::from(number),
        Literal::F16(number) => f64::from(number),
        Literal::I32(number) => f64::from(number),
        Literal::U32(number) => f64::from(number),
        Literal::I16(number) => f64::from(number),
        Literal::U16(number) => f64::from(number),
        Literal::AbstractInt(number) => f64::from(i32::try_from(number).ok()?),
        Literal::I64(_) | Literal::U64(_) | Literal::Bool(_) => return None,
    })
}
