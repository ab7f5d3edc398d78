//! Aliasing of pointer arguments (WGSL, "Alias Analysis"), which naga does not check.
//!
//! Two pointer arguments of a call may have the same root variable only where the called function writes through neither. A
//! pointer to a module-scope variable may be passed to a function that also accesses the variable by name only where neither
//! access writes. A function's accesses include those of the functions that it calls.

use std::collections::HashSet;

use naga::{Block, Expression, Function, GlobalVariable, Handle, LocalVariable, Module, Span, Statement};

use super::control::inside;

/// Root identifier of a memory view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Root {
    Global(Handle<GlobalVariable>),
    Local(Handle<LocalVariable>),
    /// A parameter, by its index.
    Parameter(u32),
}

/// A function's accesses by root.
#[derive(Debug, Default)]
struct Uses {
    read: HashSet<Root>,
    written: HashSet<Root>,
}

impl Uses {
    fn touches(&self, root: Root) -> bool {
        self.read.contains(&root) || self.written.contains(&root)
    }
}

/// Finds a call that violates the rule; returns the reason and its place.
pub fn flaw(module: &Module) -> Option<(String, Span)> {
    // Indexed by function handle: naga stores each function after those that it calls.
    let mut known = Vec::with_capacity(module.functions.len());
    let functions = module.functions.iter().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter().map(|entry| &entry.function)) {
        match look(module, function, &known) {
            Ok(uses) => known.push(uses),
            Err(found) => return Some(found),
        }
    }
    None
}

/// Returns a function's accesses; fails with its first call that violates the rule.
fn look(module: &Module, function: &Function, known: &[Uses]) -> Result<Uses, (String, Span)> {
    let mut uses = Uses::default();
    for (_, expression) in function.expressions.iter() {
        if let Expression::Load { pointer } = *expression {
            uses.read.extend(root(function, pointer));
        }
    }
    let mut blocks: Vec<&Block> = vec![&function.body];
    while let Some(block) = blocks.pop() {
        for (statement, span) in block.span_iter() {
            blocks.extend(inside(statement));
            match statement {
                Statement::Store { pointer, .. } => uses.written.extend(root(function, *pointer)),
                Statement::Atomic { pointer, .. } => {
                    uses.read.extend(root(function, *pointer));
                    uses.written.extend(root(function, *pointer));
                }
                Statement::WorkGroupUniformLoad { pointer, .. } => uses.read.extend(root(function, *pointer)),
                Statement::Call { function: called, arguments, .. } => {
                    let Some(theirs) = known.get(called.index()) else { continue };
                    let roots: Vec<_> = arguments.iter().map(|&argument| root(function, argument)).collect();
                    if let Some(what) = aliased(theirs, &roots) {
                        let called = module.functions.try_get(*called).ok().and_then(|called| called.name.as_deref());
                        let called = called.unwrap_or("a function");
                        return Err((format!("an argument of `{called}` points to memory that {what}"), *span));
                    }
                    let here = |used: &Root| match *used {
                        Root::Global(_) => Some(*used),
                        Root::Parameter(number) => *roots.get(number as usize)?,
                        Root::Local(_) => None,
                    };
                    uses.read.extend(theirs.read.iter().filter_map(here));
                    uses.written.extend(theirs.written.iter().filter_map(here));
                }
                _ => {}
            }
        }
    }
    Ok(uses)
}

/// The reason if a call with arguments of these roots violates the rule.
fn aliased(called: &Uses, roots: &[Option<Root>]) -> Option<&'static str> {
    let numbered = (0..).map(Root::Parameter).zip(roots);
    let pointers: Vec<_> = numbered.filter_map(|(parameter, root)| Some((parameter, (*root)?))).collect();
    for (place, &(parameter, root)) in pointers.iter().enumerate() {
        for &(other, _) in pointers.iter().skip(place.saturating_add(1)).filter(|&&(_, same)| same == root) {
            let conflict = |a, b| called.written.contains(&a) && called.touches(b);
            if conflict(parameter, other) || conflict(other, parameter) {
                return Some("another argument points to, and one of them is written through");
            }
        }
        let by_name = matches!(root, Root::Global(_)) && called.touches(root);
        let is_written = called.written.contains(&parameter) || called.written.contains(&root);
        if by_name && called.touches(parameter) && is_written {
            return Some("the function uses by the variable's name, and one of the two is a write");
        }
    }
    None
}

/// The root of a memory view; `None` for a value.
fn root(function: &Function, mut view: Handle<Expression>) -> Option<Root> {
    loop {
        match *function.expressions.try_get(view).ok()? {
            Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => view = base,
            Expression::GlobalVariable(variable) => return Some(Root::Global(variable)),
            Expression::LocalVariable(variable) => return Some(Root::Local(variable)),
            Expression::FunctionArgument(number) => return Some(Root::Parameter(number)),
            _ => return None,
        }
    }
}
