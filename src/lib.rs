//! Tencent Cloud IM's group REST API as one typed gRPC service.
#![forbid(unsafe_code)]

pub mod cli;
pub mod command;
pub mod config;
pub mod footprint;
pub mod gateway;
mod loopback;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod serve;
pub mod server;
pub mod status;
pub mod telemetry;
pub mod upstream;
pub mod validate;
pub mod wire;

/// The generated contract: messages, clients and server traits of `tencentim.group.v1`.
#[allow(missing_docs, clippy::all)]
pub mod pb {
    tonic::include_proto!("tencentim.group.v1");

    /// The encoded descriptors with comments and options, for reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
}
