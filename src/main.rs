//! The `tencent-im-grpc` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tencent_im_grpc::cli::run(std::env::args_os())
}
