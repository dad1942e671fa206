//! The contract of tencent-im-grpc.
//!
//! The messages are always there. The feature `client` adds stubs, and is all that a Rust program needs to call the gateway.
//! The gateway itself takes `server` and `json`: service traits, Tencent's JSON, the rules of requests, the method table and
//! Tencent's codes.
#![forbid(unsafe_code)]

#[cfg(feature = "json")]
pub mod batches;
#[cfg(feature = "json")]
pub mod codes;
#[cfg(feature = "json")]
pub mod command;
#[cfg(feature = "json")]
pub mod footprint;
#[cfg(feature = "json")]
pub mod validate;
#[cfg(feature = "json")]
pub mod wire;

/// The generated messages of `tencentim.group.v1`, with clients and server traits as the features say.
#[allow(missing_docs, clippy::all)]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/tencentim.group.v1.rs"));
}

/// The encoded descriptors with comments and options, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
