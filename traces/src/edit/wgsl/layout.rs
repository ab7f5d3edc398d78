//! Types of storage buffers, and the offsets of their scalars (WGSL, "Memory Layout").

use std::sync::Arc;

/// A scalar in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    /// `i32`, `u32`, and atomics of them.
    Integer,
    /// `f32`.
    Float32,
    /// `f16`.
    Float16,
}

impl Scalar {
    /// Size in bytes.
    pub fn bytes(self) -> u64 {
        if self == Scalar::Float16 { 2 } else { 4 }
    }
}

/// A host-shareable type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Scalar(Scalar),
    /// Two to four scalars.
    Vector(Scalar, u64),
    /// Columns, rows.
    Matrix(Scalar, u64, u64),
    /// With a number of elements, or with as many as the buffer has room for.
    Array(Arc<Type>, Option<u64>),
    /// Members with their offsets; its size and alignment.
    Struct {
        members: Vec<(u64, Arc<Type>)>,
        size: u64,
        align: u64,
    },
}

impl Type {
    /// AlignOf (WGSL, "Alignment and Size").
    pub fn align(&self) -> u64 {
        match self {
            Type::Scalar(scalar) => scalar.bytes(),
            Type::Vector(scalar, count) | Type::Matrix(scalar, _, count) => {
                scalar.bytes().saturating_mul(if *count == 2 { 2 } else { 4 })
            }
            Type::Array(element, _) => element.align(),
            Type::Struct { align, .. } => *align,
        }
        .max(1)
    }

    /// SizeOf (WGSL, "Alignment and Size"); 0 for an array without a count.
    pub fn size(&self) -> u64 {
        match self {
            Type::Scalar(scalar) => scalar.bytes(),
            Type::Vector(scalar, count) => scalar.bytes().saturating_mul(*count),
            Type::Matrix(scalar, columns, rows) => column(*scalar, *rows).saturating_mul(*columns),
            Type::Array(element, count) => element.stride().saturating_mul(count.unwrap_or(0)),
            Type::Struct { size, .. } => *size,
        }
    }

    /// Distance between elements of an array of this type.
    pub fn stride(&self) -> u64 {
        round_up(self.size(), self.align())
    }

    /// True where every four bytes are the same kind of scalar, so that the start of the type does not matter.
    pub fn is_uniform(&self) -> bool {
        match self {
            Type::Scalar(_) => true,
            Type::Vector(_, count) => *count != 3,
            Type::Matrix(_, _, rows) => *rows != 3,
            Type::Array(element, _) => element.is_uniform(),
            Type::Struct { .. } => false,
        }
    }

    /// The scalar at a byte, with its start; `None` for padding, and beyond the end.
    pub fn scalar_at(&self, offset: u64) -> Option<(u64, Scalar)> {
        let (mut ty, mut base) = (self, 0_u64);
        // Each iteration descends one level; the number of levels is bounded where types are parsed.
        loop {
            let within = offset.checked_sub(base)?;
            match ty {
                Type::Scalar(scalar) => return (within < scalar.bytes()).then_some((base, *scalar)),
                Type::Vector(scalar, count) => return of_row(*scalar, *count, base, within),
                Type::Matrix(scalar, columns, rows) => {
                    let stride = column(*scalar, *rows);
                    let start = within / stride * stride;
                    let inside = within / stride < *columns;
                    return inside.then(|| of_row(*scalar, *rows, base + start, within - start)).flatten();
                }
                Type::Array(element, count) => {
                    let stride = element.stride().max(1);
                    if count.is_some_and(|count| within / stride >= count) {
                        return None;
                    }
                    (ty, base) = (element, base + within / stride * stride);
                }
                Type::Struct { members, .. } => {
                    let (start, member) = members.iter().rev().find(|(start, _)| *start <= within)?;
                    (ty, base) = (member, base + start);
                }
            }
        }
    }
}

/// Distance between columns of a matrix: a vector's alignment.
fn column(scalar: Scalar, rows: u64) -> u64 {
    Type::Vector(scalar, rows).align()
}

fn of_row(scalar: Scalar, count: u64, base: u64, within: u64) -> Option<(u64, Scalar)> {
    let index = within / scalar.bytes();
    (index < count).then_some((base + index * scalar.bytes(), scalar))
}

/// The next multiple of an alignment.
pub(super) fn round_up(value: u64, align: u64) -> u64 {
    value.checked_next_multiple_of(align.max(1)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_lie_where_wgsl_puts_them() {
        let (f32, u32) = (Scalar::Float32, Scalar::Integer);
        let vec3 = Type::Vector(f32, 3);
        assert_eq!((vec3.size(), vec3.align(), vec3.stride()), (12, 16, 16));
        assert_eq!(vec3.scalar_at(9), Some((8, f32)));
        assert_eq!(vec3.scalar_at(12), None);
        let matrix = Type::Matrix(f32, 2, 3);
        assert_eq!((matrix.size(), matrix.scalar_at(12), matrix.scalar_at(16)), (32, None, Some((16, f32))));
        let members = vec![(0, Arc::new(vec3)), (12, Arc::new(Type::Scalar(u32)))];
        let particle = Type::Struct { members, size: 16, align: 16 };
        let array = Type::Array(Arc::new(particle), None);
        assert_eq!(array.scalar_at(16 * 1000 + 4), Some((16004, f32)));
        assert_eq!(array.scalar_at(16 * 1000 + 15), Some((16012, u32)));
        let halves = Type::Array(Arc::new(Type::Vector(Scalar::Float16, 2)), Some(2));
        assert_eq!((halves.scalar_at(7), halves.scalar_at(8)), (Some((6, Scalar::Float16)), None));
    }
}
