//! `cargo local package`.

use std::collections::BTreeMap;

use anyhow::Result;
use local::{
    package::{self, Architecture},
    project,
    template::Template,
};

pub(super) fn run(architecture: Architecture) -> Result<()> {
    let root = project::root();
    let template = Template::functions_of(&root.join("template.yaml"), &BTreeMap::new())?;
    let names: Vec<_> = template.functions.iter().map(|function| function.name.as_str()).collect();
    let programs = package::build(architecture)?;
    let done = package::write(&root, &programs, &names)?;
    let name = architecture.name();
    super::print(&format!(
        "{} archives in dist/ for {name}, {} of them new; deploy them with Architecture={name}",
        done.archives, done.written
    ));
    Ok(())
}
