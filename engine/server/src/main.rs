//! The `tidegate` command.

use std::process::ExitCode;

/// Keeps large blocks for the next request: the system's allocator gives every body of more than
/// 128 KiB back to the kernel and has it zeroed again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let code = tidegate_server::cli::main(std::env::args_os());
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
