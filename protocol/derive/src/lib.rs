//! The attributes of the types of the stream, for `airlock-protocol` alone: `#[wire]` on a type and `#[command(...)]` on a
//! command's record.
//!
//! Both derive a type's encoding (serde's derives with the attributes that the codec needs: borrowed texts, bounded
//! lists, whole slices of bytes) and its `Wire` implementation: the hash of its definition and a visit of the ids in
//! it. `#[command]` adds the command's description, which [`command`] lists.
//!
//! Where code belongs: `encoding` has a field's encoding and decoding, `shape` the schema hash and the visit of ids,
//! `describe` the arguments of `#[command]`.

mod describe;
mod encoding;
mod shape;

use proc_macro::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, parse_macro_input};

/// A type of the stream.
///
/// Derives `Serialize` and `Deserialize`, and implements `Wire`. A field that is a list is bounded by `MAX_LIST` elements
/// while it is decoded; `#[bound(pipeline)]` and `#[bound(adapters)]` name the other limits. A list within another type
/// has no bound and is a compile error.
#[proc_macro_attribute]
pub fn wire(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    if !arguments.is_empty() {
        return Error::new_spanned(&item.ident, "`wire` takes no arguments").into_compile_error().into();
    }
    expand(item, None)
}

/// The record of a command: a struct of the stream with a description.
///
/// | argument | meaning |
/// |---|---|
/// | `effect = Record` | required: the effect of its execution, a case of `Effect` |
/// | `makes = field` | the field has the id of the object that it makes |
/// | `drops = field` | the field has the id that is free afterwards |
/// | `reads(field, ...)` | contents of the objects in these fields are read |
/// | `writes(field, ...)` | contents of the objects in these fields are written |
/// | `list = field` | a list whose members can be left out one by one |
/// | `reply = WorkDone` | the event that replies to its request; required where a field is a `RequestId` |
/// | `opens = DebugGroup`, `closes = DebugGroup` | one of two commands that are balanced, a case of `Pair` |
///
/// A field called `label` is the label of the object that the command makes, or of the first that it names. A field of the
/// type `Payload` is its bulk data.
#[proc_macro_attribute]
pub fn command(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    let arguments = parse_macro_input!(arguments with describe::Arguments::parse);
    expand(item, Some(arguments))
}

fn expand(mut item: DeriveInput, arguments: Option<describe::Arguments>) -> TokenStream {
    let expanded = encoding::prepare(&mut item).and_then(|()| match &arguments {
        Some(arguments) => describe::implement(&item, arguments),
        None => shape::implement(&item),
    });
    match expanded {
        Ok(implementations) => quote! {
            // Fields have WebGPU's names: a comment that repeats one adds nothing.
            #[allow(missing_docs)]
            #[derive(::serde::Serialize, ::serde::Deserialize)]
            #item
            #implementations
        }
        .into(),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#item #error).into()
        }
    }
}
