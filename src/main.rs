//! The `tencent-im-grpc` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Messages are many small texts, which the system's allocator makes a sixth of a call's cost.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tencent_im_grpc::cli::run(std::env::args_os())
}
