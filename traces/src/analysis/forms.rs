//! Which bytes of a readback are numbers that another processor or adapter rounds differently: texels that were drawn, and
//! floats that shaders stored. Everything else (integers, bytes that the guest gave) is the same everywhere.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Weak},
};

use airlock_protocol::commands::texture::{Extent3d, TextureAspect, TextureFormat};

use super::{
    contents::{Made, Operation},
    ranges::RangeMap,
    resources::{Resource, Shape, Span, Write},
};
use crate::wgsl::Type;

/// Different forms of one session. A run that copies pictures to ever new places has more: those have [`Form::Unknown`].
const MAX_FORMS: usize = 64 << 10;

/// The form of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// The contents of a texture that the GPU made.
    Computed,
    /// Texels.
    Texels(Arc<Texels>),
    /// A shader's variable of this type, which starts at this byte of the buffer.
    Values(Arc<Type>, u64),
    /// A shader's, of a type that is not known.
    Unknown,
}

/// Texels in a buffer, as a copy from a texture puts them there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Texels {
    /// The texture's format.
    pub format: TextureFormat,
    /// The aspect that was copied.
    pub aspect: TextureAspect,
    /// The first texel, in bytes from the start of the buffer; before it where only a part of the picture is in the buffer.
    pub start: i64,
    /// From one row to the next, in bytes.
    pub row: u64,
    /// From one image to the next, in rows.
    pub image: u64,
    /// Texels in each direction.
    pub size: (u32, u32, u32),
}

impl Texels {
    /// What a copy of so many texels makes.
    pub fn new(
        (format, aspect): (TextureFormat, TextureAspect),
        (start, row, image): (u64, Option<u32>, Option<u32>),
        size: Extent3d,
    ) -> Option<Self> {
        let width = format.texel_bytes().map(|bytes| bytes.saturating_mul(size.width.into()));
        Some(Self {
            format,
            aspect,
            start: i64::try_from(start).ok()?,
            row: row.map(u64::from).or(width)?,
            image: image.unwrap_or(size.height).into(),
            size: (size.width, size.height, size.depth_or_array_layers),
        })
    }
}

/// Bytes of a readback that have a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formed {
    /// Where they are, in bytes from the start of what was read back.
    pub range: Range<u64>,
    pub(crate) form: Form,
}

impl Formed {
    /// The form in a word: `texels`, `values` of a shader's type, or `unknown`.
    pub fn kind(&self) -> &'static str {
        match self.form {
            Form::Texels(_) => "texels",
            Form::Values(..) => "values",
            Form::Computed | Form::Unknown => "unknown",
        }
    }
}

impl Form {
    /// The same form where the bytes are so much further on.
    fn moved(&self, from: u64, to: u64) -> Option<Form> {
        Some(match self {
            Form::Computed | Form::Unknown => self.clone(),
            Form::Texels(texels) => {
                let by = i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?)?;
                Form::Texels(Arc::new(Texels { start: texels.start.checked_add(by)?, ..(**texels).clone() }))
            }
            // A copy that begins after the variable's start leaves the scalars where they are to each other only if the type
            // repeats; the type's own start is then not in the buffer any more.
            Form::Values(ty, start) => match start.checked_sub(from) {
                Some(within) => Form::Values(Arc::clone(ty), to.checked_add(within)?),
                None if ty.is_uniform() => Form::Values(Arc::clone(ty), to),
                None => Form::Unknown,
            },
        })
    }
}

/// Follows a stream's operations. One session.
#[derive(Clone, Debug, Default)]
pub(super) struct Forms {
    /// By the serial number of the resource.
    known: HashMap<u64, (Weak<Resource>, RangeMap<u32>)>,
    /// Entries at which dead ones are looked for.
    tidy_at: usize,
    forms: Vec<Form>,
    numbers: HashMap<Form, u32>,
}

impl Forms {
    /// What has a form in a part of a buffer; ranges in order, without overlap.
    pub fn of(&self, buffer: &Resource, offset: u64, size: u64) -> Vec<Formed> {
        let parts = self.parts(buffer, offset..offset.saturating_add(size)).into_iter();
        let formed = |(range, form): (Range<u64>, Form)| Formed {
            range: range.start - offset..range.end - offset,
            form: form.moved(offset, 0).unwrap_or(Form::Unknown),
        };
        parts.map(formed).collect()
    }

    fn parts(&self, resource: &Resource, range: Range<u64>) -> Vec<(Range<u64>, Form)> {
        let Some((_, map)) = self.known.get(&resource.name.serial) else { return Vec::new() };
        let form = |number: u32| self.forms.get(number as usize).cloned().unwrap_or(Form::Unknown);
        map.over(range).map(|(part, number)| (part, form(number))).collect()
    }

    fn has_any(&self, span: &Span) -> bool {
        let known = self.known.get(&span.resource.name.serial);
        known.is_some_and(|(_, map)| map.over(span.range.clone()).next().is_some())
    }

    fn set(&mut self, span: &Span, form: Form) {
        if self.known.len() >= self.tidy_at.max(64) {
            self.known.retain(|_, (resource, map)| resource.strong_count() > 0 && !map.is_empty());
            self.tidy_at = self.known.len() * 2;
        }
        let form = if self.numbers.len() < MAX_FORMS { form } else { Form::Unknown };
        let next = u32::try_from(self.forms.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(form.clone()).or_insert(next);
        if number == next {
            self.forms.push(form);
        }
        let fresh = || (Arc::downgrade(&span.resource), RangeMap::default());
        let (_, map) = self.known.entry(span.resource.name.serial).or_insert_with(fresh);
        map.set(span.range.clone(), number);
    }

    fn clear(&mut self, write: &Write) {
        if write.whole
            && let Some((_, map)) = self.known.get_mut(&write.span.resource.name.serial)
        {
            map.clear(write.span.range.clone());
        }
    }

    /// The queue executes something.
    pub fn execute(&mut self, operation: &Operation) {
        match operation {
            Operation::Copy { from, to } => {
                let (source, target) = (from.range.start, to.span.range.start);
                let parts = self.parts(&from.resource, from.range.clone());
                self.clear(to);
                for (part, form) in parts {
                    let start = (part.start - source).saturating_add(target);
                    let end = (part.end - source).saturating_add(target).min(to.span.range.end);
                    let span = Span { resource: Arc::clone(&to.span.resource), range: start..end };
                    self.set(&span, form.moved(source, target).unwrap_or(Form::Unknown));
                }
            }
            // Counts and times are integers.
            Operation::Resolve { to, .. } => self.clear(to),
            Operation::Work { reads, writes, made } => self.work(reads, writes, made),
        }
    }

    fn work(&mut self, reads: &[Span], writes: &[Write], made: &Made) {
        match made {
            Made::Moved => {
                let computed = reads.iter().any(|span| self.has_any(span));
                writes.iter().for_each(|write| match computed {
                    true => self.set(&write.span, Form::Computed),
                    false => self.clear(write),
                });
            }
            Made::Texels(texels) => {
                let computed = reads.iter().any(|span| self.has_any(span));
                let form = texels.as_ref().map_or(Form::Unknown, |texels| Form::Texels(Arc::clone(texels)));
                writes.iter().for_each(|write| match computed {
                    true => self.set(&write.span, form.clone()),
                    false => self.clear(write),
                });
            }
            Made::Pass(stored) => {
                let textures = writes.iter().filter(|write| matches!(write.span.resource.shape, Shape::Texture { .. }));
                for write in textures {
                    self.set(&write.span, Form::Computed);
                }
                for stored in stored {
                    self.set(&stored.span, stored.form.clone());
                }
            }
        }
    }
}
