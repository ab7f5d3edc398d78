//! Encoding and decoding of fields: the attributes for serde's derives.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Data, DeriveInput, Error, Field, GenericArgument, Ident, PathArguments, Result, Type, parse_quote};

/// Puts serde's attributes on every field, in place of `#[bound]`.
pub(crate) fn prepare(item: &mut DeriveInput) -> Result<()> {
    match &mut item.data {
        Data::Struct(data) => data.fields.iter_mut().try_for_each(field),
        Data::Enum(data) => data.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()).try_for_each(field),
        Data::Union(_) => Err(Error::new_spanned(&item.ident, "a union has no encoding")),
    }
}

fn field(field: &mut Field) -> Result<()> {
    let bound = take_bound(field)?;
    let ty = ungrouped(&field.ty);
    // serde borrows `&str` and `&[u8]` by itself, and other types only with `borrow`.
    if has_lifetime(ty.to_token_stream()) && !matches!(ty, Type::Reference(_)) {
        field.attrs.push(parse_quote!(#[serde(borrow)]));
    }
    if is_bytes(ty) {
        field.attrs.push(parse_quote!(#[serde(serialize_with = "crate::bytes::whole")]));
    }
    match (element(ty), bound) {
        (Some(element), bound) => {
            if mentions_list(element.to_token_stream()) {
                return Err(Error::new_spanned(element, "a list within a list has no bound"));
            }
            let function = match bound.as_ref().map(Ident::to_string).as_deref() {
                None => "crate::list::bounded",
                Some("pipeline") => "crate::list::of_pipeline",
                Some("adapters") => "crate::list::of_adapters",
                Some(_) => return Err(Error::new_spanned(bound, "the bounds are `pipeline` and `adapters`")),
            };
            field.attrs.push(parse_quote!(#[serde(deserialize_with = #function)]));
        }
        (None, Some(bound)) => return Err(Error::new_spanned(bound, "only a list has a bound")),
        (None, None) if mentions_list(ty.to_token_stream()) => {
            return Err(Error::new_spanned(ty, "a list within another type has no bound"));
        }
        (None, None) => {}
    }
    Ok(())
}

fn take_bound(field: &mut Field) -> Result<Option<Ident>> {
    let Some(place) = field.attrs.iter().position(|attribute| attribute.path().is_ident("bound")) else {
        return Ok(None);
    };
    field.attrs.remove(place).parse_args().map(Some)
}

/// Removes the invisible groups around a type from a macro's fragment.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    while let Type::Group(group) = ty {
        ty = &group.elem;
    }
    ty
}

/// The last part of a type's path with its arguments: `Vec` and `T` of `Vec<T>`.
pub(crate) fn last_segment(ty: &Type) -> Option<(&Ident, Option<&Type>)> {
    let Type::Path(path) = ungrouped(ty) else { return None };
    let segment = path.path.segments.last()?;
    let argument = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        }),
        _ => None,
    };
    Some((&segment.ident, argument))
}

/// The type of a list's elements.
pub(crate) fn element(ty: &Type) -> Option<&Type> {
    last_segment(ty).filter(|(name, _)| *name == "Vec").and_then(|(_, element)| element)
}

fn is_bytes(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else { return false };
    let Type::Slice(slice) = &*reference.elem else { return false };
    last_segment(&slice.elem).is_some_and(|(name, _)| name == "u8")
}

fn mentions_list(tokens: TokenStream) -> bool {
    any(tokens, &|token| matches!(token, TokenTree::Ident(name) if name == "Vec"))
}

fn has_lifetime(tokens: TokenStream) -> bool {
    any(tokens, &|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == '\''))
}

fn any(tokens: TokenStream, wanted: &impl Fn(&TokenTree) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => any(group.stream(), wanted),
        token => wanted(&token),
    })
}
