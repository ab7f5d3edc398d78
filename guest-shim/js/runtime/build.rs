//! Generates tables from `wit/webgpu.wit`: each function with its parameters' memory layout and its core import, each type
//! with WebIDL's names of its members and values. `src/abi` interprets them, so that no call has code of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, FunctionKind, Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId, TypeOwner};

const PACKAGE: &str = "wasi:webgpu/webgpu@0.3.0-rc.2";

fn main() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit/webgpu.wit");
    println!("cargo:rerun-if-changed={}", wit.display());
    let mut resolve = Resolve::default();
    resolve.push_path(&wit).expect("wit/webgpu.wit is valid");
    let mut generator = Generator::new(&resolve);
    generator.functions();
    let out = Path::new(&std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("tables.rs");
    std::fs::write(out, generator.finish()).expect("OUT_DIR is writable");
    library();
}

/// Lists the modules of `lib/` for `src/library.rs`, which compiles them into the component.
fn library() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lib");
    println!("cargo:rerun-if-changed={}", lib.display());
    let mut names = Vec::new();
    let mut folders = vec![lib.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("lib/ is there") {
            let path = entry.expect("an entry of lib/").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "js") {
                names.push(path.strip_prefix(&lib).expect("inside lib/").to_str().expect("a plain name").to_owned());
            }
        }
    }
    names.sort();
    let out = Path::new(&std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("library.rs");
    let list: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    std::fs::write(out, format!("modules!({});\n", list.join(", "))).expect("OUT_DIR is writable");
}

struct Generator<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    /// In order of declaration; the index is the resource's number at run time.
    resources: Vec<TypeId>,
    /// Types with a static of their own.
    named: HashMap<TypeId, String>,
    statics: String,
    externs: String,
    functions: Vec<String>,
    /// The number of fields so far. A field's number is the index of its property name at run time.
    fields: usize,
}

impl<'a> Generator<'a> {
    fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        let resources = resolve
            .types
            .iter()
            .filter(|(_, ty)| matches!(ty.kind, TypeDefKind::Resource) && matches!(ty.owner, TypeOwner::Interface(_)))
            .map(|(id, _)| id)
            .collect();
        Self {
            resolve,
            sizes,
            resources,
            named: HashMap::new(),
            statics: String::new(),
            externs: String::new(),
            functions: Vec::new(),
            fields: 0,
        }
    }

    fn id(&mut self) -> usize {
        self.fields += 1;
        self.fields - 1
    }

    fn finish(self) -> String {
        let features =
            self.named.iter().find(|(id, _)| self.resolve.types[**id].name.as_deref() == Some("gpu-feature-name"));
        let features = features
            .map(|(_, name)| name.trim_start_matches("Ty::Enum(&").trim_end_matches(')'))
            .expect("the enumeration of features")
            .to_owned();
        let mut resources = String::new();
        let mut drops = String::new();
        for (index, id) in self.resources.iter().enumerate() {
            let name = self.resolve.types[*id].name.as_deref().unwrap_or_default();
            let _ = writeln!(
                drops,
                "        #[link_name = \"[resource-drop]{name}\"]\n        pub fn drop_{index}(handle: u32);"
            );
            let _ = writeln!(
                resources,
                "    Resource {{ wit: {name:?}, web: {:?}, drop: |handle| unsafe {{ drop_{index}(handle) }} }},",
                interface_name(name)
            );
        }
        let functions: String = self.functions.concat();
        format!(
            "mod raw {{\n    #[link(wasm_import_module = {PACKAGE:?})]\n    unsafe extern \"C\" {{\n{}{drops}    }}\n}}\nuse raw::*;\n\n{}\npub static RESOURCES: &[Resource] = &[\n{resources}];\n\npub static FUNCTIONS: &[Function] = &[\n{functions}];\n\npub const FIELDS: usize = {};\n\npub static FEATURES: &Enum = &{};\n",
            self.externs, self.statics, self.fields, features
        )
    }

    fn resource(&self, id: TypeId) -> usize {
        let mut id = id;
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        self.resources.iter().position(|&resource| resource == id).expect("a resource of the interface")
    }

    fn functions(&mut self) {
        let interface =
            self.resolve.interfaces.iter().find(|(_, i)| i.name.as_deref() == Some("webgpu")).expect("webgpu").1;
        for function in interface.functions.values() {
            self.function(function);
        }
    }

    fn function(&mut self, function: &Function) {
        // wit-bindgen's typed bindings serve functions that return a future or a stream.
        if let Some(Type::Id(id)) = function.result
            && matches!(self.resolve.types[id].kind, TypeDefKind::Future(_) | TypeDefKind::Stream(_))
        {
            return;
        }
        let number = self.functions.len();
        let (resource, method) = match function.kind {
            FunctionKind::Method(id) | FunctionKind::AsyncMethod(id) => (Some(self.resource(id)), true),
            FunctionKind::Static(id) | FunctionKind::AsyncStatic(id) | FunctionKind::Constructor(id) => {
                (Some(self.resource(id)), false)
            }
            FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => (None, false),
        };
        let is_async = matches!(
            function.kind,
            FunctionKind::AsyncFreestanding | FunctionKind::AsyncMethod(_) | FunctionKind::AsyncStatic(_)
        );
        let variant = if is_async { AbiVariant::GuestImportAsync } else { AbiVariant::GuestImport };
        let signature = self.resolve.wasm_signature(variant, function);
        let core = |ty: &WasmType| match ty {
            WasmType::I64 | WasmType::PointerOrI64 => "u64",
            WasmType::F32 => "f32",
            WasmType::F64 => "f64",
            _ => "u32",
        };
        let argument = |(index, ty): (usize, &WasmType)| match core(ty) {
            "u64" => format!("a[{index}]"),
            "f32" => format!("f32::from_bits(a[{index}] as u32)"),
            "f64" => format!("f64::from_bits(a[{index}])"),
            _ => format!("a[{index}] as u32"),
        };
        let parameters: Vec<String> =
            signature.params.iter().enumerate().map(|(i, ty)| format!("a{i}: {}", core(ty))).collect();
        let result = signature.results.first().map(core);
        let prefix = if is_async { "[async-lower]" } else { "" };
        let _ = writeln!(
            self.externs,
            "        #[link_name = \"{prefix}{}\"]\n        pub fn call_{number}({}){};",
            function.name,
            parameters.join(", "),
            result.map(|ty| format!(" -> {ty}")).unwrap_or_default()
        );
        let arguments: Vec<String> = signature.params.iter().enumerate().map(argument).collect();
        let call = format!("unsafe {{ call_{number}({}) }}", arguments.join(", "));
        let binder = if arguments.is_empty() { "_" } else { "a" };
        let thunk = match result {
            None => format!("{{ {call}; 0 }}"),
            Some("f32") => format!("{call}.to_bits() as u64"),
            Some("f64") => format!("{call}.to_bits()"),
            Some("u64") => call,
            Some(_) => format!("{call} as u64"),
        };

        let types: Vec<Type> = function.params.iter().map(|parameter| parameter.ty).collect();
        let offsets: Vec<usize> =
            self.sizes.field_offsets(types.iter()).iter().map(|(offset, _)| offset.size_wasm32()).collect();
        let layout = self.sizes.params(types.iter());
        let mut flat = Vec::new();
        if !signature.indirect_params {
            for (ty, offset) in types.iter().zip(&offsets) {
                self.flatten(ty, *offset, &mut flat);
            }
            let expected = signature.params.len() - usize::from(signature.retptr);
            assert_eq!(flat.len(), expected, "{} flattens as the canonical ABI says", function.name);
        }
        let skip = usize::from(method);
        let mut entries = String::new();
        for ((parameter, ty), offset) in function.params.iter().zip(&types).zip(&offsets).skip(skip) {
            let rust = self.ty(ty);
            let nullable = self.option_of_borrow(ty);
            let _ = write!(
                entries,
                "Field {{ name: {:?}, ty: {rust}, offset: {offset}, nullable: {nullable}, id: {} }}, ",
                camel(&parameter.name),
                self.id()
            );
        }
        let (result_ty, result_size, result_align) = match &function.result {
            Some(ty) => (
                format!("Some({})", self.ty(ty)),
                self.sizes.size(ty).size_wasm32(),
                self.sizes.align(ty).align_wasm32(),
            ),
            None => ("None".to_owned(), 0, 1),
        };
        let item = function.item_name();
        let interface = resource
            .map(|index| interface_name(self.resolve.types[self.resources[index]].name.as_deref().unwrap_or_default()));
        let web = camel(item);
        let path = match &interface {
            Some(interface) => format!("{interface}.{web}"),
            None => web.clone(),
        };
        let attribute = method
            && !is_async
            && function.params.len() == 1
            && function.result.is_some()
            && !["get-", "create-"].iter().any(|prefix| item.starts_with(prefix))
            && !["keys", "values", "entries", "unmap"].contains(&item);
        let size = layout.size.size_wasm32();
        self.functions.push(format!(
            "    Function {{ wit: {:?}, web: {web:?}, path: {path:?}, resource: {}, method: {method}, attribute: {attribute}, is_async: {is_async}, call: |{binder}| {thunk}, parameters: &[{entries}], size: {size}, flat: {}, retptr: {}, result: {result_ty}, result_size: {result_size}, result_align: {result_align} }},\n",
            function.name,
            resource.map_or("None".to_owned(), |index| format!("Some({index})")),
            if signature.indirect_params { "None".to_owned() } else { format!("Some(&[{}])", flat.join(", ")) },
            signature.retptr,
        ));
    }

    /// The loads of a type's core values, for a value in memory at `offset`.
    fn flatten(&self, ty: &Type, offset: usize, out: &mut Vec<String>) {
        let load = |kind: &str| format!("Load::{kind}({offset})");
        match ty {
            Type::Bool | Type::U8 => out.push(load("U8")),
            Type::U16 => out.push(load("U16")),
            Type::U32 | Type::S32 | Type::F32 => out.push(load("U32")),
            Type::U64 | Type::F64 => out.push(load("U64")),
            Type::String => self.flatten_pair(offset, out),
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Type(ty) => self.flatten(ty, offset, out),
                TypeDefKind::Handle(_) => out.push(load("U32")),
                TypeDefKind::List(_) => self.flatten_pair(offset, out),
                TypeDefKind::Flags(_) | TypeDefKind::Enum(_) => {
                    out.push(load(match self.sizes.size(ty).size_wasm32() {
                        1 => "U8",
                        2 => "U16",
                        _ => "U32",
                    }));
                }
                TypeDefKind::Record(record) => {
                    let types: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                    for (at, ty) in self.sizes.field_offsets(types.iter()) {
                        self.flatten(ty, offset + at.size_wasm32(), out);
                    }
                }
                TypeDefKind::Option(inner) => {
                    out.push(load("U8"));
                    let at = self.sizes.payload_offset(Int::U8, [Some(inner)]).size_wasm32();
                    self.flatten(inner, offset + at, out);
                }
                TypeDefKind::Variant(variant) => {
                    assert_eq!(variant.tag(), Int::U8, "a variant has few cases");
                    out.push(load("U8"));
                    let at = self
                        .sizes
                        .payload_offset(Int::U8, variant.cases.iter().map(|case| case.ty.as_ref()))
                        .size_wasm32();
                    let payloads: Vec<&Type> = variant.cases.iter().filter_map(|case| case.ty.as_ref()).collect();
                    // Several payloads share core values; a table of loads describes one.
                    assert!(payloads.len() <= 1, "a flat variant has at most one payload");
                    for payload in payloads {
                        self.flatten(payload, offset + at, out);
                    }
                }
                other => panic!("a parameter is a {}", other.as_str()),
            },
            other => panic!("a parameter is a {other:?}"),
        }
    }

    fn flatten_pair(&self, offset: usize, out: &mut Vec<String>) {
        out.push(format!("Load::U32({offset})"));
        out.push(format!("Load::U32({})", offset + 4));
    }

    fn option_of_borrow(&self, ty: &Type) -> bool {
        let Type::Id(id) = ty else { return false };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Option(Type::Id(inner)) => matches!(self.resolve.types[*inner].kind, TypeDefKind::Handle(_)),
            TypeDefKind::Type(ty) => self.option_of_borrow(ty),
            _ => false,
        }
    }

    /// A type as an expression of the tables.
    fn ty(&mut self, ty: &Type) -> String {
        match ty {
            Type::Bool => "Ty::Bool".into(),
            Type::U16 => "Ty::U16".into(),
            Type::U32 => "Ty::U32".into(),
            Type::S32 => "Ty::S32".into(),
            Type::U64 => "Ty::U64".into(),
            Type::F32 => "Ty::F32".into(),
            Type::F64 => "Ty::F64".into(),
            Type::String => "Ty::Str".into(),
            Type::Id(id) => self.defined(*id),
            other => panic!("the interface has a {other:?}"),
        }
    }

    fn defined(&mut self, id: TypeId) -> String {
        if let Some(name) = self.named.get(&id) {
            return name.clone();
        }
        let definition = &self.resolve.types[id];
        let name = definition.name.clone().unwrap_or_default();
        let place = format!("T{}", self.named.len());
        let size = || self.sizes.size(&Type::Id(id)).size_wasm32();
        let (expression, body) = match definition.kind.clone() {
            TypeDefKind::Type(ty) => return self.ty(&ty),
            TypeDefKind::Handle(Handle::Own(resource)) => return format!("Ty::Own({})", self.resource(resource)),
            TypeDefKind::Handle(Handle::Borrow(resource)) => return format!("Ty::Borrow({})", self.resource(resource)),
            TypeDefKind::Resource => return format!("Ty::Own({})", self.resource(id)),
            TypeDefKind::List(Type::U8) => return "Ty::Bytes".into(),
            TypeDefKind::List(element) => {
                self.named.insert(id, format!("Ty::List(&{place})"));
                let size = self.sizes.size(&element).size_wasm32();
                let element = self.ty(&element);
                ("List", format!("List = List {{ element: {element}, size: {size} }}"))
            }
            TypeDefKind::Option(inner) => {
                self.named.insert(id, format!("Ty::Option(&{place})"));
                let offset = self.sizes.payload_offset(Int::U8, [Some(&inner)]).size_wasm32();
                let inner = self.ty(&inner);
                ("Option", format!("Optional = Optional {{ inner: {inner}, offset: {offset} }}"))
            }
            TypeDefKind::Tuple(tuple) => {
                self.named.insert(id, format!("Ty::Record(&{place})"));
                let fields = self.fields(tuple.types.iter().map(|ty| (String::new(), *ty)).collect(), None);
                (
                    "Record",
                    format!(
                        "Record = Record {{ name: \"\", fields: &[{fields}], sequence: None, poison: Poison::Nothing }}"
                    ),
                )
            }
            TypeDefKind::Record(record) => {
                self.named.insert(id, format!("Ty::Record(&{place})"));
                let members = record.fields.iter().map(|field| (field.name.clone(), field.ty)).collect();
                let fields = self.fields(members, Some(&name));
                let (sequence, poison) = record_rules(&name);
                (
                    "Record",
                    format!(
                        "Record = Record {{ name: {:?}, fields: &[{fields}], sequence: {sequence}, poison: {poison} }}",
                        dictionary_name(&name)
                    ),
                )
            }
            TypeDefKind::Enum(cases) => {
                self.named.insert(id, format!("Ty::Enum(&{place})"));
                let values: Vec<String> = cases.cases.iter().map(|case| format!("{:?}", value(&case.name))).collect();
                (
                    "Enum",
                    format!(
                        "Enum = Enum {{ name: {:?}, values: &[{}], size: {} }}",
                        dictionary_name(&name),
                        values.join(", "),
                        size()
                    ),
                )
            }
            TypeDefKind::Flags(flags) => {
                self.named.insert(id, format!("Ty::Flags(&{place})"));
                // `all` of gpu-color-write is the other four together, not a bit of the web's.
                let bits = flags.flags.iter().filter(|flag| flag.name != "all").count();
                ("Flags", format!("Flags = Flags {{ bits: {bits}, size: {} }}", size()))
            }
            TypeDefKind::Variant(variant) => {
                self.named.insert(id, format!("Ty::Variant(&{place})"));
                let offset = self
                    .sizes
                    .payload_offset(variant.tag(), variant.cases.iter().map(|case| case.ty.as_ref()))
                    .size_wasm32();
                let mut cases = String::new();
                for case in &variant.cases {
                    let payload = case.ty.map_or("None".to_owned(), |ty| format!("Some({})", self.ty(&ty)));
                    let _ = write!(cases, "({:?}, {payload}), ", case.name);
                }
                let kind = match name.as_str() {
                    "gpu-layout-mode" => "Union::Layout",
                    "gpu-binding-resource" => "Union::Resource",
                    _ => "Union::Plain",
                };
                ("Variant", format!("Variant = Variant {{ kind: {kind}, cases: &[{cases}], offset: {offset} }}"))
            }
            TypeDefKind::Result(result) => {
                self.named.insert(id, format!("Ty::Result(&{place})"));
                let offset =
                    self.sizes.payload_offset(Int::U8, [result.ok.as_ref(), result.err.as_ref()]).size_wasm32();
                let ok = result.ok.map_or("None".to_owned(), |ty| format!("Some({})", self.ty(&ty)));
                let err = result.err.map_or("None".to_owned(), |ty| format!("Some({})", self.ty(&ty)));
                ("Result", format!("Fallible = Fallible {{ ok: {ok}, err: {err}, offset: {offset} }}"))
            }
            other => panic!("the interface has a {}", other.as_str()),
        };
        let _ = writeln!(self.statics, "static {place}: {body};");
        let expression = format!("Ty::{expression}(&{place})");
        self.named.insert(id, expression.clone());
        expression
    }

    /// The fields of a record; in the order in which WebIDL reads the members of the dictionary with this name, if there is
    /// one.
    fn fields(&mut self, fields: Vec<(String, Type)>, dictionary: Option<&str>) -> String {
        let types: Vec<Type> = fields.iter().map(|(_, ty)| *ty).collect();
        let offsets: Vec<usize> =
            self.sizes.field_offsets(types.iter()).iter().map(|(offset, _)| offset.size_wasm32()).collect();
        let mut out = String::new();
        let mut fields: Vec<_> = fields.into_iter().map(|(name, ty)| (camel(&name), ty)).zip(offsets).collect();
        if let Some(dictionary) = dictionary {
            fields.sort_by_key(|((member, _), _)| (generation(dictionary, member), member.clone()));
        }
        for ((name, ty), offset) in &fields {
            let rust = self.ty(ty);
            let _ = write!(
                out,
                "Field {{ name: {:?}, ty: {rust}, offset: {offset}, nullable: false, id: {} }}, ",
                name,
                self.id()
            );
        }
        out
    }
}

/// The specification's rules for a dictionary beyond its members: the lengths of the sequence of numbers that it also
/// accepts, and the member that makes it invalid when its flags have unknown bits.
fn record_rules(name: &str) -> (&'static str, &'static str) {
    match name {
        "gpu-extent3-d" => ("Some((1, 3))", "Poison::Nothing"),
        "gpu-origin3-d" => ("Some((0, 3))", "Poison::Nothing"),
        "gpu-color" => ("Some((4, 4))", "Poison::Nothing"),
        "gpu-bind-group-layout-entry" => ("None", "Poison::Binding"),
        "gpu-color-target-state" => ("None", "Poison::Format"),
        _ => ("None", "Poison::Nothing"),
    }
}

/// How many dictionaries a member's own one inherits from, as far as the order depends on it: WebIDL reads inherited members
/// first, and those of one dictionary by their names.
fn generation(dictionary: &str, member: &str) -> u8 {
    match (dictionary, member) {
        (_, "label") => 0,
        ("gpu-render-pipeline-descriptor" | "gpu-compute-pipeline-descriptor", "layout") => 1,
        ("gpu-vertex-state", "buffers") | ("gpu-fragment-state", "targets") => 3,
        ("gpu-render-bundle-encoder-descriptor", "depthReadOnly" | "stencilReadOnly") => 3,
        ("gpu-texel-copy-buffer-info", "buffer") => 3,
        _ => 2,
    }
}

/// Camel case: `map-async` is `mapAsync`, `max-texture-dimension1-d` is `maxTextureDimension1D`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for c in name.chars() {
        match c {
            '-' => upper = true,
            c if upper => {
                out.extend(c.to_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// An interface's name: `gpu-buffer` is `GPUBuffer`. Empty for a resource that represents a plain object of the web.
fn interface_name(name: &str) -> String {
    match name {
        "gpu" => "GPU".to_owned(),
        "wgsl-language-features" => "WGSLLanguageFeatures".to_owned(),
        _ => match name.strip_prefix("gpu-") {
            Some(rest) => format!("GPU{}", camel(&format!("-{rest}"))),
            None => String::new(),
        },
    }
}

fn dictionary_name(name: &str) -> String {
    match name.strip_prefix("gpu-") {
        Some(rest) => format!("GPU{}", camel(&format!("-{rest}"))),
        None => camel(&format!("-{name}")),
    }
}

/// An enumeration value in the web's spelling. No word in WIT starts with a digit.
fn value(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("astc")
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return format!("astc-{rest}");
    }
    match name {
        "d1" => "1d".to_owned(),
        "d2" => "2d".to_owned(),
        "d2-array" => "2d-array".to_owned(),
        "d3" => "3d".to_owned(),
        "unorm1010102" => "unorm10-10-10-2".to_owned(),
        _ => name.replace("sliced3d", "sliced-3d"),
    }
}
