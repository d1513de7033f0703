//! Show a script, a style or a picture of the portal.

use portal::file::{self, FilePath, Known, Part};
use shared::prelude::{Path, Result, get, serve};

fn main() {
    serve(get("/portal/{file}", show).or(404, "file not found"))
}

async fn show(Path(path): Path<FilePath>, known: Known) -> Result<Part> {
    Ok(Part(file::find(&path.file)?, known))
}
