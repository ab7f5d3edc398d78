//! `wasi:webgpu` as data, made by `build.rs` from `wit/webgpu.wit`.

/// A type of the interface, with what WebIDL says of its values.
#[derive(Clone, Copy)]
pub enum Ty {
    Bool,
    U16,
    U32,
    S32,
    U64,
    F32,
    F64,
    Str,
    /// `list<u8>`: an ArrayBuffer, or a view of one.
    Bytes,
    Enum(&'static Enum),
    Flags(&'static Flags),
    Record(&'static Record),
    Option(&'static Optional),
    List(&'static List),
    Variant(&'static Variant),
    Result(&'static Fallible),
    /// A handle that is lent: the number of its resource.
    Borrow(usize),
    /// A handle that changes hands.
    Own(usize),
}

pub struct Enum {
    pub name: &'static str,
    /// The values as the web spells them, in the order of the cases.
    pub values: &'static [&'static str],
    pub size: usize,
}

pub struct Flags {
    pub bits: u32,
    pub size: usize,
}

pub struct Record {
    pub name: &'static str,
    pub fields: &'static [Field],
    /// The dictionary may also be a sequence of so many numbers.
    pub sequence: Option<(usize, usize)>,
    pub poison: Poison,
}

/// A member of a dictionary, or a parameter.
pub struct Field {
    pub name: &'static str,
    pub ty: Ty,
    /// In bytes, from the start of the record or of the parameters.
    pub offset: usize,
    /// null is a value like undefined.
    pub nullable: bool,
    /// The field's number among all.
    pub id: usize,
}

/// How a dictionary whose flags have bits that do not exist becomes one that validation rejects: WIT's flags cannot
/// carry such bits.
#[derive(Clone, Copy, PartialEq)]
pub enum Poison {
    /// Without flags, or 0 in their place is rejected.
    Nothing,
    /// A binding number above every limit.
    Binding,
    /// A format that no colour attachment has.
    Format,
}

pub struct Optional {
    pub inner: Ty,
    pub offset: usize,
}

pub struct List {
    pub element: Ty,
    pub size: usize,
}

pub struct Variant {
    pub kind: Union,
    pub cases: &'static [(&'static str, Option<Ty>)],
    pub offset: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Union {
    /// `GPUPipelineLayout or "auto"`.
    Layout,
    /// What a bind group may hold.
    Resource,
    /// Comes from the host only.
    Plain,
}

pub struct Fallible {
    pub ok: Option<Ty>,
    pub err: Option<Ty>,
    pub offset: usize,
}

/// Where a core value lies in parameters that were stored in memory.
#[derive(Clone, Copy)]
pub enum Load {
    U8(usize),
    U16(usize),
    U32(usize),
    U64(usize),
}

pub struct Resource {
    pub wit: &'static str,
    /// The interface's name on the web; empty where a plain object takes its place.
    pub web: &'static str,
    pub drop: fn(u32),
}

pub struct Function {
    pub wit: &'static str,
    pub web: &'static str,
    /// `GPUDevice.createBuffer`, for messages.
    pub path: &'static str,
    pub resource: Option<usize>,
    pub method: bool,
    pub attribute: bool,
    pub is_async: bool,
    /// Calls the core import with its flat arguments.
    pub call: fn(&[u64; MAX_ARGUMENTS]) -> u64,
    /// Without the handle of the method's object, which lies at offset 0.
    pub parameters: &'static [Field],
    pub size: usize,
    /// The flat arguments; none where one pointer to the parameters takes their place.
    pub flat: Option<&'static [Load]>,
    /// The result is written to memory, to which the last argument points.
    pub retptr: bool,
    pub result: Option<Ty>,
    pub result_size: usize,
    pub result_align: usize,
}

/// The canonical ABI's 16, and a pointer for the result.
pub const MAX_ARGUMENTS: usize = 17;

impl Function {
    /// The number of arguments that a call must have.
    pub fn required(&self) -> usize {
        // An object that may be absent is nullable on the web: null, but not nothing.
        let optional = |ty: &Ty| matches!(ty, Ty::Option(of) if !matches!(of.inner, Ty::Borrow(_)));
        self.parameters.iter().rposition(|field| !optional(&field.ty)).map_or(0, |last| last + 1)
    }
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));
