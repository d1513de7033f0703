//! What a type is, as one word on it. `shared` re-exports the words, and its prelude brings them.
//!
//! | word | the type is | it becomes |
//! |---|---|---|
//! | [`macro@input`] | read from a body, a path, a query or a job's event | `Deserr`, `JsonSchema` |
//! | [`macro@answer`] | answered, put together in code | `Serialize`, `JsonSchema` |
//! | [`macro@row`] | a row of the database that is answered as it is | the same, and `FromRow` |
//! | [`macro@FromRow`] | a row that stays inside | `FromRow` |
//!
//! They only set the well-known derives and say what follows from a field's type, so that no field is named twice. None
//! of them derives `Debug`: what people send and get stays out of logs unless a type says `#[derive(Debug)]` itself.

mod input;
mod item;
mod row;

use proc_macro::TokenStream;
use quote::quote;

use item::{Item, expanded};

/// A type that is read from a body, a path, a query or a job's event.
///
/// A field's type is its rule (`shared::value`), and its doc comment is its description in OpenAPI. A caller may leave
/// out an `Option<…>` (it is then `None`) and a `Change<…>` (`Absent`), because the type says so. Any other field may be
/// left out if it is marked `#[default]`; it is then `Default::default()` of its type, for example the third number of
/// an `Int`. Unknown fields are passed over. A type that is serialized too (`#[derive(Serialize)]`) then leaves out what is
/// `Absent`, so that it has the fields that the body had.
///
/// ```ignore
/// /// How many weeks back, and of whom.
/// #[input]
/// pub struct WeeksQuery {
///     /// How many weeks.
///     #[default]
///     pub weeks: Int<1, 104, 12>,
///     /// The person; the caller if it is left out.
///     pub user_id: Option<Uuid>,
/// }
/// ```
#[proc_macro_attribute]
pub fn input(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded("input", arguments, item, input::expand)
}

/// A type that is answered, by a route or a job, and is put together in code.
///
/// Attributes of `serde` work as ever. A row of the database is [`macro@row`].
///
/// ```ignore
/// /// A session with its turns.
/// #[answer]
/// pub struct Replay {
///     /// The session.
///     pub session: Session,
///     /// Its turns, first to last.
///     pub turns: Vec<Turn>,
/// }
/// ```
#[proc_macro_attribute]
pub fn answer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded("answer", arguments, item, |item: &mut Item| {
        item.forbid(&["default", "json", "flatten", "read"], "answer");
        quote! {
            #[derive(::shared::serde::Serialize, ::shared::schemars::JsonSchema)]
            #[serde(crate = "::shared::serde")]
            #[schemars(crate = "::shared::schemars")]
        }
    })
}

/// A row of the database that is answered as it is: [`macro@answer`] with [`macro@FromRow`] and its fields' words, of
/// which `#[flatten]` counts for the answer too.
///
/// ```ignore
/// /// A card as its owner edits it.
/// #[row]
/// pub struct EditedCard {
///     /// The card, whose fields stand beside `updated_at` in the statement and in the answer.
///     #[flatten]
///     pub card: Card,
///     /// When it was last changed.
///     pub updated_at: Time,
/// }
/// ```
#[proc_macro_attribute]
pub fn row(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expanded("row", arguments, item, row::expand_answer)
}

/// A row of the database that stays inside. A field is the column of its name, unless it says otherwise:
///
/// - `#[json]`: the column is `jsonb` and read by serde; a null is an `Option`'s `None`.
/// - `#[flatten]`: the field is itself a row, read from this row's columns.
/// - `#[read(…)]`: what a function or closure from `&Row` to `Result<…>` gives, for example
///   `#[read(|row| row.get("another_column"))]`.
///
/// ```ignore
/// #[derive(FromRow)]
/// struct Talk {
///     state: SessionState,
///     #[flatten]
///     preferences: Preferences,
///     #[json]
///     said: Vec<Exchange>,
/// }
/// ```
#[proc_macro_derive(FromRow, attributes(json, flatten, read))]
pub fn from_row(item: TokenStream) -> TokenStream {
    row::expand_derive(item)
}
