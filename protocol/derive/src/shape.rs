//! The schema hash of a type's definition, and its visit of ids.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Fields, Ident, Result};

/// `Wire` of a type without a description.
pub(crate) fn implement(item: &DeriveInput) -> Result<TokenStream> {
    let (schema, visit) = match &item.data {
        Data::Struct(data) => {
            let schema = fields_schema(&data.fields, quote!(crate::wire::Schema::named("record")));
            let visits =
                members(&data.fields).map(|member| quote!(crate::wire::Wire::visit_ids(&self.#member, how, to);));
            (schema, quote!(#(#visits)*))
        }
        Data::Enum(data) => {
            let mut schema = quote!(crate::wire::Schema::named("variants"));
            let mut arms = Vec::new();
            for variant in &data.variants {
                let name = &variant.ident;
                let text = name.to_string();
                let record = fields_schema(&variant.fields, quote!(crate::wire::Schema::named("variant")));
                schema = quote!(#schema.field(#text, #record));
                arms.push(arm(name, &variant.fields));
            }
            (schema, quote!(match self { #(#arms)* }))
        }
        Data::Union(_) => return Ok(TokenStream::new()),
    };
    Ok(wire(item, &schema, &visit))
}

/// An implementation of `Wire`.
pub(crate) fn wire(item: &DeriveInput, schema: &TokenStream, visit: &TokenStream) -> TokenStream {
    let name = &item.ident;
    let (generics, arguments, bounds) = item.generics.split_for_impl();
    quote! {
        impl #generics crate::wire::Wire for #name #arguments #bounds {
            const SCHEMA: crate::wire::Schema = #schema;

            #[inline]
            #[allow(unused_variables)]
            fn visit_ids(&self, how: crate::wire::Use, to: &mut impl crate::wire::VisitIds) {
                #visit
            }
        }
    }
}

/// The schema of fields, appended to the schema of their record or variant.
pub(crate) fn fields_schema(fields: &Fields, of: TokenStream) -> TokenStream {
    fields.iter().fold(of, |schema, field| {
        let name = field.ident.as_ref().map(Ident::to_string).unwrap_or_default();
        let ty = &field.ty;
        quote!(#schema.field(#name, <#ty as crate::wire::Wire>::SCHEMA))
    })
}

/// The names of a struct's fields, or their numbers.
fn members(fields: &Fields) -> impl Iterator<Item = TokenStream> + '_ {
    fields.iter().enumerate().map(|(number, field)| match &field.ident {
        Some(name) => quote!(#name),
        None => {
            let number = syn::Index::from(number);
            quote!(#number)
        }
    })
}

/// The visit of one variant.
fn arm(name: &Ident, fields: &Fields) -> TokenStream {
    let bound: Vec<Ident> = fields.iter().enumerate().map(|(number, _)| format_ident!("field_{}", number)).collect();
    let pattern = match fields {
        Fields::Named(_) => {
            let names = fields.iter().filter_map(|field| field.ident.as_ref());
            quote!(Self::#name { #(#names: #bound,)* })
        }
        Fields::Unnamed(_) => quote!(Self::#name(#(#bound,)*)),
        Fields::Unit => quote!(Self::#name),
    };
    quote!(#pattern => { #(crate::wire::Wire::visit_ids(#bound, how, to);)* })
}
