//! The interface as text: one line per item, so that two packages can be compared and missing items named.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use wit_parser::{
    Docs, Function, FunctionKind, Handle, InterfaceId, Resolve, Type, TypeDef, TypeDefKind, TypeId, WorldItem,
};

use crate::programs::root;

/// Our `wit/`, parsed.
pub fn ours() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_path(root().join("wit")).expect("wit/ is valid");
    resolve
}

/// The packages beside it, each with the folders of those that it uses, in that order.
pub const BESIDE: [(&str, &[&str]); 2] = [
    ("wasi-gfx:frame-buffer@0.2.0", &["wit/frame-buffer"]),
    ("wasi-gfx:surface@0.2.0", &["wit", "wit/frame-buffer", "wit/surface"]),
];

/// The packages of version 0.0.1, in the same form.
pub const DEPLOYED: [(&str, &[&str]); 4] = [
    ("wasi:graphics-context@0.0.1", &["wit/v0_0_1/graphics-context"]),
    ("wasi:frame-buffer@0.0.1", &["wit/v0_0_1/graphics-context", "wit/v0_0_1/frame-buffer"]),
    ("wasi:surface@0.0.1", &["wit/v0_0_1/io", "wit/v0_0_1/graphics-context", "wit/v0_0_1/surface"]),
    ("wasi:webgpu@0.0.1", &["wit/v0_0_1/io", "wit/v0_0_1/graphics-context", "wit/v0_0_1/webgpu"]),
];

/// Packages of folders of the repository, each of which uses those before it.
pub fn packages(folders: &[&str]) -> Resolve {
    let mut resolve = Resolve::default();
    for folder in folders {
        resolve.push_path(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    }
    resolve
}

/// True for a name that another interface defines (`use`), and documents.
fn is_used(resolve: &Resolve, definition: &TypeDef) -> bool {
    let TypeDefKind::Type(Type::Id(original)) = definition.kind else { return false };
    resolve.types[original].owner != definition.owner
}

/// Every function, in the order of declaration of resources in `FUNCTIONS`' notation: `resource.function`,
/// `resource.constructor`, or a name alone.
pub fn functions(resolve: &Resolve) -> Vec<String> {
    let interface = resolve.interfaces.iter().next().expect("one interface").1;
    let name = |function: &Function| match resource_of(function) {
        Some(id) => {
            let resource = resolve.types[id].name.clone().unwrap_or_default();
            match function.kind {
                FunctionKind::Constructor(_) => format!("{resource}.constructor"),
                _ => format!("{resource}.{}", function.item_name()),
            }
        }
        None => function.name.clone(),
    };
    interface.functions.values().map(name).collect()
}

/// Every function with the classes of values in its parameters, at any depth: `number`, `float`, `text`, `list`,
/// `flags`, `option`, and `object` for a borrowed handle other than the function's own.
pub fn parameter_classes(resolve: &Resolve) -> Vec<(String, BTreeSet<&'static str>)> {
    let interface = resolve.interfaces.iter().next().expect("one interface").1;
    let classes = interface.functions.values().map(|function| {
        let own = usize::from(matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)));
        let mut classes = BTreeSet::new();
        for parameter in function.params.iter().skip(own) {
            classify(resolve, &parameter.ty, &mut classes);
        }
        classes
    });
    functions(resolve).into_iter().zip(classes).collect()
}

fn classify(resolve: &Resolve, ty: &Type, classes: &mut BTreeSet<&'static str>) {
    let class = match ty {
        Type::Bool | Type::Char | Type::ErrorContext => return,
        Type::F32 | Type::F64 => "float",
        Type::String => "text",
        Type::Id(id) => return classify_named(resolve, *id, classes),
        _ => "number",
    };
    classes.insert(class);
}

fn classify_named(resolve: &Resolve, id: TypeId, classes: &mut BTreeSet<&'static str>) {
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) => classify(resolve, ty, classes),
        TypeDefKind::Option(ty) => {
            classes.insert("option");
            classify(resolve, ty, classes);
        }
        TypeDefKind::List(ty) => {
            classes.insert("list");
            // Bytes are data, not numbers.
            if *ty != Type::U8 {
                classify(resolve, ty, classes);
            }
        }
        TypeDefKind::Flags(_) => {
            classes.insert("flags");
        }
        TypeDefKind::Handle(Handle::Borrow(_)) => {
            classes.insert("object");
        }
        TypeDefKind::Record(record) => record.fields.iter().for_each(|field| classify(resolve, &field.ty, classes)),
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().filter_map(|case| case.ty).for_each(|ty| classify(resolve, &ty, classes))
        }
        _ => {}
    }
}

/// The binary interface of the packages in `resolve`, as text: one line per item, no docs.
///
/// Types and free functions are sorted by name, because the order of their declarations has no meaning. Fields, cases,
/// flags, parameters and the methods of a resource keep the order of their declaration. Two packages with the same text
/// link against each other.
pub fn structure(resolve: &Resolve) -> String {
    let mut out = String::new();
    let mut packages: Vec<_> = resolve.packages.iter().map(|(_, package)| package).collect();
    packages.sort_by_key(|package| package.name.to_string());
    for package in packages {
        let _ = writeln!(out, "package {}", package.name);
        let mut interfaces: Vec<_> = package.interfaces.iter().collect();
        interfaces.sort();
        for (name, id) in interfaces {
            let _ = writeln!(out, "interface {name}");
            interface_structure(resolve, *id, &mut out);
        }
        let mut worlds: Vec<_> = package.worlds.iter().collect();
        worlds.sort();
        for (name, id) in worlds {
            let _ = writeln!(out, "world {name}");
            let world = &resolve.worlds[*id];
            for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
                let mut lines: Vec<_> = items
                    .iter()
                    .map(|(key, item)| {
                        let name = resolve.name_world_key(key);
                        match item {
                            WorldItem::Interface { .. } => format!("  {direction} {name}"),
                            WorldItem::Function(function) => {
                                format!("  {direction} {name}: {}", signature(resolve, function))
                            }
                            WorldItem::Type { id, .. } => {
                                format!("  {direction} type {name} = {}", type_name(resolve, &Type::Id(*id)))
                            }
                        }
                    })
                    .collect();
                lines.sort();
                for line in lines {
                    let _ = writeln!(out, "{line}");
                }
            }
        }
    }
    out
}

fn interface_structure(resolve: &Resolve, id: InterfaceId, out: &mut String) {
    let interface = &resolve.interfaces[id];

    let mut free: Vec<_> = interface.functions.values().filter(|function| resource_of(function).is_none()).collect();
    free.sort_by_key(|function| &function.name);
    for function in free {
        let _ = writeln!(out, "{}: {}", function.name, signature(resolve, function));
    }

    let mut types: Vec<_> = interface.types.iter().collect();
    types.sort();
    for (name, id) in types {
        let definition = &resolve.types[*id];
        let keyword = definition.kind.as_str();
        match &definition.kind {
            TypeDefKind::Record(record) => {
                let _ = writeln!(out, "{keyword} {name}");
                for field in &record.fields {
                    let _ = writeln!(out, "  {}: {}", field.name, type_name(resolve, &field.ty));
                }
            }
            TypeDefKind::Flags(flags) => {
                let _ = writeln!(out, "{keyword} {name}");
                for flag in &flags.flags {
                    let _ = writeln!(out, "  {}", flag.name);
                }
            }
            TypeDefKind::Enum(cases) => {
                let _ = writeln!(out, "{keyword} {name}");
                for case in &cases.cases {
                    let _ = writeln!(out, "  {}", case.name);
                }
            }
            TypeDefKind::Variant(variant) => {
                let _ = writeln!(out, "{keyword} {name}");
                for case in &variant.cases {
                    let payload = case.ty.map(|ty| format!("({})", type_name(resolve, &ty))).unwrap_or_default();
                    let _ = writeln!(out, "  {}{payload}", case.name);
                }
            }
            TypeDefKind::Resource => {
                let _ = writeln!(out, "{keyword} {name}");
                for function in interface.functions.values().filter(|function| resource_of(function) == Some(*id)) {
                    let _ = writeln!(out, "  {name}.{}: {}", function.item_name(), signature(resolve, function));
                }
            }
            other => {
                let _ = writeln!(out, "type {name} = {}", shape(resolve, other));
            }
        }
    }
}

/// The resource whose method, static function or constructor `function` is.
fn resource_of(function: &Function) -> Option<TypeId> {
    match function.kind {
        FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => None,
        FunctionKind::Method(id)
        | FunctionKind::AsyncMethod(id)
        | FunctionKind::Static(id)
        | FunctionKind::AsyncStatic(id)
        | FunctionKind::Constructor(id) => Some(id),
    }
}

/// `[static] [async] func(name: type, ...) -> type`, without the implied `self` of a method.
fn signature(resolve: &Resolve, function: &Function) -> String {
    let (prefix, implied) = match function.kind {
        FunctionKind::Freestanding => ("func", 0),
        FunctionKind::AsyncFreestanding => ("async func", 0),
        FunctionKind::Method(_) => ("func", 1),
        FunctionKind::AsyncMethod(_) => ("async func", 1),
        FunctionKind::Static(_) => ("static func", 0),
        FunctionKind::AsyncStatic(_) => ("static async func", 0),
        FunctionKind::Constructor(_) => ("constructor", 0),
    };
    let params: Vec<_> = function
        .params
        .iter()
        .skip(implied)
        .map(|param| format!("{}: {}", param.name, type_name(resolve, &param.ty)))
        .collect();
    let result = function.result.map(|ty| format!(" -> {}", type_name(resolve, &ty))).unwrap_or_default();
    format!("{prefix}({}){result}", params.join(", "))
}

/// The type in WIT: by its name where it has one, by its shape otherwise.
fn type_name(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::S8 => "s8".into(),
        Type::S16 => "s16".into(),
        Type::S32 => "s32".into(),
        Type::S64 => "s64".into(),
        Type::F32 => "f32".into(),
        Type::F64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::ErrorContext => "error-context".into(),
        Type::Id(id) => {
            let TypeDef { name, kind, .. } = &resolve.types[*id];
            name.clone().unwrap_or_else(|| shape(resolve, kind))
        }
    }
}

/// An anonymous type, or the target of a `type` alias.
fn shape(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let name = |ty: &Type| type_name(resolve, ty);
    let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".into(), name);
    match kind {
        TypeDefKind::Type(ty) => name(ty),
        TypeDefKind::Handle(Handle::Own(id)) => name(&Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name(&Type::Id(*id))),
        TypeDefKind::Option(ty) => format!("option<{}>", name(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", name(ty)),
        TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", name(ty)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", name(key), name(value)),
        TypeDefKind::Tuple(tuple) => format!("tuple<{}>", tuple.types.iter().map(name).collect::<Vec<_>>().join(", ")),
        TypeDefKind::Result(result) => format!("result<{}, {}>", optional(&result.ok), optional(&result.err)),
        TypeDefKind::Future(ty) => format!("future<{}>", optional(ty)),
        TypeDefKind::Stream(ty) => format!("stream<{}>", optional(ty)),
        // Named in every interface: records and the like have no inline form.
        TypeDefKind::Record(_)
        | TypeDefKind::Flags(_)
        | TypeDefKind::Variant(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Resource
        | TypeDefKind::Unknown => kind.as_str().into(),
    }
}

/// Every interface, world, type, function, field, flag and case without a doc comment.
pub fn undocumented(resolve: &Resolve) -> Vec<String> {
    let mut missing = Vec::new();
    let mut check = |docs: &Docs, name: String| {
        if docs.contents.as_deref().is_none_or(|text| text.trim().is_empty()) {
            missing.push(name);
        }
    };
    for (_, package) in resolve.packages.iter() {
        check(&package.docs, format!("package {}", package.name));
    }
    for (_, world) in resolve.worlds.iter() {
        check(&world.docs, format!("world {}", world.name));
    }
    for (_, interface) in resolve.interfaces.iter() {
        check(&interface.docs, format!("interface {:?}", interface.name));
        for (name, id) in &interface.types {
            let definition = &resolve.types[*id];
            if is_used(resolve, definition) {
                continue;
            }
            check(&definition.docs, name.clone());
            match &definition.kind {
                TypeDefKind::Record(record) => {
                    record.fields.iter().for_each(|field| check(&field.docs, format!("{name}.{}", field.name)))
                }
                TypeDefKind::Flags(flags) => {
                    flags.flags.iter().for_each(|flag| check(&flag.docs, format!("{name}.{}", flag.name)))
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().for_each(|case| check(&case.docs, format!("{name}.{}", case.name)))
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().for_each(|case| check(&case.docs, format!("{name}.{}", case.name)))
                }
                _ => {}
            }
        }
        for function in interface.functions.values() {
            check(&function.docs, function.name.clone());
        }
    }
    missing
}
