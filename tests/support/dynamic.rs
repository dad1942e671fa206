//! Calls of any method of the contract, with requests and replies as proto3 JSON.

use std::sync::LazyLock;

use bytes::Bytes;
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions,
};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::raw::Raw;

/// The contract.
pub fn pool() -> DescriptorPool {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(contract::FILE_DESCRIPTOR_SET).unwrap());
    POOL.clone()
}

/// A method by `package.Service/Method`.
pub fn method(pool: &DescriptorPool, path: &str) -> MethodDescriptor {
    let (service, method) = path.split_once('/').unwrap();
    let service = pool.get_service_by_name(service).unwrap_or_else(|| panic!("no service {service}"));
    service.methods().find(|m| m.name() == method).unwrap_or_else(|| panic!("no method {path}"))
}

/// A message from its proto3 JSON; an unknown field is a mistake in the test.
pub fn message(descriptor: &MessageDescriptor, json: &serde_json::Value) -> DynamicMessage {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(descriptor.clone(), json, &options)
        .unwrap_or_else(|error| panic!("{}: {error} in {json}", descriptor.full_name()))
}

/// A message as proto3 JSON.
pub fn json(message: &DynamicMessage) -> String {
    let options = SerializeOptions::new().use_proto_field_name(true);
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, &options).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

/// Calls a unary method.
pub async fn call(
    channel: Channel,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<DynamicMessage, Status> {
    call_request(channel, method, Request::new(request)).await
}

/// Calls a unary method with metadata.
pub async fn call_request(
    channel: Channel,
    method: &MethodDescriptor,
    request: Request<DynamicMessage>,
) -> Result<DynamicMessage, Status> {
    let mut grpc = Grpc::new(channel).max_decoding_message_size(16 << 20);
    grpc.ready().await.unwrap();
    let reply = grpc.unary(request.map(encoded), path(method), Raw).await?.into_inner();
    Ok(DynamicMessage::decode(method.output(), reply).unwrap())
}

/// The messages of a stream.
pub struct Messages {
    bytes: Streaming<Bytes>,
    output: MessageDescriptor,
}

impl Messages {
    pub async fn next(&mut self) -> Result<Option<DynamicMessage>, Status> {
        let bytes = self.bytes.message().await?;
        Ok(bytes.map(|bytes| DynamicMessage::decode(self.output.clone(), bytes).unwrap()))
    }
}

/// Opens a server stream.
pub async fn stream(channel: Channel, method: &MethodDescriptor, request: DynamicMessage) -> Result<Messages, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let bytes = grpc.server_streaming(Request::new(encoded(request)), path(method), Raw).await?.into_inner();
    Ok(Messages { bytes, output: method.output() })
}

fn encoded(message: DynamicMessage) -> Bytes {
    message.encode_to_vec().into()
}

fn path(method: &MethodDescriptor) -> PathAndQuery {
    format!("/{}/{}", method.parent_service().full_name(), method.name()).parse().unwrap()
}
