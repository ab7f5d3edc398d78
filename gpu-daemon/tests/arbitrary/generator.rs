//! Arbitrary commands: a serde deserializer whose input is random numbers.
//!
//! It follows the derives, so a new command or field is covered without a line here. Ids are those of live objects,
//! except in fields that name a new object; numbers are biased to the edges (zero, alignments, limits, overflows) and
//! away from values that would only be slow.

use std::collections::BTreeMap;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor,
    value::{Error, U32Deserializer},
};

/// Random numbers: the bytes of a fuzzer's input, if any, then xorshift64*, which is sufficient and portable.
pub struct Random {
    state: u64,
    input: std::vec::IntoIter<u8>,
}

impl Random {
    pub fn new(state: u64) -> Self {
        Self { state, input: Vec::new().into_iter() }
    }

    /// Seeds the numbers after the input with the input.
    #[allow(dead_code, reason = "not every test has inputs")]
    pub fn of(input: &[u8]) -> Self {
        let hash = |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        let owned = Vec::from(input);
        Self { state: input.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1, input: owned.into_iter() }
    }

    pub fn next(&mut self) -> u64 {
        if self.input.len() > 0 {
            return self.input.by_ref().take(8).fold(0, |number, byte| number << 8 | u64::from(byte));
        }
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        // One byte of the input suffices for all but long lists.
        let number = match self.input.next() {
            Some(byte) if bound <= 256 => u64::from(byte),
            Some(byte) => u64::from(byte) << 8 | u64::from(self.input.next().unwrap_or(0)),
            None => self.next() >> 16,
        };
        number as usize % bound.max(1)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Live ids by the name of their type, and the next new one.
#[derive(Default)]
pub struct Live {
    pub ids: BTreeMap<&'static str, Vec<u32>>,
    /// Ids of valid objects, which are chosen more often: an invalid one ends the checks early.
    pub good: BTreeMap<&'static str, Vec<u32>>,
    pub next: u32,
}

/// The field with the id of the new object.
const MAKES: &[(&str, &str)] = &[
    ("CreateBuffer", "buffer"),
    ("CreateTexture", "texture"),
    ("CreateTextureView", "view"),
    ("CreateSampler", "sampler"),
    ("CreateBindGroupLayout", "layout"),
    ("CreatePipelineLayout", "layout"),
    ("CreateBindGroup", "bind_group"),
    ("CreateShaderModule", "module"),
    ("CreateComputePipeline", "pipeline"),
    ("CreateRenderPipeline", "pipeline"),
    ("GetBindGroupLayout", "layout"),
    ("CreateCommandEncoder", "encoder"),
    ("FinishCommandEncoder", "command_buffer"),
    ("BeginRenderPass", "pass"),
    ("BeginComputePass", "pass"),
    ("CreateRenderBundleEncoder", "encoder"),
    ("FinishRenderBundle", "bundle"),
    ("CreateQuerySet", "query_set"),
];

/// Sources that compile, for pipelines, and some that do not.
const SOURCES: &[&str] = &[
    "@group(0) @binding(0) var<storage, read_write> a: array<u32>;
     @compute @workgroup_size(1) fn main() { a[0] += 1u; }",
    "@vertex fn v(@builtin(vertex_index) n: u32) -> @builtin(position) vec4f { return vec4f(f32(n), 0, 0, 1); }
     @fragment fn f() -> @location(0) vec4f { return vec4f(1); }",
    "struct U { a: vec4f } @group(0) @binding(0) var<uniform> u: U;
     @group(0) @binding(1) var t: texture_2d<f32>; @group(0) @binding(2) var s: sampler; override k: f32 = 1;
     @vertex fn v(@location(0) p: vec4f) -> @builtin(position) vec4f { return p + u.a; }
     @fragment fn f() -> @location(0) vec4f { return textureSampleLevel(t, s, vec2f(0), 0) * k; }",
    "@compute @workgroup_size(1) fn main() {}",
    "var<immediate> i: vec4u; @group(0) @binding(0) var<storage, read_write> a: array<vec4u>;
     @compute @workgroup_size(1) fn main() { a[0] = i; }",
    "fn f() { let x = y; }",
    "",
];

/// Words of 1, for indirect calls: larger counts would only keep the GPU busy for hours.
pub static DATA: [u8; 4096] = {
    let mut data = [0; 4096];
    let mut at = 0;
    while at < data.len() {
        data[at] = 1;
        at += 4;
    }
    data
};

/// Deserializes arbitrary commands.
pub struct Generator<'g> {
    pub random: &'g mut Random,
    pub live: &'g mut Live,
    pub made: Option<(&'static str, u32)>,
    /// Number of the command to generate; any if `None`.
    pub command: Option<usize>,
    record: &'static str,
    field: &'static str,
    id: Option<u32>,
    flags: bool,
}

impl<'g> Generator<'g> {
    pub fn new(random: &'g mut Random, live: &'g mut Live) -> Self {
        Self { random, live, made: None, command: None, record: "", field: "", id: None, flags: false }
    }

    fn number(&mut self) -> u64 {
        if let Some(id) = self.id.take() {
            return u64::from(id);
        }
        if std::mem::take(&mut self.flags) {
            return match self.random.below(8) {
                0 => self.random.next(),
                1 => 0,
                2 => self.random.next() & 0x3ff,
                // Readable, writable, or all others: the combinations that can be valid.
                3 => 0b1001,
                4 => 0b0110,
                5 => 0b11_1111_1100,
                6 => 0b1_1111,
                _ => 0xf,
            };
        }
        let edges: &[u64] = match (self.record, self.field) {
            ("DispatchWorkgroups", "x") => &[0, 1, 2, 65535, 65536, u32::MAX as u64],
            ("DispatchWorkgroups", _) => &[0, 1, 1, 65536],
            (_, "vertex_count" | "instance_count" | "index_count") => &[0, 1, 3, 16],
            ("Extent3d", _) => &[0, 1, 1, 2, 3, 4, 5, 16, 64, 20000, u32::MAX as u64],
            (_, "sample_count" | "count") => &[0, 1, 1, 1, 2, 4, 8, 4096, 4097, u32::MAX as u64],
            (_, "mip_level_count") => &[0, 1, 1, 1, 2, 5, 32, u32::MAX as u64],
            (_, "bytes_per_row") => {
                &[0, 1, 4, 16, 255, 256, 256, 512, 1 << 20, u32::MAX as u64 & !255, u32::MAX as u64]
            }
            (_, "immediate_size") => &[0, 0, 4, 16, 64, 65, u32::MAX as u64],
            ("CreateBuffer", "size") => {
                &[0, 1, 3, 4, 16, 20, 256, 1024, 4096, 65536, 1 << 28, (1 << 28) + 1, 1 << 40, u64::MAX]
            }
            _ => &[0, 0, 0, 1, 2, 3, 4, 8, 12, 16, 64, 255, 256, 1024, 4096, 65535, 1 << 20, u32::MAX as u64],
        };
        // Factors of GPU work stay small: another test hangs the GPU.
        let work = matches!(self.field, "vertex_count" | "instance_count" | "index_count")
            || matches!(self.record, "DispatchWorkgroups" | "Extent3d");
        match self.random.below(12) {
            _ if work => self.random.pick(edges),
            0 => u64::MAX - self.random.below(600) as u64,
            1 => u64::from(u32::MAX) - self.random.below(300) as u64,
            2 => self.random.next() >> self.random.below(64),
            _ => self.random.pick(edges),
        }
    }

    fn small(&mut self) -> u32 {
        let huge = self.number();
        u32::try_from(huge).unwrap_or(huge as u32 | (1 << 31))
    }

    fn len(&mut self) -> usize {
        self.random.pick(&[0, 1, 1, 1, 1, 2, 2, 3, 4, 5, 9, 17])
    }
}

macro_rules! integers {
    ($($name:ident $visit:ident $type:ty,)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.number() as $type)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Generator<'_> {
    type Error = Error;

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(self.small())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.random.below(3) == 0)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = self.random.pick(&[0.0, 0.5, 1.0, 1.0, 4.0, 64.0, -1.0, 1e9, f32::MAX, f32::INFINITY, f32::NAN]);
        visitor.visit_f32(value)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.random.pick(&[0.0, 0.5, 1.0, -1.0, 1e300, f64::INFINITY, f64::NAN]))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let texts: &[&'static str] = match self.field {
            "code" => SOURCES,
            "entry_point" => &["main", "v", "f", "", "nö"],
            "constants" => &["k", "0", "é\0"],
            _ => &["", "", "label", "with\0nul", "𝄞"],
        };
        visitor.visit_borrowed_str(self.random.pick(texts))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let len = self.random.pick(&[0, 1, 3, 4, 8, 16, 64, 256, 1024, 4096]);
        visitor.visit_borrowed_bytes(&DATA[..len])
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // Absent more often, where only absence is commonly valid.
        let odds = match self.field {
            "aspect" | "usage" | "format" | "dimension" | "strip_index_format" | "compare" | "entry_point" => 4,
            "layout" | "depth_slice" | "request" | "timestamp_writes" | "occlusion_query_set" => 3,
            _ => 2,
        };
        if self.random.below(odds) == 0 { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == "DeviceId" {
            self.id = Some(0);
        } else if name == "RequestId" {
            self.id = Some(self.live.next);
            self.live.next += 1;
        } else if name.ends_with("Id") {
            let makes = MAKES.contains(&(self.record, self.field));
            let id = if makes && self.made.is_none() {
                self.live.next += 1;
                self.made = Some((name, self.live.next));
                self.live.next
            } else {
                let good = self.random.below(10) != 0;
                let ids = if good { self.live.good.get(name) } else { None };
                let ids = ids.or_else(|| self.live.ids.get(name)).filter(|ids| !ids.is_empty());
                let ids = ids.ok_or_else(|| de::Error::custom("no live object"))?;
                // The newest more often, which creates dependent sequences.
                let reach = if self.random.below(4) == 0 { 1000 } else { 3 };
                let back = self.random.below(ids.len().min(reach));
                ids[ids.len() - 1 - back]
            };
            self.id = Some(id);
        } else {
            self.flags = true;
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = self.len();
        visitor.visit_seq(Elements { generator: self, left, fields: &[] })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Elements { generator: self, left: len, fields: &[] })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let outer = (self.record, self.field);
        self.record = name;
        let value = visitor.visit_seq(Elements { generator: self, left: fields.len(), fields });
        (self.record, self.field) = outer;
        value
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant = match name {
            "Command" => self.command.unwrap_or_else(|| self.random.below(variants.len())),
            // Inline: the ring has its own tests.
            "Payload" => 0,
            "TextureFormat" if self.random.below(4) != 0 => {
                let common = ["Rgba8unorm", "R32float", "R32uint", "Depth24plusStencil8", "Depth32float", "Stencil8"];
                let common = self.random.pick(&common);
                variants.iter().position(|&variant| variant == common).unwrap_or(0)
            }
            "TextureDimension" if self.random.below(2) == 0 => 1,
            "TextureAspect" if self.random.below(2) == 0 => 0,
            _ => self.random.below(variants.len()),
        };
        visitor.visit_enum(Variant { generator: self, variant: variant as u32 })
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(de::Error::custom("a kind of value that no command has"))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char string byte_buf unit unit_struct tuple_struct map identifier ignored_any
    }
}

struct Elements<'a, 'g> {
    generator: &'a mut Generator<'g>,
    left: usize,
    fields: &'static [&'static str],
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        if let Some(field) = self.fields.get(self.fields.len() - self.left.min(self.fields.len())) {
            self.generator.field = field;
        }
        self.left -= 1;
        seed.deserialize(&mut *self.generator).map(Some)
    }
}

struct Variant<'a, 'g> {
    generator: &'a mut Generator<'g>,
    variant: u32,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        let variant: U32Deserializer<Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(variant)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.generator)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.generator.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let generator = self.generator;
        visitor.visit_seq(Elements { generator, left: fields.len(), fields })
    }
}
