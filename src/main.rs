//! The `tencent-im-grpc` command.
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::ExitCode;

use tencent_im_grpc::config::Config;
use tencent_im_grpc::server::Application;
use tencent_im_grpc::{cli, pb};
use tonic::service::Routes;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), build)
}

fn build(_config: &Config) -> Result<Application, Box<dyn Error>> {
    Ok(Application {
        routes: Routes::default(),
        services: &[],
        methods: &[],
        descriptors: pb::FILE_DESCRIPTOR_SET,
    })
}
