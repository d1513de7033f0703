//! `#[row]` and `#[derive(FromRow)]`: how each field is read from a row.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, DeriveInput, Error, Field, parse_quote};

use crate::item::{Item, all_of, span_of_type};

/// The ways to read a field that is not simply the column of its name.
const MARKS: [&str; 3] = ["json", "flatten", "read"];

pub(crate) fn expand_answer(item: &mut Item) -> Tokens {
    item.forbid(&["default"], "row");
    for field in item.fields().into_iter().flatten() {
        if marks(field).any(|mark| mark.path().is_ident("flatten")) {
            field.attrs.push(parse_quote!(#[serde(flatten)]));
        }
    }
    // The derive takes the fields' marks away.
    quote! {
        #[derive(::shared::serde::Serialize, ::shared::schemars::JsonSchema, ::shared::macros::FromRow)]
        #[serde(crate = "::shared::serde")]
        #[schemars(crate = "::shared::schemars")]
    }
}

pub(crate) fn expand_derive(item: TokenStream) -> TokenStream {
    let item = match Item::of("FromRow", syn::parse_macro_input!(item as DeriveInput)) {
        Ok(item) => item,
        Err(fault) => return fault.into_compile_error().into(),
    };
    from_row(item).unwrap_or_else(Error::into_compile_error).into()
}

fn from_row(mut item: Item) -> Result<Tokens, Error> {
    let (mut fields, mut faults) = (Vec::new(), Vec::new());
    for field in item.fields().into_iter().flatten() {
        let name = &field.ident;
        match how(field) {
            Ok(read) => fields.push(quote!(#name: #read)),
            Err(fault) => faults.push(fault),
        }
    }
    if let Some(faults) = all_of(faults) {
        return Err(faults);
    }
    let name = &item.syntax.ident;
    let (parameters, arguments, bounds) = item.syntax.generics.split_for_impl();
    Ok(quote! {
        impl #parameters ::shared::database::FromRow for #name #arguments #bounds {
            fn from_row(row: &::shared::database::Row) -> ::shared::error::Result<Self> {
                ::core::result::Result::Ok(Self { #(#fields),* })
            }
        }
    })
}

/// The expression that reads a field.
fn how(field: &Field) -> Result<Tokens, Error> {
    let (ty, span) = (&field.ty, span_of_type(field));
    let column = field.ident.as_ref().map(|name| name.unraw().to_string());
    let mut marks = marks(field);
    let Some(mark) = marks.next() else {
        return Ok(quote_spanned!(span=> row.get::<#ty>(#column)?));
    };
    if let Some(second) = marks.next() {
        return Err(Error::new_spanned(
            second,
            "a field is read in one way: `#[json]`, `#[flatten]` or `#[read(…)]`",
        ));
    }
    if mark.path().is_ident("read") {
        let Ok(list) = mark.meta.require_list() else {
            return Err(Error::new_spanned(
                mark,
                "say who reads the field: `#[read(a_function_of_the_row)]`",
            ));
        };
        let reader = &list.tokens;
        return Ok(quote_spanned!(span=> row.read::<#ty>(#reader)?));
    }
    if mark.meta.require_path_only().is_err() {
        return Err(Error::new_spanned(mark, "this mark takes nothing in brackets"));
    }
    Ok(if mark.path().is_ident("json") {
        quote_spanned!(span=> row.json::<#ty>(#column)?)
    } else {
        quote_spanned!(span=> <#ty as ::shared::database::FromRow>::from_row(row)?)
    })
}

fn marks(field: &Field) -> impl Iterator<Item = &Attribute> {
    field.attrs.iter().filter(|attribute| MARKS.iter().any(|mark| attribute.path().is_ident(mark)))
}
