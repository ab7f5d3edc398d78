//! Generates the calls from the interface: a pool per resource, a maker of values per type, and one arm per function that
//! makes its arguments, calls it, and keeps the returned objects. `src/world.rs` has their building blocks.

use std::fmt::Write as _;
use std::path::Path;

use heck::{ToSnakeCase, ToUpperCamelCase};
use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind, TypeId};

const WIT: &str = "../../../wit";
/// Resources that no function of the interface returns.
const OUT_OF_REACH: [&str; 2] = ["gpu-canvas-context", "gpu-uncaptured-error-event"];
/// Methods that end their object, and the object's state afterwards.
const ENDINGS: [(&str, &str); 3] = [("destroy", "DESTROYED"), ("end", "ENDED"), ("finish", "ENDED")];

fn main() {
    println!("cargo::rerun-if-changed={WIT}");
    let mut resolve = Resolve::default();
    resolve.push_path(Path::new(WIT)).expect("wit/ is valid");
    let text = Generator { resolve: &resolve, out: String::new() }.generate();
    let folder = std::env::var("OUT_DIR").expect("cargo gives a folder");
    std::fs::write(Path::new(&folder).join("calls.rs"), text).expect("the folder can be written");
}

struct Generator<'r> {
    resolve: &'r Resolve,
    out: String,
}

/// The properties of a type that decide how wit-bindgen passes an argument.
#[derive(Default)]
struct Holds {
    memory: bool,
    borrows: bool,
    owns: bool,
}

impl Generator<'_> {
    fn generate(mut self) -> String {
        let resolve = self.resolve;
        let (_, interface) = resolve.interfaces.iter().next().expect("one interface");
        let reachable = |name: &str| !OUT_OF_REACH.contains(&name);
        let resources: Vec<_> = interface
            .types
            .iter()
            .filter(|(name, id)| matches!(resolve.types[**id].kind, TypeDefKind::Resource) && reachable(name))
            .map(|(name, _)| name.as_str())
            .collect();
        self.pools(&resources);
        for &id in interface.types.values() {
            self.maker(id);
        }
        let functions: Vec<_> =
            interface.functions.values().filter(|f| self.resource(f).is_none_or(|name| reachable(&name))).collect();
        self.line("/// The functions that a guest can reach, and whether they take more than their object.");
        self.line(&format!("pub const FUNCTIONS: [(&str, bool); {}] = [", functions.len()));
        for function in &functions {
            let (name, more) = (self.name(function), !self.parameters(function).is_empty());
            self.line(&format!("    (\"{name}\", {more}),"));
        }
        self.line("];\n");
        self.line("/// Calls the function of this number. False where there is no object to call it with.");
        self.line("pub async fn call(number: usize, p: &Pools, g: &Random, made: &RefCell<Vec<Made>>) -> bool {");
        self.line("    match number {");
        for (number, function) in functions.iter().enumerate() {
            self.arm(number, function);
        }
        self.line("        _ => return false,\n    }\n    true\n}");
        self.out
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    fn pools(&mut self, resources: &[&str]) {
        self.line("/// The objects that calls choose from.\n#[derive(Default)]\npub struct Pools {");
        for name in resources {
            self.line(&format!("    pub {}: Pool<{}>,", ident(name), name.to_upper_camel_case()));
        }
        self.line("}\n\n/// An object that a call has returned.\npub enum Made {");
        for name in resources {
            let camel = name.to_upper_camel_case();
            self.line(&format!("    {camel}({camel}, u32),"));
        }
        self.line("}\n\nimpl Pools {\n    /// Takes an object into its pool.");
        self.line("    pub fn keep(&mut self, made: Made, g: &Random) {\n        match made {");
        for name in resources {
            let (camel, field) = (name.to_upper_camel_case(), ident(name));
            self.line(&format!("            Made::{camel}(object, device) => self.{field}.keep(object, device, g),"));
        }
        self.line("        }\n    }\n}\n");
    }

    /// Generates the function that makes a random value of a named type, if the type needs one.
    fn maker(&mut self, id: TypeId) {
        let resolve = self.resolve;
        let definition = &resolve.types[id];
        let name = definition.name.clone().unwrap_or_default();
        if name.ends_with("-error") || name.ends_with("-error-kind") || name.ends_with("-owned") {
            return;
        }
        let camel = name.to_upper_camel_case();
        let body = match &definition.kind {
            TypeDefKind::Record(record) => {
                let mut body = format!("{camel} {{\n");
                for field in &record.fields {
                    let _ = writeln!(body, "        {}: {},", ident(&field.name), self.value(&field.ty, &field.name));
                }
                body + "    }"
            }
            TypeDefKind::Enum(cases) => {
                let cases: Vec<_> =
                    cases.cases.iter().map(|case| format!("{camel}::{}", case.name.to_upper_camel_case())).collect();
                format!("g.case(&[{}])", cases.join(", "))
            }
            TypeDefKind::Flags(flags) => {
                let bits = flags.flags.len();
                let repr = if bits <= 8 { "u8" } else { "u16" };
                format!("{camel}::from_bits_retain(g.flags({bits}) as {repr})")
            }
            TypeDefKind::Variant(variant) => {
                let mut body = format!("match g.below({}) {{\n", variant.cases.len());
                for (number, case) in variant.cases.iter().enumerate() {
                    let pattern = if number + 1 == variant.cases.len() { "_".into() } else { number.to_string() };
                    let payload = case.ty.map(|ty| format!("({})", self.value(&ty, &case.name))).unwrap_or_default();
                    let _ =
                        writeln!(body, "        {pattern} => {camel}::{}{payload},", case.name.to_upper_camel_case());
                }
                body + "    }"
            }
            _ => return,
        };
        let holds = self.holds(&Type::Id(id));
        let lifetime = if holds.borrows { "<'_>" } else { "" };
        self.line("#[allow(dead_code, unused_variables)]");
        self.line(&format!("fn {}<'a>(p: &'a Pools, g: &'a Random) -> {camel}{} {{", ident(&name), {
            if lifetime.is_empty() { "" } else { "<'a>" }
        }));
        self.line(&format!("    {body}\n}}\n"));
    }

    /// An expression for a random value; `name` is the field's or the parameter's.
    fn value(&self, ty: &Type, name: &str) -> String {
        match ty {
            Type::Bool => "g.flip()".into(),
            Type::U16 => format!("g.u32(\"{name}\") as u16"),
            Type::U32 => format!("g.u32(\"{name}\")"),
            Type::S32 => format!("g.u32(\"{name}\") as i32"),
            Type::U64 => format!("g.u64(\"{name}\")"),
            Type::F32 => "g.f64() as f32".into(),
            Type::F64 => "g.f64()".into(),
            Type::String => format!("g.text(\"{name}\")"),
            Type::Id(id) => {
                let definition = &self.resolve.types[*id];
                match &definition.kind {
                    TypeDefKind::Type(ty) => self.value(ty, name),
                    TypeDefKind::Option(ty) => format!("g.option(|| {})", self.value(ty, name)),
                    TypeDefKind::List(Type::U8) => "g.bytes()".into(),
                    TypeDefKind::List(ty) => format!("g.list(|| {})", self.value(ty, name)),
                    TypeDefKind::Handle(Handle::Borrow(id)) => {
                        format!("p.{}.borrow(g)", ident(self.type_name(*id)))
                    }
                    TypeDefKind::Handle(Handle::Own(id)) => format!("{}(g)", ident(self.type_name(*id))),
                    _ => format!("{}(p, g)", ident(definition.name.as_deref().unwrap_or_default())),
                }
            }
            other => panic!("the interface has got a {other:?}: say here how to make one"),
        }
    }

    fn arm(&mut self, number: usize, function: &Function) {
        let name = self.name(function);
        let is_async = matches!(function.kind, FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_));
        let _ = writeln!(self.out, "        // {name}\n        {number} => {{\n            g.calls({number});");
        let resource = self.resource(function);
        let method = ident(function.item_name());
        let callee = match (&resource, &function.kind) {
            (None, _) => format!("gpu::{method}"),
            (Some(name), FunctionKind::Constructor(_)) => format!("{}::new", name.to_upper_camel_case()),
            (Some(name), _) => {
                self.line(&format!("            let Some(this) = p.{}.own(g) else {{ return false }};", ident(name)));
                format!("this.object.{method}")
            }
        };
        let has_object = callee.starts_with("this");
        let mut arguments = Vec::new();
        for (number, (name, ty)) in self.parameters(function).into_iter().enumerate() {
            self.line(&format!("            let a{number} = {};", self.value(&ty, &name)));
            arguments.push(self.passed(&ty, &format!("a{number}"), is_async));
        }
        if let Some((_, ending)) = ENDINGS.iter().find(|(name, _)| *name == function.item_name())
            && has_object
        {
            self.line(&format!("            this.state.set({ending});"));
        }
        self.line("            g.made_call();");
        let wait = if is_async { ".await" } else { "" };
        let device = if has_object { "this.device" } else { "g.home()" };
        self.line(&format!("            let r = {callee}({}){wait};", arguments.join(", ")));
        let keep = function.result.map_or_else(|| "let () = r;".into(), |ty| self.kept(&ty, "r", device));
        self.line(&format!("            {keep}\n        }}"));
    }

    /// An argument as wit-bindgen passes it: plain and owned values by value, others by reference.
    fn passed(&self, ty: &Type, name: &str, is_async: bool) -> String {
        if is_async {
            return name.to_owned();
        }
        let definition = match ty {
            Type::String => return format!("&{name}"),
            Type::Id(id) => &self.resolve.types[*id],
            _ => return name.to_owned(),
        };
        let holds = self.holds(ty);
        match &definition.kind {
            TypeDefKind::Type(ty) => self.passed(ty, name, is_async),
            TypeDefKind::List(_) => format!("&{name}"),
            TypeDefKind::Option(inner) => match inner {
                Type::Id(id) if matches!(self.resolve.types[*id].kind, TypeDefKind::List(_)) => {
                    format!("{name}.as_deref()")
                }
                Type::String => format!("{name}.as_deref()"),
                Type::Id(id) if matches!(self.resolve.types[*id].kind, TypeDefKind::Handle(_)) => name.to_owned(),
                _ if (holds.memory || holds.borrows) && !holds.owns => format!("{name}.as_ref()"),
                _ => name.to_owned(),
            },
            TypeDefKind::Handle(_) => name.to_owned(),
            _ if (holds.memory || holds.borrows) && !holds.owns => format!("&{name}"),
            _ => name.to_owned(),
        }
    }

    /// A statement that keeps a result: its objects go into `made`.
    fn kept(&self, ty: &Type, name: &str, device: &str) -> String {
        let Type::Id(id) = ty else { return format!("let _ = {name};") };
        let definition = &self.resolve.types[*id];
        match &definition.kind {
            TypeDefKind::Type(ty) => self.kept(ty, name, device),
            TypeDefKind::Handle(Handle::Own(id)) => {
                let camel = self.type_name(*id).to_upper_camel_case();
                format!("made.borrow_mut().push(Made::{camel}({name}, {device}));")
            }
            TypeDefKind::Option(ty) => format!("if let Some(r) = {name} {{ {} }}", self.kept(ty, "r", device)),
            TypeDefKind::List(ty) if *ty != Type::U8 => {
                format!("for r in {name} {{ {} }}", self.kept(ty, "r", device))
            }
            TypeDefKind::Result(result) => match result.ok {
                Some(ty) => format!("if let Ok(r) = {name} {{ {} }}", self.kept(&ty, "r", device)),
                None => format!("let _ = {name};"),
            },
            TypeDefKind::Future(Some(ty)) => {
                format!("if let Some(r) = soon({name}, g).await {{ {} }}", self.kept(ty, "r", device))
            }
            TypeDefKind::Stream(Some(ty)) => {
                format!("if let Some(r) = next({name}, g).await {{ {} }}", self.kept(ty, "r", device))
            }
            _ => format!("let _ = {name};"),
        }
    }

    fn holds(&self, ty: &Type) -> Holds {
        let mut holds = Holds::default();
        self.look(ty, &mut holds);
        holds
    }

    fn look(&self, ty: &Type, holds: &mut Holds) {
        let id = match ty {
            Type::String => {
                holds.memory = true;
                return;
            }
            Type::Id(id) => *id,
            _ => return,
        };
        match &self.resolve.types[id].kind {
            TypeDefKind::Type(ty) | TypeDefKind::Option(ty) => self.look(ty, holds),
            TypeDefKind::List(ty) => {
                holds.memory = true;
                self.look(ty, holds);
            }
            TypeDefKind::Handle(Handle::Borrow(_)) => holds.borrows = true,
            TypeDefKind::Handle(Handle::Own(_)) => holds.owns = true,
            TypeDefKind::Record(record) => record.fields.iter().for_each(|field| self.look(&field.ty, holds)),
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().filter_map(|case| case.ty).for_each(|ty| self.look(&ty, holds))
            }
            _ => {}
        }
    }

    /// The parameters after the receiver.
    fn parameters(&self, function: &Function) -> Vec<(String, Type)> {
        let implied = usize::from(matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)));
        function.params.iter().skip(implied).map(|p| (p.name.clone(), p.ty)).collect()
    }

    fn resource(&self, function: &Function) -> Option<String> {
        match function.kind {
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => None,
            FunctionKind::Method(id)
            | FunctionKind::AsyncMethod(id)
            | FunctionKind::Static(id)
            | FunctionKind::AsyncStatic(id)
            | FunctionKind::Constructor(id) => Some(self.type_name(id).to_owned()),
        }
    }

    /// `resource.function`, as in the host and the tests.
    fn name(&self, function: &Function) -> String {
        match (self.resource(function), &function.kind) {
            (None, _) => function.name.clone(),
            (Some(resource), FunctionKind::Constructor(_)) => format!("{resource}.constructor"),
            (Some(resource), _) => format!("{resource}.{}", function.item_name()),
        }
    }

    fn type_name(&self, id: TypeId) -> &str {
        let definition = &self.resolve.types[id];
        match &definition.kind {
            TypeDefKind::Type(Type::Id(id)) => self.type_name(*id),
            _ => definition.name.as_deref().unwrap_or_default(),
        }
    }
}

/// A name in wit-bindgen's spelling.
fn ident(name: &str) -> String {
    match name {
        "type" => "type_".into(),
        name => name.to_snake_case(),
    }
}
