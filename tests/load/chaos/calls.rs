//! The mix of calls, and what each caller was told.

use std::time::Duration;

use contract::pb;
use futures::StreamExt as _;
use hyper::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;
use tower::util::BoxCloneService;

use crate::support::process::PATIENCE;

/// The deadline of every call.
const DEADLINE: Duration = Duration::from_secs(5);
/// Groups that messages and members go to.
const GROUPS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Read,
    Send,
    /// A group whose id Tencent makes: executing it twice makes two.
    Create,
    CreateNamed,
    AddMember,
    Destroy,
}

/// The answer to one call.
#[derive(Debug)]
pub enum Answer {
    /// With the message's number or the group's id, where the reply has one.
    Ok(String),
    NotExecuted,
    Unknown,
    /// Unknown, because the deadline passed.
    TooLate,
}

/// What a caller knows after its call.
#[derive(Debug)]
pub struct Told {
    pub kind: Kind,
    pub number: usize,
    pub answer: Answer,
}

impl Told {
    pub fn is_ok(&self) -> bool {
        matches!(self.answer, Answer::Ok(_))
    }
}

/// The group that a call with this number is for.
pub fn group_of(number: usize) -> String {
    format!("g{}", number % GROUPS)
}

/// What a call makes or destroys: a text, a group's name or id, a user.
pub fn named(kind: Kind, number: usize) -> String {
    let letter = match kind {
        Kind::Read => 'r',
        Kind::Send => 'm',
        Kind::Create => 'c',
        Kind::CreateNamed => 'n',
        Kind::AddMember => 'u',
        Kind::Destroy => 'd',
    };
    format!("{letter}{number}")
}

type Connection = BoxCloneService<http::Request<Body>, http::Response<Incoming>, hyper::Error>;

/// Sends calls by generated stubs, over one connection.
///
/// It is hyper's and not a channel of tonic, which would hang up at the deadline itself and hide what the gateway says then.
pub struct Caller {
    connection: Connection,
    origin: Uri,
}

impl Caller {
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let connection = tower::service_fn(move |request| {
            let mut sender = sender.clone();
            let answer = async move {
                sender.ready().await?;
                sender.send_request(request).await
            };
            async { tokio::time::timeout(PATIENCE, answer).await.expect("every call is answered") }
        });
        Self { connection: BoxCloneService::new(connection), origin: format!("http://{address}").parse().unwrap() }
    }

    fn groups(&self) -> pb::group_service_client::GroupServiceClient<Connection> {
        pb::group_service_client::GroupServiceClient::with_origin(self.connection.clone(), self.origin.clone())
    }

    fn members(&self) -> pb::member_service_client::MemberServiceClient<Connection> {
        pb::member_service_client::MemberServiceClient::with_origin(self.connection.clone(), self.origin.clone())
    }

    fn messages(&self) -> pb::message_service_client::MessageServiceClient<Connection> {
        pb::message_service_client::MessageServiceClient::with_origin(self.connection.clone(), self.origin.clone())
    }

    /// Creates what the mix needs, before anything fails.
    pub async fn prepare(&self, calls: usize) {
        let stay = (0..GROUPS).map(|group| (group_of(group), "stays"));
        let go = (0..calls).filter(|number| kind(*number) == Kind::Destroy);
        let go = go.map(|number| (named(Kind::Destroy, number), "goes"));
        futures::stream::iter(stay.chain(go))
            .for_each_concurrent(16, |(id, name)| async move { drop(self.create(&id, name).await.unwrap()) })
            .await;
    }

    /// Makes the call with this number.
    pub async fn call(&self, number: usize) -> Told {
        let kind = kind(number);
        let result = match kind {
            Kind::Read => self.read(number).await,
            Kind::Send => self.send(number).await,
            Kind::Create => self.create("", &named(kind, number)).await,
            Kind::CreateNamed => self.create(&named(kind, number), "named").await,
            Kind::AddMember => self.add_member(number).await,
            Kind::Destroy => self.destroy(number).await,
        };
        let answer = match result {
            Ok(detail) => Answer::Ok(detail),
            Err(status) => judge(&status),
        };
        Told { kind, number, answer }
    }

    async fn read(&self, number: usize) -> Result<String, Status> {
        let group_id = group_of(number);
        match number % 3 {
            0 => {
                let request = pb::GetGroupRequest { group_id, ..Default::default() };
                self.groups().get_group(timed(request)).await.map(drop)?;
            }
            1 => {
                let request = pb::ListMembersRequest { group_id, page_size: 20, ..Default::default() };
                self.members().list_members(timed(request)).await.map(drop)?;
            }
            _ => {
                let request = pb::ListMessagesRequest { group_id, page_size: 5, ..Default::default() };
                self.messages().list_messages(timed(request)).await.map(drop)?;
            }
        }
        Ok(String::new())
    }

    async fn send(&self, number: usize) -> Result<String, Status> {
        let text = pb::message_element::Element::Text(pb::TextElement { text: named(Kind::Send, number) });
        let request = pb::SendMessageRequest {
            group_id: group_of(number),
            sender_user_id: format!("s{}", number % 7),
            // Half of the callers name their message, the others leave it to the gateway.
            request_id: if number.is_multiple_of(4) { format!("r{number}") } else { String::new() },
            elements: vec![pb::MessageElement { element: Some(text) }],
            ..Default::default()
        };
        self.messages().send_message(timed(request)).await.map(|reply| reply.into_inner().seq.to_string())
    }

    async fn create(&self, group_id: &str, name: &str) -> Result<String, Status> {
        let request = pb::CreateGroupRequest {
            r#type: pb::GroupType::Public.into(),
            group_id: group_id.to_owned(),
            name: name.to_owned(),
            owner_user_id: format!("owner-{group_id}"),
            ..Default::default()
        };
        self.groups().create_group(timed(request)).await.map(|reply| reply.into_inner().group_id)
    }

    /// Asks for a group.
    pub async fn get(&self, group_id: &str, deadline: Duration) -> Result<(), Status> {
        let mut request = Request::new(pb::GetGroupRequest { group_id: group_id.to_owned(), ..Default::default() });
        request.set_timeout(deadline);
        self.groups().get_group(request).await.map(drop)
    }

    async fn add_member(&self, number: usize) -> Result<String, Status> {
        let user_id = named(Kind::AddMember, number);
        let members = vec![pb::MemberToAdd { user_id }];
        let request = pb::AddMembersRequest { group_id: group_of(number), members, silent: true };
        let results = self.members().add_members(timed(request)).await.map(Response::into_inner)?.results;
        // Every user of the mix is new; after a lost reply the user is a member already, by this very call.
        let outcome = results[0].outcome();
        assert!(matches!(outcome, pb::AddMemberOutcome::Added | pb::AddMemberOutcome::AlreadyMember), "{outcome:?}");
        Ok(String::new())
    }

    async fn destroy(&self, number: usize) -> Result<String, Status> {
        let request = pb::DestroyGroupRequest { group_id: named(Kind::Destroy, number) };
        self.groups().destroy_group(timed(request)).await.map(|_| String::new())
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

/// Three reads, three sends, and one of each other kind.
fn kind(number: usize) -> Kind {
    match number % 10 {
        0..3 => Kind::Read,
        3..6 => Kind::Send,
        6 => Kind::Create,
        7 => Kind::CreateNamed,
        8 => Kind::AddMember,
        _ => Kind::Destroy,
    }
}

/// What an error says about the work. Every error must say it.
fn judge(status: &Status) -> Answer {
    let details = status.get_error_details();
    let outcome = details.error_info().and_then(|info| info.metadata.get("outcome")).map(String::as_str);
    match (outcome, status.code()) {
        (Some("not_executed"), code) => {
            assert!(
                matches!(code, Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Internal),
                "{status:?}"
            );
            Answer::NotExecuted
        }
        (Some("unknown"), Code::Unknown) => Answer::Unknown,
        (Some("unknown"), Code::DeadlineExceeded) => Answer::TooLate,
        _ => panic!("an error that does not say what became of the call: {status:?}"),
    }
}
