//! Pointer arguments of functions.
//!
//! Without the language feature `unrestricted_pointer_parameters`, which is not offered, an argument that is a pointer
//! has the memory view of its root variable: `&v`, or a parameter that is a pointer, but neither `&v[i]` nor `&v.m`
//! (WGSL, "Function Calls", "Alias Analysis"). naga accepts them all, and its SPIR-V writer panics on some.

use naga::{Block, Expression, Function, Handle, Module, Span, Statement, TypeInner};

/// Finds a call that violates the rule; returns the reason and its place.
pub fn flaw(module: &Module) -> Option<(String, Span)> {
    let functions = module.functions.iter().map(|(_, function)| function);
    functions.chain(module.entry_points.iter().map(|entry| &entry.function)).find_map(|function| {
        let mut blocks = vec![&function.body];
        while let Some(block) = blocks.pop() {
            if let Some(found) = in_block(module, function, block, &mut blocks) {
                return Some(found);
            }
        }
        None
    })
}

/// Checks the calls of one block, and adds the blocks inside it to `blocks`.
fn in_block<'a>(
    module: &Module,
    function: &Function,
    block: &'a Block,
    blocks: &mut Vec<&'a Block>,
) -> Option<(String, Span)> {
    for (statement, span) in block.span_iter() {
        match statement {
            Statement::Block(block) => blocks.push(block),
            Statement::If { accept, reject, .. } => blocks.extend([accept, reject]),
            Statement::Switch { cases, .. } => blocks.extend(cases.iter().map(|case| &case.body)),
            Statement::Loop { body, continuing, .. } => blocks.extend([body, continuing]),
            Statement::Call { function: called, arguments, .. } => {
                let called = module.functions.try_get(*called).ok()?;
                for (parameter, &argument) in called.arguments.iter().zip(arguments) {
                    let is_pointer = module.types.get_handle(parameter.ty).is_ok_and(|ty| is_pointer(&ty.inner));
                    if is_pointer && !is_whole(function, argument) {
                        let name = called.name.as_deref().unwrap_or("a function");
                        let reason = format!(
                            "a pointer to a part of a variable is an argument of `{name}`: the language feature \
                             `unrestricted_pointer_parameters` is not there"
                        );
                        return Some((reason, *span));
                    }
                }
            }
            _ => {}
        }
    }
    None
}

fn is_pointer(ty: &TypeInner) -> bool {
    matches!(ty, TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. })
}

/// True for a pointer to a whole variable, or a parameter.
fn is_whole(function: &Function, argument: Handle<Expression>) -> bool {
    let expression = function.expressions.try_get(argument);
    expression.is_ok_and(|expression| {
        matches!(
            expression,
            Expression::LocalVariable(_) | Expression::GlobalVariable(_) | Expression::FunctionArgument(_)
        )
    })
}
