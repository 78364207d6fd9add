//! The C ABI of the Tidegate gateway. `README.md` has the rules, `include/tidegate.h` the result.
#![expect(
    unsafe_code,
    reason = "a C ABI is made of raw pointers; every block says why it is sound"
)]

pub mod c;
