//! `#[input]`: which fields may be left out.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Type, parse_quote};

use crate::item::{Item, take};

pub(crate) fn expand(item: &mut Item) -> TokenStream {
    item.forbid(&["json", "flatten", "read"], "input");
    let mut faults: Vec<(Attribute, &str)> = Vec::new();
    for field in item.fields().into_iter().flatten() {
        // `r#for` is `for` on the wire, which serde and schemars know by themselves.
        if let Some(name) = field.ident.as_ref().filter(|name| *name != &name.unraw()) {
            let name = name.unraw().to_string();
            field.attrs.push(parse_quote!(#[deserr(rename = #name)]));
        }
        let mark = take(field, "default");
        let wrapper = says_optional(&field.ty);
        if let Some(serde) = take(field, "serde") {
            faults.push((serde, "`serde` does not read an `#[input]`; `deserr` does: say `#[deserr(…)]`"));
        }
        match (mark, wrapper) {
            (Some(mark), Some(_)) => {
                faults.push((
                    mark,
                    "the type already says that the field may be left out: remove `#[default]`",
                ));
            }
            (Some(mark), None) if mark.meta.require_path_only().is_err() => {
                faults.push((
                    mark,
                    "`#[default]` takes nothing in brackets: implement `Default` for the field's type",
                ));
            }
            (None, None) => {}
            (_, wrapper) => {
                field.attrs.push(parse_quote!(#[deserr(default)]));
                field.attrs.push(parse_quote!(#[schemars(default)]));
                if wrapper == Some(Wrapper::Change) {
                    // A patch that is serialized has the fields that the body had.
                    field.attrs.push(parse_quote!(
                        #[serde(skip_serializing_if = "::shared::value::Change::is_absent")]
                    ));
                }
            }
        }
    }
    for (attribute, sentence) in faults {
        item.fault(&attribute, sentence);
    }
    quote! {
        #[derive(::shared::deserr::Deserr, ::shared::schemars::JsonSchema)]
        #[deserr(error = ::shared::input::Problems)]
        #[schemars(crate = "::shared::schemars")]
    }
}

/// Whether the type itself says that a field may be left out.
fn says_optional(ty: &Type) -> Option<Wrapper> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match last.ident.to_string().as_str() {
        "Option" => Some(Wrapper::Option),
        "Change" => Some(Wrapper::Change),
        _ => None,
    }
}

/// The types of a field that may be left out.
#[derive(PartialEq)]
enum Wrapper {
    Option,
    Change,
}
