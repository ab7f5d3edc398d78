//! The form of bytes that the GPU made: texels, or values of a shader.

use std::{ops::Range, sync::Arc};

use airlock_protocol::commands::texture::{Extent3d, TextureAspect, TextureFormat};

use crate::edit::wgsl::Type;

/// The form of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// The contents of a texture that the GPU made.
    Computed,
    /// Texels.
    Texels(Arc<Texels>),
    /// A shader's variable of this type, which starts at this byte of the buffer.
    Values(Arc<Type>, u64),
    /// A shader's variable of unknown type.
    Unknown,
}

/// Texels in a buffer, in the layout of a copy from a texture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Texels {
    /// The texture's format.
    pub format: TextureFormat,
    /// The aspect that was copied.
    pub aspect: TextureAspect,
    /// The first texel, in bytes from the start of the buffer; before it where only a part of the picture is in the buffer.
    pub start: i64,
    /// Distance between rows, in bytes.
    pub row: u64,
    /// Distance between images, in rows.
    pub image: u64,
    /// Texels in each direction.
    pub size: (u32, u32, u32),
}

impl Texels {
    /// The texels of a copy.
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
    /// Their range, in bytes from the start of the readback.
    pub range: Range<u64>,
    pub(crate) form: Form,
}

impl Formed {
    /// The form in one word: `texels`, `values` of a shader's type, or `unknown`.
    pub fn kind(&self) -> &'static str {
        match self.form {
            Form::Texels(_) => "texels",
            Form::Values(..) => "values",
            Form::Computed | Form::Unknown => "unknown",
        }
    }
}

impl Form {
    /// The form after a copy from byte `from` to byte `to`.
    pub(super) fn moved(&self, from: u64, to: u64) -> Option<Form> {
        Some(match self {
            Form::Computed | Form::Unknown => self.clone(),
            Form::Texels(texels) => {
                let by = i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?)?;
                Form::Texels(Arc::new(Texels { start: texels.start.checked_add(by)?, ..(**texels).clone() }))
            }
            // A copy that begins after the variable's start keeps the position of the scalars to each other only if the
            // type repeats; the start of the type is then not in the buffer any more.
            Form::Values(ty, start) => match start.checked_sub(from) {
                Some(within) => Form::Values(Arc::clone(ty), to.checked_add(within)?),
                None if ty.is_uniform() => Form::Values(Arc::clone(ty), to),
                None => Form::Unknown,
            },
        })
    }
}
