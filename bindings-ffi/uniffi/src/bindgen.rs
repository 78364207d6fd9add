//! Writes the bindings: `tidegate-uniffi-bindgen generate --library LIB --language python --out-dir DIR`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
