//! Tells Cargo that the package contains the migrations: a new file there must rebuild it.

fn main() {
    println!("cargo::rerun-if-changed=../../migrations");
}
