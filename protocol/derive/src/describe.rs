//! The description of a command, from the arguments of `#[command]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Data, DeriveInput, Error, Field, Fields, Ident, Result, Token, parenthesized, parse::ParseStream,
    punctuated::Punctuated,
};

use crate::{
    encoding::{element, last_segment},
    shape::{fields_schema, wire},
};

/// The arguments, as [`command`](crate::command) lists them.
#[derive(Default)]
pub(crate) struct Arguments {
    effect: Option<Ident>,
    makes: Option<Ident>,
    drops: Option<Ident>,
    reads: Vec<Ident>,
    writes: Vec<Ident>,
    list: Option<Ident>,
    reply: Option<Ident>,
    opens: Option<Ident>,
    closes: Option<Ident>,
}

impl Arguments {
    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut found = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            if name == "reads" || name == "writes" {
                let fields;
                parenthesized!(fields in input);
                let fields = Punctuated::<Ident, Token![,]>::parse_terminated(&fields)?;
                if name == "reads" { found.reads.extend(fields) } else { found.writes.extend(fields) }
            } else {
                input.parse::<Token![=]>()?;
                let place = match name.to_string().as_str() {
                    "effect" => &mut found.effect,
                    "makes" => &mut found.makes,
                    "drops" => &mut found.drops,
                    "list" => &mut found.list,
                    "reply" => &mut found.reply,
                    "opens" => &mut found.opens,
                    "closes" => &mut found.closes,
                    _ => return Err(Error::new_spanned(&name, "`command` has no such argument")),
                };
                if place.replace(input.parse()?).is_some() {
                    return Err(Error::new_spanned(&name, "given twice"));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(found)
    }
}

/// `Wire` and `Describe` of a command's record.
pub(crate) fn implement(item: &DeriveInput, arguments: &Arguments) -> Result<TokenStream> {
    let fail = |what: &str| Err(Error::new_spanned(&item.ident, what));
    let Data::Struct(data) = &item.data else { return fail("a command's record is a struct") };
    let Fields::Named(_) = &data.fields else { return fail("a command's record has named fields") };
    let Some(effect) = &arguments.effect else {
        return fail(
            "`effect = ...` is missing: the case of `Effect` that says what the command does to contents and state",
        );
    };
    let fields: Vec<(&Ident, &Field)> =
        data.fields.iter().filter_map(|field| Some((field.ident.as_ref()?, field))).collect();
    let named = [&arguments.makes, &arguments.drops, &arguments.list].into_iter().flatten();
    for wanted in named.chain(&arguments.reads).chain(&arguments.writes) {
        if !fields.iter().any(|(name, _)| *name == wanted) {
            return Err(Error::new_spanned(wanted, "the record has no such field"));
        }
    }
    if has_request(&fields) != arguments.reply.is_some() {
        return fail("`reply = ...` names the event that replies, for exactly the commands with a `RequestId`");
    }

    let makes = kind_of(&fields, arguments.makes.as_ref(), |field| Some(&field.ty))?;
    let list = kind_of(&fields, arguments.list.as_ref(), |field| element(&field.ty))?;
    let reply = option(arguments.reply.as_ref().map(|reply| reply.to_string()));
    let pair = match (&arguments.opens, &arguments.closes) {
        (None, None) => quote!(None),
        (Some(pair), None) => quote!(Some((crate::commands::End::Opens, crate::commands::Pair::#pair))),
        (None, Some(pair)) => quote!(Some((crate::commands::End::Closes, crate::commands::Pair::#pair))),
        (Some(_), Some(_)) => return fail("a command either opens or closes"),
    };
    let label = fields.iter().find(|(name, _)| *name == "label").map(|(name, _)| *name);
    let has_label = label.is_some();
    let description = quote!(crate::commands::Description {
        effect: crate::commands::Effect::#effect,
        makes: #makes,
        reply: #reply,
        has_label: #has_label,
        list: #list,
        pair: #pair,
    });

    let uses = fields.iter().map(|&(name, _)| arguments.use_of(name)).collect::<Vec<_>>();
    let schema = fields_schema(&data.fields, quote!(crate::wire::Schema::named("command")));
    let schema = quote!(#schema #(.number(crate::wire::Use::#uses as u64))*.then(crate::commands::hash(&#description)));
    let names = fields.iter().map(|(name, _)| name);
    let visit = quote!(#(crate::wire::Wire::visit_ids(&self.#names, crate::wire::Use::#uses, to);)*);
    let wire = wire(item, &schema, &visit);
    let describe = describe(item, &description, &methods(&fields, arguments, label));
    let checked = arguments.reply.iter().map(|reply| {
        quote!(
            const _: fn(&crate::Event<'_>) -> bool = |event| matches!(event, crate::Event::#reply { .. });
        )
    });
    Ok(quote!(#wire #describe #(#checked)*))
}

impl Arguments {
    /// The command's use of the ids in a field.
    fn use_of(&self, field: &Ident) -> Ident {
        let name = if self.makes.as_ref() == Some(field) {
            "Makes"
        } else if self.drops.as_ref() == Some(field) {
            "Drops"
        } else if self.writes.contains(field) {
            "Writes"
        } else if self.reads.contains(field) {
            "Reads"
        } else {
            "Names"
        };
        Ident::new(name, field.span())
    }
}

/// An implementation of `Describe`, whose lifetime is that of the record.
fn describe(item: &DeriveInput, description: &TokenStream, methods: &TokenStream) -> TokenStream {
    let name = &item.ident;
    let (_, arguments, bounds) = item.generics.split_for_impl();
    quote! {
        impl<'a> crate::commands::Describe<'a> for #name #arguments #bounds {
            const DESCRIPTION: crate::commands::Description = #description;

            #methods
        }
    }
}

fn methods(fields: &[(&Ident, &Field)], arguments: &Arguments, label: Option<&Ident>) -> TokenStream {
    let label = label.map(|label| {
        let of = arguments.makes.as_ref().or(fields.first().map(|(name, _)| *name));
        quote! {
            fn label(&self) -> Option<(crate::ids::Object, &'a str)> {
                Some((crate::ids::Object::from(self.#of), self.#label))
            }
        }
    });
    let payload = fields.iter().find(|(_, field)| last_segment(&field.ty).is_some_and(|(ty, _)| ty == "Payload"));
    let payload = payload.map(|(name, _)| {
        quote! {
            fn payload(&self) -> Option<&crate::Payload<'a>> {
                Some(&self.#name)
            }

            fn payload_mut(&mut self) -> Option<&mut crate::Payload<'a>> {
                Some(&mut self.#name)
            }
        }
    });
    let list = arguments.list.as_ref().map(|name| {
        quote! {
            fn retain_members(&mut self, mut keep: impl FnMut(crate::ids::Object) -> bool) {
                self.#name.retain(|id| keep(crate::ids::Object::from(*id)));
            }
        }
    });
    quote!(#label #payload #list)
}

/// The kind of object that a field's id names, as an expression.
fn kind_of<'f>(
    fields: &[(&Ident, &'f Field)],
    wanted: Option<&Ident>,
    ty: impl Fn(&'f Field) -> Option<&'f syn::Type>,
) -> Result<TokenStream> {
    let Some(wanted) = wanted else { return Ok(quote!(None)) };
    let field = fields.iter().find(|(name, _)| *name == wanted).and_then(|(_, field)| ty(field));
    let ty = field.ok_or_else(|| Error::new_spanned(wanted, "a list of ids is expected"))?;
    Ok(quote!(Some(<#ty as crate::ids::Id>::OF)))
}

fn has_request(fields: &[(&Ident, &Field)]) -> bool {
    fields.iter().any(|(_, field)| {
        last_segment(&field.ty).is_some_and(|(name, argument)| {
            name == "RequestId"
                || argument.and_then(last_segment).is_some_and(|(inner, _)| name == "Option" && inner == "RequestId")
        })
    })
}

fn option(value: Option<String>) -> TokenStream {
    match value {
        Some(text) => quote!(Some(#text)),
        None => quote!(None),
    }
}
