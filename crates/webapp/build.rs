//! A new build of the web app makes a new program.

fn main() {
    println!("cargo:rerun-if-changed=../../web/dist");
}
