//! Types that misuse a word. Each `//~` says what the compiler must say of the line above it, and of no other.

use shared_macros::{FromRow, answer, input, row};

#[input]
struct Filter {
    #[default]
    //~ the type already says that the field may be left out: remove `#[default]`
    state: Option<u8>,
    #[default(7)]
    //~ `#[default]` takes nothing in brackets: implement `Default` for the field's type
    weeks: u8,
    #[serde(rename = "from")]
    //~ `serde` does not read an `#[input]`; `deserr` does: say `#[deserr(…)]`
    since: u8,
    #[json]
    //~ `#[json]` says nothing in `#[input]`: it is for a `#[row]`, whose fields are read from columns
    scene: u8,
    keyword: Option<u8>,
    #[deserr(default)]
    page: u8,
}

#[input(lenient)]
//~ `#[input]` takes nothing in brackets: what a field is, its type says
struct Lenient {
    name: u8,
}

#[input]
enum Kind {
    //~ input is for structs: a fixed set of texts is a `text_enum!`
    One,
}

#[answer]
struct Pair(u8, u8);
//~ answer is for structs with named fields: the names are what the wire or the row says

#[answer]
struct Made {
    #[read(somewhere)]
    //~ `#[read]` says nothing in `#[answer]`: it is for a `#[row]`, whose fields are read from columns
    name: u8,
}

#[row]
struct Shown {
    #[default]
    //~ `#[default]` says nothing in `#[row]`: it is for an `#[input]`, where a caller may leave a field out
    name: u8,
    #[json]
    scene: u8,
}

#[derive(FromRow)]
struct Kept {
    #[json]
    #[flatten]
    //~ a field is read in one way: `#[json]`, `#[flatten]` or `#[read(…)]`
    scene: u8,
    #[read]
    //~ say who reads the field: `#[read(a_function_of_the_row)]`
    name: u8,
    #[flatten(all)]
    //~ this mark takes nothing in brackets
    person: u8,
}
