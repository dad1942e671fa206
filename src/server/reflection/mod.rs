//! `grpc.reflection`, v1 and v1alpha. A question that cannot be answered gets an error in the stream, as reflection.proto
//! says, and the stream continues; extensions and enum values are found.

mod index;

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use prost::{DecodeError, Message};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status, Streaming, async_trait};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest as Question;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse as Answer;
use tonic_reflection::pb::v1::server_reflection_server::{ServerReflection, ServerReflectionServer};
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1, v1alpha};

use index::Index;

/// The largest question: a name and a host.
const LARGEST_QUESTION: usize = 4096;

/// Answers questions about the files of an index. Clones share it.
#[derive(Debug, Clone)]
struct Reflection(Arc<Index>);

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Adds both versions of reflection to the routes. They know the application's files, those of health and reflection, and
/// the types of error details, so that clients can show them.
///
/// # Errors
/// When a descriptor set cannot be decoded.
pub fn add(routes: Routes, application: &[u8]) -> Result<Routes, DecodeError> {
    let index = Index::new(&[
        application,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_types::pb::FILE_DESCRIPTOR_SET,
        v1::FILE_DESCRIPTOR_SET,
        v1alpha::FILE_DESCRIPTOR_SET,
    ])?;
    let reflection = Reflection(Arc::new(index));
    let older = v1alpha::server_reflection_server::ServerReflectionServer::new(reflection.clone());
    let newer = ServerReflectionServer::new(reflection);
    Ok(routes
        .add_service(newer.max_decoding_message_size(LARGEST_QUESTION).accept_compressed(Gzip).send_compressed(Gzip))
        .add_service(older.max_decoding_message_size(LARGEST_QUESTION).accept_compressed(Gzip).send_compressed(Gzip)))
}

#[async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let reflection = self.clone();
        let answers = request.into_inner().map(move |question| Ok(reflection.respond(question?)));
        Ok(Response::new(Box::pin(answers)))
    }
}

#[async_trait]
impl v1alpha::server_reflection_server::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let reflection = self.clone();
        let answers = request.into_inner().map(move |question| converted(&reflection.respond(converted(&question?)?)));
        Ok(Response::new(Box::pin(answers)))
    }
}

/// The same message in the other version: both have the same bytes.
fn converted<T: Message + Default>(message: &impl Message) -> Result<T, Status> {
    T::decode(message.encode_to_vec().as_slice()).map_err(|error| Status::internal(error.to_string()))
}

impl Reflection {
    fn respond(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let answer = match &request.message_request {
            Some(question) => self.answer(question).ok_or_else(|| not_found(question)),
            None => Err(error(Code::InvalidArgument, "the request holds no question".to_owned())),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            original_request: Some(request),
            message_response: Some(answer.unwrap_or_else(Answer::ErrorResponse)),
        }
    }

    fn answer(&self, question: &Question) -> Option<Answer> {
        let Self(index) = self;
        let file = match question {
            Question::FileByFilename(name) => index.file(name)?,
            Question::FileContainingSymbol(name) => index.symbol(name)?,
            Question::FileContainingExtension(of) => index.extension(&of.containing_type, of.extension_number)?,
            Question::AllExtensionNumbersOfType(name) => {
                let extension_number = index.extension_numbers(name)?;
                let base_type_name = name.clone();
                return Some(Answer::AllExtensionNumbersResponse(ExtensionNumberResponse {
                    base_type_name,
                    extension_number,
                }));
            }
            Question::ListServices(_) => {
                let service = index.services().iter().map(|name| ServiceResponse { name: name.clone() }).collect();
                return Some(Answer::ListServicesResponse(ListServiceResponse { service }));
            }
        };
        Some(Answer::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto: vec![file.to_vec()] }))
    }
}

fn not_found(question: &Question) -> ErrorResponse {
    let what = match question {
        Question::FileByFilename(name) => format!("file `{name}`"),
        Question::FileContainingSymbol(name) => format!("symbol `{name}`"),
        Question::FileContainingExtension(of) => {
            format!("extension {} of `{}`", of.extension_number, of.containing_type)
        }
        Question::AllExtensionNumbersOfType(name) => format!("message `{name}`"),
        Question::ListServices(_) => "list of services".to_owned(),
    };
    error(Code::NotFound, format!("there is no {what}"))
}

fn error(code: Code, error_message: String) -> ErrorResponse {
    ErrorResponse { error_code: code.into(), error_message }
}
