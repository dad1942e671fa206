//! Reflection, as reflection.proto describes it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tonic::Code;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest as Question;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse as Answer;
use tonic_reflection::pb::v1::{ExtensionRequest, ServerReflectionRequest};
use tonic_reflection::pb::v1alpha;

use crate::support::Gateway;
use crate::support::callers::NOWHERE;

/// The answers to questions in one stream.
async fn ask(channel: &Channel, questions: Vec<Question>) -> Vec<Answer> {
    let request = |question| ServerReflectionRequest { host: "h".to_owned(), message_request: Some(question) };
    let requests: Vec<_> = questions.into_iter().map(request).collect();
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let replies = reflection.server_reflection_info(tokio_stream::iter(requests.clone())).await.unwrap();
    let (mut replies, mut answers) = (replies.into_inner(), Vec::new());
    while let Some(reply) = replies.message().await.unwrap() {
        assert_eq!(reply.valid_host, "h");
        assert_eq!(reply.original_request.as_ref(), requests.get(answers.len()));
        answers.push(reply.message_response.unwrap());
    }
    assert_eq!(answers.len(), requests.len());
    answers
}

fn file(answer: Answer) -> FileDescriptorProto {
    let Answer::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
    FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap()
}

fn symbol(name: &str) -> Question {
    Question::FileContainingSymbol(name.to_owned())
}

fn extension(of: &str, extension_number: i32) -> Question {
    Question::FileContainingExtension(ExtensionRequest { containing_type: of.to_owned(), extension_number })
}

#[tokio::test]
async fn a_question_without_an_answer_does_not_end_the_stream() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let numbers = |of: &str| Question::AllExtensionNumbersOfType(of.to_owned());
    let unanswered = vec![
        symbol("nope.Nope"),
        Question::FileByFilename("nope.proto".to_owned()),
        extension("google.protobuf.FieldOptions", 4),
        extension("nope.Nope", 81605),
        numbers("nope.Nope"),
        // A service is nothing that could be extended.
        numbers("tencentim.group.v1.GroupService"),
    ];
    let count = unanswered.len();
    let questions = unanswered.into_iter().chain([Question::ListServices(String::new())]).collect();
    let mut answers = ask(&gateway.channel().await, questions).await;
    let Some(Answer::ListServicesResponse(list)) = answers.pop() else { panic!("{answers:?}") };
    let names: BTreeSet<_> = list.service.into_iter().map(|service| service.name).collect();
    for name in ["tencentim.group.v1.GroupService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        assert!(names.contains(name), "{names:?}");
    }
    for answer in answers.drain(..count) {
        let Answer::ErrorResponse(error) = answer else { panic!("{answer:?}") };
        assert_eq!(error.error_code, i32::from(Code::NotFound), "{error:?}");
    }
    // Nor does one that asks nothing.
    let mut reflection = ServerReflectionClient::new(gateway.channel().await);
    let nothing = ServerReflectionRequest::default();
    let replies = reflection.server_reflection_info(tokio_stream::iter([nothing.clone(), nothing])).await.unwrap();
    let mut replies = replies.into_inner();
    for _ in 0..2 {
        let answer = replies.message().await.unwrap().unwrap().message_response.unwrap();
        let Answer::ErrorResponse(error) = answer else { panic!("{answer:?}") };
        assert_eq!(error.error_code, i32::from(Code::InvalidArgument));
    }
}

#[tokio::test]
async fn extensions_are_found_with_their_file() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let options = [
        ("Service", vec![81601]),
        ("Method", vec![81603]),
        ("Field", vec![81605, 81607]),
        ("EnumValue", vec![81609]),
        ("Oneof", vec![81611]),
        ("Message", vec![81613]),
        ("File", vec![]),
    ];
    let channel = gateway.channel().await;
    for (element, expected) in options {
        let name = format!("google.protobuf.{element}Options");
        let numbers = ask(&channel, vec![Question::AllExtensionNumbersOfType(name.clone())]).await.remove(0);
        let Answer::AllExtensionNumbersResponse(numbers) = numbers else { panic!("{numbers:?}") };
        assert_eq!(numbers.base_type_name, name);
        for number in expected {
            assert!(numbers.extension_number.contains(&number), "{numbers:?}");
        }
        for number in numbers.extension_number {
            let found = file(ask(&channel, vec![extension(&name, number)]).await.remove(0));
            assert_eq!(found.name(), "tencentim/annotations/v1/annotations.proto");
        }
    }
}

/// By the names that protobuf gives to things: an enum's values stand beside it.
#[tokio::test]
async fn every_kind_of_symbol_is_found() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let symbols = [
        ("tencentim.group.v1.GroupService", "tencentim/group/v1/group_service.proto"),
        ("tencentim.group.v1.GroupService.CreateGroup", "tencentim/group/v1/group_service.proto"),
        ("tencentim.group.v1.CreateGroupRequest.name", "tencentim/group/v1/group_service.proto"),
        ("tencentim.group.v1.GROUP_TYPE_PUBLIC", "tencentim/group/v1/group.proto"),
        ("tencentim.group.v1.GroupType", "tencentim/group/v1/group.proto"),
        ("tencentim.annotations.v1.json", "tencentim/annotations/v1/annotations.proto"),
        ("tencentim.annotations.v1.command", "tencentim/annotations/v1/annotations.proto"),
    ];
    let (names, files): (Vec<_>, Vec<_>) = symbols.into_iter().unzip();
    let answers = ask(&gateway.channel().await, names.iter().map(|name| symbol(name)).collect()).await;
    let found: Vec<_> = answers.into_iter().map(|answer| file(answer).name().to_owned()).collect();
    assert_eq!(found, files);
}

/// What a client does that shows calls and the details of their errors: it collects the files of all services and of the
/// details, and everything that these import.
#[tokio::test]
async fn all_files_can_be_collected_and_fit_together() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let channel = gateway.channel().await;
    let list = ask(&channel, vec![Question::ListServices(String::new())]).await.remove(0);
    let Answer::ListServicesResponse(list) = list else { panic!("{list:?}") };
    let details =
        ["Status", "ErrorInfo", "BadRequest", "RetryInfo", "QuotaFailure", "ResourceInfo", "PreconditionFailure"];
    let details = details.map(|name| format!("google.rpc.{name}"));
    let names = list.service.into_iter().map(|service| service.name).chain(details.clone());
    let mut wanted: Vec<_> = names.map(|name| symbol(&name)).collect();
    let mut files = BTreeMap::new();
    while !wanted.is_empty() {
        for answer in ask(&channel, std::mem::take(&mut wanted)).await {
            let file = file(answer);
            files.insert(file.name().to_owned(), file);
        }
        let imports: BTreeSet<_> = files.values().flat_map(|file| &file.dependency).cloned().collect();
        wanted = imports.into_iter().filter(|name| !files.contains_key(name)).map(Question::FileByFilename).collect();
    }
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: files.into_values().collect() });
    let pool = pool.unwrap();
    for name in details {
        assert!(pool.get_message_by_name(&name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn comments_and_options_are_there() {
    let gateway = Gateway::start(NOWHERE, &[]).await;
    let answer = ask(&gateway.channel().await, vec![symbol("tencentim.group.v1.GroupService")]).await.remove(0);
    let Answer::FileDescriptorResponse(files) = answer else { panic!("{answer:?}") };
    let text = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
    assert!(text.contains("Creates a group, with its first members."));
    // The command of a method, which stands in an option of the contract's own.
    assert!(text.contains("create_group"));
}

/// Older clients know reflection by this name only.
#[tokio::test]
async fn the_older_version_answers_the_same() {
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;

    let gateway = Gateway::start(NOWHERE, &[]).await;
    let mut reflection = v1alpha::server_reflection_client::ServerReflectionClient::new(gateway.channel().await);
    let questions = ["nope.Nope", "tencentim.group.v1.MessageService", "tencentim.group.v1.GROUP_TYPE_PUBLIC"];
    let request = |name: &str| v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(name.to_owned())),
    };
    let requests = questions.map(request);
    let replies = reflection.server_reflection_info(tokio_stream::iter(requests.clone())).await.unwrap();
    let (mut replies, mut answers) = (replies.into_inner(), Vec::new());
    while let Some(reply) = replies.message().await.unwrap() {
        assert_eq!(reply.original_request.as_ref(), requests.get(answers.len()));
        answers.push(match reply.message_response.unwrap() {
            MessageResponse::ErrorResponse(error) => error.error_code.to_string(),
            MessageResponse::FileDescriptorResponse(files) => {
                FileDescriptorProto::decode(files.file_descriptor_proto[0].as_slice()).unwrap().name().to_owned()
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(answers, ["5", "tencentim/group/v1/message_service.proto", "tencentim/group/v1/group.proto"]);
}
