//! The storage buffers that a shader declares, with their types (WGSL, "Variable and Value Declarations", "Type Aliases",
//! "Structure Types").
//!
//! Declarations may stand in any order, so they are gathered first and resolved then. A declaration that cannot be
//! resolved (with an expression as a count) leaves its buffer without a known type. The shader may also be invalid: no
//! compiler checks it here.

use std::{
    collections::{BTreeMap, HashMap},
    iter::Peekable,
    sync::Arc,
};

use super::{
    layout::{Scalar, Type, round_up},
    tokens::{Token, Tokens},
};

/// Types within types; wgpu's compiler takes fewer. Bounds the stack on a shader of brackets.
const MAX_DEPTH: usize = 32;

/// Declarations of a shader that are read. Bounds the memory for a shader of 4 MiB of them.
const MAX_DECLARATIONS: usize = 16 << 10;

/// The types of the storage buffers that a shader may write, by group and binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StorageTypes(BTreeMap<(u32, u32), Option<Arc<Type>>>);

impl StorageTypes {
    /// The writable storage buffers of a shader. `None` for an unknown type.
    pub fn of(code: &str) -> Self {
        let mut module = Module { tokens: Tokens::of(code).peekable(), ..Module::default() };
        module.read();
        let variables = std::mem::take(&mut module.variables);
        let mut types = Self::default();
        let mut resolved = HashMap::new();
        for (place, expression) in variables {
            types.add(place, expression.and_then(|expression| module.resolve(&expression, 0, &mut resolved)));
        }
        types
    }

    /// Merges those of another shader. Buffers that the two declare differently have an unknown type.
    pub fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|(&place, ty)| self.add(place, ty.clone()));
    }

    /// By group and binding.
    pub fn iter(&self) -> impl Iterator<Item = ((u32, u32), Option<&Arc<Type>>)> {
        self.0.iter().map(|(&place, ty)| (place, ty.as_ref()))
    }

    /// True when no buffer is writable.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, place: (u32, u32), ty: Option<Arc<Type>>) {
        let known = self.0.entry(place).or_insert_with(|| ty.clone());
        if *known != ty {
            *known = None;
        }
    }
}

/// A type as written.
#[derive(Clone, Debug)]
struct Expression<'s> {
    name: &'s str,
    arguments: Vec<Argument<'s>>,
}

#[derive(Clone, Debug)]
enum Argument<'s> {
    Type(Expression<'s>),
    Number(u64),
    /// Anything else.
    Unknown,
}

#[derive(Clone, Debug, Default)]
struct Member<'s> {
    ty: Option<Expression<'s>>,
    attributes: Attributes,
}

/// Attributes with a number; `Some(None)` where the number is an expression.
#[derive(Clone, Copy, Debug, Default)]
struct Attributes {
    group: Option<Option<u64>>,
    binding: Option<Option<u64>>,
    align: Option<Option<u64>>,
    size: Option<Option<u64>>,
}

struct Module<'s> {
    tokens: Peekable<Tokens<'s>>,
    declarations: usize,
    structs: HashMap<&'s str, Vec<Member<'s>>>,
    aliases: HashMap<&'s str, Expression<'s>>,
    constants: HashMap<&'s str, u64>,
    variables: Vec<((u32, u32), Option<Expression<'s>>)>,
}

impl Default for Module<'_> {
    fn default() -> Self {
        Self {
            tokens: Tokens::of("").peekable(),
            declarations: 0,
            structs: HashMap::new(),
            aliases: HashMap::new(),
            constants: HashMap::new(),
            variables: Vec::new(),
        }
    }
}

impl<'s> Module<'s> {
    fn read(&mut self) {
        let mut attributes = Attributes::default();
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Other('@') => {
                    self.attribute(&mut attributes);
                    continue;
                }
                Token::Other('{') => self.skip_block(),
                Token::Word("struct") => self.structure(),
                Token::Word("alias") => self.alias(),
                Token::Word("const") => self.constant(),
                Token::Word("var") => self.variable(attributes),
                Token::Other(';') => {}
                // The head of a function, before its body.
                _ => continue,
            }
            attributes = Attributes::default();
            self.declarations += 1;
            if self.declarations > MAX_DECLARATIONS {
                return;
            }
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.tokens.next_if_eq(&Token::Other(wanted)).is_some()
    }

    fn word(&mut self) -> Option<&'s str> {
        match self.tokens.next_if(|token| matches!(token, Token::Word(_))) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Skips the rest of a block after its opening brace.
    fn skip_block(&mut self) {
        let mut depth = 1_usize;
        for token in self.tokens.by_ref() {
            match token {
                Token::Other('{') => depth += 1,
                Token::Other('}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Reads an attribute after its `@`.
    fn attribute(&mut self, attributes: &mut Attributes) {
        let Some(name) = self.word() else { return };
        if !self.take('(') {
            return;
        }
        let number = match self.tokens.peek() {
            Some(Token::Number(number)) => integer(number),
            Some(Token::Word(word)) => self.constants.get(word).copied(),
            _ => None,
        };
        let (mut depth, mut count) = (1_usize, 0_usize);
        for token in self.tokens.by_ref() {
            match token {
                Token::Other('(') => depth += 1,
                Token::Other(')') => depth -= 1,
                Token::Other(',') if depth == 1 => {}
                _ => count += 1,
            }
            if depth == 0 {
                break;
            }
        }
        let value = number.filter(|_| count == 1);
        match name {
            "group" => attributes.group = Some(value),
            "binding" => attributes.binding = Some(value),
            "align" => attributes.align = Some(value),
            "size" => attributes.size = Some(value),
            _ => {}
        }
    }

    fn structure(&mut self) {
        let Some(name) = self.word() else { return };
        if !self.take('{') {
            return;
        }
        let (mut members, mut member) = (Vec::new(), Member::default());
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Other('}') => break,
                Token::Other('@') => self.attribute(&mut member.attributes),
                Token::Other(':') => member.ty = self.expression(0),
                Token::Other(',') => members.push(std::mem::take(&mut member)),
                _ => {}
            }
            if members.len() > MAX_DECLARATIONS {
                return;
            }
        }
        if member.ty.is_some() {
            members.push(member);
        }
        self.structs.insert(name, members);
    }

    fn alias(&mut self) {
        if let Some(name) = self.word()
            && self.take('=')
            && let Some(expression) = self.expression(0)
        {
            self.aliases.insert(name, expression);
        }
    }

    /// Reads a constant that is one number.
    fn constant(&mut self) {
        let Some(name) = self.word() else { return };
        if self.take(':') {
            let _ = self.expression(0);
        }
        if !self.take('=') {
            return;
        }
        if let Some(Token::Number(number)) = self.tokens.next_if(|token| matches!(token, Token::Number(_)))
            && let Some(value) = integer(number)
            && self.tokens.peek() == Some(&Token::Other(';'))
        {
            self.constants.insert(name, value);
        }
    }

    fn variable(&mut self, attributes: Attributes) {
        let mut space = Vec::new();
        if self.take('<') {
            while let Some(token) = self.tokens.next_if(|token| *token != Token::Other('>')) {
                if let Token::Word(word) = token
                    && space.len() < 2
                {
                    space.push(word);
                }
            }
            let _ = self.take('>');
        }
        if space != ["storage", "read_write"] || self.word().is_none() || !self.take(':') {
            return;
        }
        let expression = self.expression(0);
        let number = |value: Option<Option<u64>>| value.flatten().and_then(|value| u32::try_from(value).ok());
        if let (Some(group), Some(binding)) = (number(attributes.group), number(attributes.binding)) {
            self.variables.push(((group, binding), expression));
        }
    }

    /// Reads a type.
    fn expression(&mut self, depth: usize) -> Option<Expression<'s>> {
        let name = self.word()?;
        let mut arguments = Vec::new();
        if depth < MAX_DEPTH && self.take('<') {
            loop {
                let argument = self.argument(depth + 1);
                // No type has more than two arguments.
                if arguments.len() < 4 {
                    arguments.push(argument);
                }
                if !self.take(',') {
                    let _ = self.take('>');
                    break;
                }
                if self.take('>') {
                    break;
                }
            }
        }
        Some(Expression { name, arguments })
    }

    fn argument(&mut self, depth: usize) -> Argument<'s> {
        let argument = match self.tokens.peek() {
            Some(&Token::Number(number)) => {
                self.tokens.next();
                integer(number).map_or(Argument::Unknown, Argument::Number)
            }
            Some(Token::Word(_)) => self.expression(depth).map_or(Argument::Unknown, Argument::Type),
            _ => Argument::Unknown,
        };
        let ends = |token: &Token<'_>| matches!(token, Token::Other(',' | '>' | ';' | '{' | '}'));
        if self.tokens.peek().is_none_or(ends) {
            return argument;
        }
        // Skips an expression; parentheses protect characters that would end it.
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.next_if(|token| depth > 0 || !ends(token)) {
            match token {
                Token::Other('(' | '[') => depth += 1,
                Token::Other(')' | ']') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Argument::Unknown
    }

    // Types.

    fn resolve(
        &self,
        expression: &Expression<'s>,
        depth: usize,
        resolved: &mut HashMap<&'s str, Option<Arc<Type>>>,
    ) -> Option<Arc<Type>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let name = expression.name;
        if let Some(known) = resolved.get(name) {
            return known.clone();
        }
        if let Some(members) = self.structs.get(name) {
            let ty = self.layout(members, depth, resolved).map(Arc::new);
            resolved.insert(name, ty.clone());
            return ty;
        }
        if let Some(aliased) = self.aliases.get(name) {
            let ty = self.resolve(aliased, depth + 1, resolved);
            resolved.insert(name, ty.clone());
            return ty;
        }
        let first = match expression.arguments.first() {
            Some(Argument::Type(first)) => self.resolve(first, depth + 1, resolved),
            _ => None,
        };
        if name == "array" {
            let count = match expression.arguments.get(1) {
                None => None,
                Some(Argument::Number(count)) => Some(*count),
                Some(Argument::Type(constant)) => Some(*self.constants.get(constant.name)?),
                Some(Argument::Unknown) => return None,
            };
            return Some(Arc::new(Type::Array(first?, count)));
        }
        predeclared(name, first.as_deref()).map(Arc::new)
    }

    fn layout(
        &self,
        members: &[Member<'s>],
        depth: usize,
        resolved: &mut HashMap<&'s str, Option<Arc<Type>>>,
    ) -> Option<Type> {
        let (mut placed, mut end, mut largest) = (Vec::new(), 0_u64, 1_u64);
        for member in members {
            let ty = self.resolve(member.ty.as_ref()?, depth + 1, resolved)?;
            let align = member.attributes.align.map_or(Some(ty.align()), |align| align)?;
            let size = member.attributes.size.map_or(Some(ty.size()), |size| size)?;
            let start = round_up(end, align);
            (end, largest) = (start.saturating_add(size), largest.max(align));
            placed.push((start, ty));
        }
        Some(Type::Struct { members: placed, size: round_up(end, largest), align: largest })
    }
}

/// A type of the language itself, with the type in its brackets.
fn predeclared(name: &str, argument: Option<&Type>) -> Option<Type> {
    let scalar = |name: &str| match name {
        "f32" | "f" => Some(Scalar::Float32),
        "f16" | "h" => Some(Scalar::Float16),
        "i32" | "u32" | "i" | "u" => Some(Scalar::Integer),
        _ => None,
    };
    let digit = |digit: u8| (b'2'..=b'4').contains(&digit).then(|| u64::from(digit - b'0'));
    let of = |suffix: &[u8]| match (suffix, argument) {
        ([], Some(Type::Scalar(scalar))) => Some(*scalar),
        ([], _) => None,
        (suffix, _) => scalar(std::str::from_utf8(suffix).ok()?),
    };
    match name.as_bytes() {
        b"f32" | b"f16" | b"i32" | b"u32" => scalar(name).map(Type::Scalar),
        b"atomic" => argument.cloned(),
        [b'v', b'e', b'c', count, suffix @ ..] => Some(Type::Vector(of(suffix)?, digit(*count)?)),
        [b'm', b'a', b't', columns, b'x', rows, suffix @ ..] => {
            Some(Type::Matrix(of(suffix)?, digit(*columns)?, digit(*rows)?))
        }
        _ => None,
    }
}

/// A literal of an integer, with or without a suffix.
fn integer(number: &str) -> Option<u64> {
    let number = number.strip_suffix(['u', 'i']).unwrap_or(number);
    match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Typed = ((u32, u32), Option<Arc<Type>>);

    fn types(code: &str) -> Vec<Typed> {
        StorageTypes::of(code).iter().map(|(place, ty)| (place, ty.cloned())).collect()
    }

    fn scalars(code: &str, bytes: u64) -> String {
        let types = types(code);
        let [(_, Some(ty))] = types.as_slice() else { panic!("{types:?}") };
        let letter = |offset| match ty.scalar_at(offset) {
            Some((_, Scalar::Integer)) => 'i',
            Some((_, Scalar::Float32)) => 'f',
            Some((_, Scalar::Float16)) => 'h',
            None => '-',
        };
        (0..bytes).step_by(4).map(letter).collect()
    }

    #[test]
    fn writable_storage_buffers_are_found_wherever_they_are_declared() {
        let code = "@group(0) @binding(1) var<storage, read_write> out: array<Particle>;
            @group(0) @binding(0) var<storage> input: array<f32>; // read only
            @group(1) @binding(0) var<uniform> u: vec4f; var<private> p: f32; var<workgroup> w: array<f32, 64>;
            const N: u32 = 2u;
            struct Particle { position: vec3<f32>, id: u32, @align(16) velocity: Velocity, hits: array<atomic<u32>, N>, }
            alias Velocity = vec2f;
            @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { var x = 1; { out[0].id = 1u; } }";
        assert_eq!(scalars(code, 64), "fffiffiifffiffii");
        assert_eq!(types(code).len(), 1);
    }

    #[test]
    fn types_of_the_language_have_their_layouts() {
        let of = |ty: &str| format!("@group(0) @binding(0) var<storage, read_write> a: {ty};");
        for (ty, expected) in [
            ("array<f32>", "ffff"),
            ("array<vec4<u32>, 1>", "iiii----"),
            ("mat2x3<f32>", "fff-fff-"),
            ("array<vec3f>", "fff-fff-"),
            ("vec4h", "hh--"),
            ("atomic<i32>", "i-"),
            ("array<array<vec2i, 2>, 0x2u>", "iiiiiiii--"),
        ] {
            assert_eq!(scalars(&of(ty), expected.len() as u64 * 4), expected, "{ty}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_type() {
        let of = |ty: &str| format!("@group(0) @binding(0) var<storage, read_write> a: {ty};");
        for ty in ["array<f32, 2 * (1 > 0)>", "Nothing", "S", "A"] {
            let code = format!("struct S {{ a: array<f32, n>, b: S }} alias A = A; {}", of(ty));
            assert_eq!(types(&code), [((0, 0), None)], "{ty}");
        }
        let twice = of("array<f32>") + &of("array<u32>");
        assert_eq!(types(&twice), [((0, 0), None)]);
        assert_eq!(types("@group(0) @binding(x + 1) var<storage, read_write> a: f32;"), []);
    }

    #[test]
    fn bracket_bombs_and_endless_texts_are_taken() {
        let bomb = format!("@group(0) @binding(0) var<storage, read_write> a: {};", "array<".repeat(500_000));
        assert_eq!(types(&bomb), [((0, 0), None)]);
        let mut doubling = "struct S0 { a: f32, b: f32 }".to_owned();
        for i in 1..30 {
            doubling += &format!("struct S{i} {{ a: S{}, b: S{} }}", i - 1, i - 1);
        }
        let code = format!("@group(0) @binding(0) var<storage, read_write> a: S29; {doubling}");
        assert!(matches!(types(&code).as_slice(), [(_, Some(_))]));
        for cut in ["struct", "struct S {", "var<", "@group(", "alias A = array<", "const N =", "fn f() {", "/*"] {
            assert_eq!(types(cut), []);
        }
    }
}
