//! Show a script, a style or a picture of the portal, or lead to the page of it that a mail's link names.

use portal::file::{self, FilePath, Found, PageQuery};
use shared::precondition::IfNoneMatch;
use shared::prelude::{Path, Query, Result, get, serve};

fn main() {
    serve(get("/portal/{file}", show).or(404, "file not found"))
}

async fn show(
    Path(path): Path<FilePath>,
    Query(query): Query<PageQuery>,
    known: IfNoneMatch,
) -> Result<Found> {
    file::find(&path, &query, known)
}
