//! Tells Cargo that the package contains the migrations, and joins the files of the page `/docs`.

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

fn main() {
    // A new file there must rebuild the package.
    println!("cargo::rerun-if-changed=../../migrations");
    println!("cargo::rerun-if-changed=src/docs");

    let style = swagger_ui("swagger-ui.css");
    let script = swagger_ui("swagger-ui-bundle.js") + include_str!("src/docs/start.js");
    let version = URL_SAFE_NO_PAD.encode(&Sha256::digest(&script)[..9]);
    let page = include_str!("src/docs/page.html").replace("{style}", &style).replace("{version}", &version);
    // Styles by the hash of the one that there is. Pictures in it are data.
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{}'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        STANDARD.encode(Sha256::digest(&style))
    );
    let folder = env::var_os("OUT_DIR").expect("Cargo names the folder");
    for (name, text) in [("docs.html", page), ("docs.js", script), ("docs.policy", policy)] {
        fs::write(Path::new(&folder).join(name), text).expect("the folder can be written");
    }
}

/// A file of Swagger UI's distribution.
fn swagger_ui(name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).expect("a zip archive");
    let end = format!("/dist/{name}");
    let path = archive.file_names().flatten().find(|path| path.ends_with(&end)).expect("the archive has it");
    let path = path.into_owned();
    let mut text = String::new();
    archive.by_name(&path).expect("the archive has it").read_to_string(&mut text).expect("a text");
    text
}
