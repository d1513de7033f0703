//! Lists by pages that have numbers: `limit` and `offset`, and how many rows there are in all. For a person's own rows;
//! a list of everybody's goes on from a place instead ([`crate::keyset`]), because counting and skipping read all of it.

use deserr::Deserr;
use schemars::JsonSchema;

use crate::describe::Operation;
use crate::error::Result;
use crate::input::{self, Problems};
use crate::macros::{answer, input};
use crate::request::{FromRequest, Request};
use crate::value::Int;

/// A handler's parameter: the filter `F` of a list, and which page of it. At most `MAX` rows are a page, `DEFAULT` if the
/// caller says nothing.
pub struct Paged<F, const MAX: i64, const DEFAULT: i64>(pub F, pub Paging);

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How many rows at most.
    pub limit: i64,
    /// How many rows come before it.
    pub offset: i64,
}

/// A page of a list, in the list's order.
#[answer]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The page.
    pub items: Vec<T>,
    /// As asked.
    pub limit: i64,
    /// As asked.
    pub offset: i64,
    /// How many match in all.
    pub total: i64,
}

impl Paging {
    /// The page with these rows, of `total` in all.
    pub fn page<T>(self, items: Vec<T>, total: i64) -> Page<T> {
        Page { items, limit: self.limit, offset: self.offset, total }
    }
}

/// What the query says of the page.
#[input]
struct Asked<const MAX: i64, const DEFAULT: i64> {
    /// How many at most.
    #[default]
    limit: Int<1, MAX, DEFAULT>,
    /// How many to skip.
    #[default]
    offset: Int<0, 2_147_483_647>,
}

impl<F: Deserr<Problems> + JsonSchema + Send, const MAX: i64, const DEFAULT: i64> FromRequest
    for Paged<F, MAX, DEFAULT>
{
    async fn from_request(request: &mut Request) -> Result<Self> {
        let (filter, asked) = input::read_both::<F, Asked<MAX, DEFAULT>>(request)?;
        Ok(Paged(filter, Paging { limit: asked.limit.get(), offset: asked.offset.get() }))
    }

    fn describe(operation: &mut Operation) {
        input::describe_both::<F, Asked<MAX, DEFAULT>>(operation);
    }
}
