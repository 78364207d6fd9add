//! Which library this is.

use std::ffi::{CStr, c_char};

/// Changes when a program compiled against an older header would break. New functions, new result
/// codes and new members at the end of sized structs do not count.
pub const TG_ABI_VERSION: u32 = 1;

const VERSION: &CStr = {
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    }
};

/// The ABI of the loaded library. A program works with it when this equals its `TG_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn tg_abi_version() -> u32 {
    TG_ABI_VERSION
}

/// The release of the loaded library, for instance `0.1.0`. Static.
#[unsafe(no_mangle)]
pub extern "C" fn tg_version() -> *const c_char {
    VERSION.as_ptr()
}
