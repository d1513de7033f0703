//! A struct under one of the words, and what is wrong with it.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Token};

/// A struct with named fields. Every fault is kept, so that all come back at once.
pub(crate) struct Item {
    pub(crate) syntax: DeriveInput,
    faults: Vec<Error>,
}

/// The struct with what `expand` puts before it; with its faults instead, each at the field that has it.
pub(crate) fn expanded(
    word: &str,
    arguments: TokenStream,
    item: TokenStream,
    expand: impl FnOnce(&mut Item) -> Tokens,
) -> TokenStream {
    let syntax = syn::parse_macro_input!(item as DeriveInput);
    let mut item = match Item::of(word, syntax) {
        Ok(item) => item,
        Err(fault) => return fault.into_compile_error().into(),
    };
    let arguments = Tokens::from(arguments);
    if !arguments.is_empty() {
        item.fault(
            &arguments,
            format!("`#[{word}]` takes nothing in brackets: what a field is, its type says"),
        );
    }
    let derives = expand(&mut item);
    let faults = all_of(std::mem::take(&mut item.faults));
    let Some(faults) = faults.map(Error::into_compile_error) else {
        let syntax = &item.syntax;
        return quote!(#derives #syntax).into();
    };
    // Still defined, so that its uses are not faults too; without the marks, which no derive would take.
    for field in item.fields().into_iter().flatten() {
        field.attrs.retain(|attribute| attribute.path().is_ident("doc") || attribute.path().is_ident("cfg"));
    }
    let syntax = &item.syntax;
    quote!(#faults #syntax).into()
}

/// The faults as one, if there are any.
pub(crate) fn all_of(faults: Vec<Error>) -> Option<Error> {
    faults.into_iter().reduce(|mut all, fault| {
        all.combine(fault);
        all
    })
}

impl Item {
    /// Fails unless it is a struct with named fields.
    pub(crate) fn of(word: &str, syntax: DeriveInput) -> Result<Item, Error> {
        match &syntax.data {
            Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => {
                Ok(Item { syntax, faults: Vec::new() })
            }
            Data::Enum(_) => Err(Error::new(
                syntax.ident.span(),
                format!("{word} is for structs: a fixed set of texts is a `text_enum!`"),
            )),
            _ => Err(Error::new(
                syntax.ident.span(),
                format!(
                    "{word} is for structs with named fields: the names are what the wire or the row says"
                ),
            )),
        }
    }

    /// The fields.
    pub(crate) fn fields(&mut self) -> Option<&mut Punctuated<Field, Token![,]>> {
        match &mut self.syntax.data {
            Data::Struct(data) => match &mut data.fields {
                Fields::Named(fields) => Some(&mut fields.named),
                _ => None,
            },
            _ => None,
        }
    }

    /// Notes a fault at `place`.
    pub(crate) fn fault(&mut self, place: &dyn ToTokens, sentence: impl std::fmt::Display) {
        self.faults.push(Error::new_spanned(place.to_token_stream(), sentence));
    }

    /// Takes the marks away from the fields that have no place under this word; each is a fault.
    pub(crate) fn forbid(&mut self, marks: &[&str], word: &str) {
        let mut found = Vec::new();
        for field in self.fields().into_iter().flatten() {
            for mark in marks {
                found.extend(take(field, mark).map(|attribute| (attribute, *mark)));
            }
        }
        for (attribute, mark) in found {
            self.fault(&attribute, format!("`#[{mark}]` says nothing in `#[{word}]`: {}", belongs(mark)));
        }
    }
}

fn belongs(mark: &str) -> &'static str {
    match mark {
        "default" => "it is for an `#[input]`, where a caller may leave a field out",
        _ => "it is for a `#[row]`, whose fields are read from columns",
    }
}

/// Takes the attribute `name` away from a field.
pub(crate) fn take(field: &mut Field, name: &str) -> Option<Attribute> {
    let place = field.attrs.iter().position(|attribute| attribute.path().is_ident(name))?;
    Some(field.attrs.remove(place))
}

/// Where a compiler's complaint about a field's type belongs: at the type, but with this macro's names.
pub(crate) fn span_of_type(field: &Field) -> proc_macro2::Span {
    proc_macro2::Span::call_site().located_at(field.ty.span())
}
