//! Out-of-bounds indices that are constant only through `let`.
//!
//! `let i = 3u; a[i]` beyond the array's end is not an error in WGSL: a `let` is not a const-expression, and the access is
//! clamped. naga evaluates it all the same, and refuses it like `a[3u]`. A source that naga refuses for an index is parsed
//! once more with `var` in place of such `let`s, which preserves all source positions.

use naga::{
    Expression, Module, WithSpan,
    valid::{EntryPointError, ExpressionError, FunctionError, ValidationError},
};

use super::tokens::{Token, next};

/// True where naga refuses a module for an index.
pub fn is_index_error(error: &WithSpan<ValidationError>) -> bool {
    let function = match error.as_inner() {
        ValidationError::Function { source, .. } => source,
        ValidationError::EntryPoint { source: EntryPointError::Function(source), .. } => source,
        _ => return false,
    };
    let FunctionError::Expression { source, .. } = function else { return false };
    matches!(source, ExpressionError::IndexOutOfBounds(..) | ExpressionError::NegativeIndex(_))
}

/// Replaces each `let` by `var`, unless its value contains `&`: a pointer stays a `let`. naga has parsed the source and rejects
/// assignments to a `let`, so there are none to these `var`s.
pub fn as_variables(code: &str) -> String {
    let mut changed = String::with_capacity(code.len());
    let (mut rest, mut copied) = (code, 0);
    while let Some((token, after)) = next(rest) {
        rest = after;
        if token != Token::Word("let") || has_address(after) {
            continue;
        }
        let end = code.len().saturating_sub(after.len());
        let start = end.saturating_sub("let".len());
        changed.push_str(code.get(copied..start).unwrap_or_default());
        changed.push_str("var");
        copied = end;
    }
    changed.push_str(code.get(copied..).unwrap_or_default());
    changed
}

/// True where the rest of the statement contains `&`: it takes an address, or has a bitwise or logical AND.
fn has_address(mut code: &str) -> bool {
    while let Some((token, after)) = next(code) {
        match token {
            Token::Sign(';') => return false,
            Token::Sign('&') => return true,
            _ => code = after,
        }
    }
    false
}

/// Lowers the largest index by one: naga does not accept 4,294,967,295 as an index of an array of unknown length. No buffer
/// that can be bound has an element at either.
pub fn lower_largest_index(module: &mut Module) {
    let functions = module.functions.iter_mut().map(|(_, function)| function);
    for function in functions.chain(module.entry_points.iter_mut().map(|entry| &mut entry.function)) {
        for (_, expression) in function.expressions.iter_mut() {
            if let Expression::AccessIndex { index, .. } = expression
                && *index == u32::MAX
            {
                *index = u32::MAX - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_become_variables_and_pointers_stay() {
        for (code, expected) in [
            ("fn f() { let i = 3u; let j: i32 = -1; }", "fn f() { var i = 3u; var j: i32 = -1; }"),
            ("fn f() { let p = &a; let q = *p; }", "fn f() { let p = &a; var q = *p; }"),
            ("// let x;\n/* let y; */ fn outlet() {}", "// let x;\n/* let y; */ fn outlet() {}"),
            ("fn f() { let é = 1; /* é */ let x = é; }", "fn f() { var é = 1; /* é */ var x = é; }"),
            ("let", "var"),
            ("", ""),
        ] {
            assert_eq!(as_variables(code), expected);
        }
    }
}
