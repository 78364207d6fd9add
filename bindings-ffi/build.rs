//! Names the shared library the way programs ask for it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // clippy bans reading the environment in the engine; a build script has no other input.
    #[expect(
        clippy::disallowed_methods,
        reason = "cargo speaks to build scripts through it"
    )]
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    match target.as_str() {
        "linux" | "android" | "freebsd" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libtidegate.so.0");
        }
        "macos" => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libtidegate.0.dylib");
        }
        _ => {}
    }
}
