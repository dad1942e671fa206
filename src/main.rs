//! The `tencent-im-grpc` command.
#![forbid(unsafe_code)]

fn main() {}
