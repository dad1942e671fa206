//! Calls of any method of the contract, with requests and replies as proto3 JSON.

use bytes::{Buf, BufMut};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions,
};
use tencent_im_grpc::pb;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// The contract.
pub fn pool() -> DescriptorPool {
    DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).unwrap()
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
    let codec = Dynamic(method.output());
    grpc.unary(request, path(method), codec).await.map(tonic::Response::into_inner)
}

/// Opens a server stream.
pub async fn stream(
    channel: Channel,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<Streaming<DynamicMessage>, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    grpc.server_streaming(Request::new(request), path(method), Dynamic(method.output()))
        .await
        .map(tonic::Response::into_inner)
}

fn path(method: &MethodDescriptor) -> PathAndQuery {
    format!("/{}/{}", method.parent_service().full_name(), method.name()).parse().unwrap()
}

struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item.encode_to_vec());
        Ok(())
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        DynamicMessage::decode(self.0.clone(), bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
