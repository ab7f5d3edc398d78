//! Rules of WGSL that naga does not check: loops must have an exit, and only compute shaders use workgroup memory.

use naga::{AddressSpace, Block, Expression, Module, ShaderStage, Span, Statement, valid::ModuleInfo};

/// Finds a loop without an exit; returns the reason and its place.
///
/// WGSL, "Behavior Analysis": a loop that neither breaks nor returns has no behavior, which is an error of the guest's.
/// The deadlines end a loop whose exit condition never holds.
pub fn endless(module: &Module) -> Option<(String, Span)> {
    let functions = module.functions.iter().map(|(_, function)| function);
    functions.chain(module.entry_points.iter().map(|entry| &entry.function)).find_map(|function| {
        let mut blocks = vec![&function.body];
        while let Some(block) = blocks.pop() {
            for (statement, span) in block.span_iter() {
                blocks.extend(inside(statement));
                if let Statement::Loop { body, continuing, break_if: None } = statement
                    && !leaves(body, true)
                    && !leaves(continuing, true)
                {
                    return Some(("a loop neither breaks nor returns".to_owned(), *span));
                }
            }
        }
        None
    })
}

/// The blocks inside a statement.
pub(super) fn inside(statement: &Statement) -> Vec<&Block> {
    match statement {
        Statement::Block(block) => vec![block],
        Statement::If { accept, reject, .. } => vec![accept, reject],
        Statement::Switch { cases, .. } => cases.iter().map(|case| &case.body).collect(),
        Statement::Loop { body, continuing, .. } => vec![body, continuing],
        _ => Vec::new(),
    }
}

/// True for a block of a loop that breaks out of it, or, with `or_returns`, returns.
fn leaves(block: &Block, or_returns: bool) -> bool {
    // Each block, with a flag that a `break` in it exits the loop: not within another loop or a switch.
    let mut blocks = vec![(block, true)];
    while let Some((block, breaks)) = blocks.pop() {
        for statement in block.iter() {
            match statement {
                Statement::Return { .. } if or_returns => return true,
                Statement::Break if breaks => return true,
                _ => {}
            }
            let its_own = matches!(statement, Statement::Loop { .. } | Statement::Switch { .. });
            blocks.extend(inside(statement).into_iter().map(|block| (block, breaks && !its_own)));
        }
    }
    false
}

/// Completes functions that end in a loop whose only exit is a `return`: naga adds a `return` without a value after it, and
/// refuses that. Code after such a loop is unreachable.
pub fn complete_endings(module: &mut Module) {
    let functions = module.functions.iter_mut().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter_mut().map(|entry| &mut entry.function)) {
        let Some(result) = &function.result else { continue };
        let mut zero = None;
        let mut blocks = vec![&mut function.body];
        while let Some(block) = blocks.pop() {
            if let [.., Statement::Loop { body, continuing, break_if: None }, Statement::Return { value: value @ None }] =
                &mut **block
                && !leaves(body, false)
                && !leaves(continuing, false)
            {
                let zero = *zero.get_or_insert_with(|| {
                    function.expressions.append(Expression::ZeroValue(result.ty), Span::UNDEFINED)
                });
                *value = Some(zero);
            }
            // naga adds the `return` only at the end of a block, or of the blocks in its last statement.
            match block.last_mut() {
                Some(Statement::Block(block)) => blocks.push(block),
                Some(Statement::If { accept, reject, .. }) => blocks.extend([accept, reject]),
                Some(Statement::Switch { cases, .. }) => blocks.extend(cases.iter_mut().map(|case| &mut case.body)),
                _ => {}
            }
        }
    }
}

/// Finds a workgroup variable that a vertex or fragment shader uses (WGSL, "Address Spaces").
pub fn without_workgroup(module: &Module, info: &ModuleInfo) -> Option<(String, Span)> {
    module.entry_points.iter().enumerate().find_map(|(index, entry)| {
        if entry.stage == ShaderStage::Compute {
            return None;
        }
        let uses = info.get_entry_point(index);
        let mut variables = module.global_variables.iter();
        let (handle, variable) = variables
            .find(|&(handle, variable)| variable.space == AddressSpace::WorkGroup && !uses[handle].is_empty())?;
        let name = variable.name.as_deref().unwrap_or("a variable");
        let reason = format!("`{name}` of the workgroup is used by `{}`, which is no compute shader", entry.name);
        Some((reason, module.global_variables.get_span(handle)))
    })
}
