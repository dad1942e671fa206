//! A client of the gateway: a group, its members, a message, and what a refused call says.

use std::env;
use std::error::Error;
use std::time::Duration;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use contract::pb::member_service_client::MemberServiceClient;
use contract::pb::message_element::Element;
use contract::pb::message_service_client::MessageServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// A connection, and the key that every call carries.
struct Client {
    channel: Channel,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Client {
    /// TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise.
    async fn connect() -> Fallible<Self> {
        let address = env::var("TENCENT_IM_ADDR").unwrap_or_else(|_| "127.0.0.1:50051".to_owned());
        let endpoint = match env::var("TENCENT_IM_CA") {
            Ok(ca) => {
                let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(std::fs::read(ca)?));
                Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?
            }
            Err(_) => Endpoint::from_shared(format!("http://{address}"))?,
        };
        let authorization = match env::var("TENCENT_IM_TOKEN") {
            Ok(token) => Some(format!("Bearer {token}").parse()?),
            Err(_) => None,
        };
        Ok(Self { channel: endpoint.connect().await?, authorization })
    }

    /// A request with a deadline and the key.
    fn request<T>(&self, message: T, timeout: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }

    fn groups(&self) -> GroupServiceClient<Channel> {
        GroupServiceClient::new(self.channel.clone())
    }

    fn messages(&self) -> MessageServiceClient<Channel> {
        MessageServiceClient::new(self.channel.clone())
    }
}

const SECONDS_5: Duration = Duration::from_secs(5);
const SECONDS_30: Duration = Duration::from_secs(30);

fn text(text: &str) -> pb::MessageElement {
    pb::MessageElement { element: Some(Element::Text(pb::TextElement { text: text.to_owned() })) }
}

async fn add_members(client: &Client, group_id: &str) -> Result<(), Status> {
    let request = pb::BatchAddMembersRequest {
        group_id: group_id.to_owned(),
        user_ids: (1..=120).map(|number| format!("user-{number:03}")).collect(),
        silent: true,
    };
    let mut members = MemberServiceClient::new(client.channel.clone());
    let results = members.batch_add_members(client.request(request, SECONDS_30)).await?.into_inner().results;
    let added = results.iter().filter(|result| result.outcome() == pb::AddMemberOutcome::Added).count();
    println!("added {added} of {} members", results.len());
    Ok(())
}

async fn talk(client: &Client, group_id: &str) -> Result<(), Status> {
    let request = pb::SendMessageRequest {
        group_id: group_id.to_owned(),
        request_id: "hello-1".to_owned(), // the same id within five minutes never makes two messages
        sender_user_id: "alice".to_owned(),
        elements: vec![text("hello")],
        ..Default::default()
    };
    for words in ["sent message", "sent it again: still message"] {
        let sent = client.messages().send_message(client.request(request.clone(), SECONDS_5)).await?.into_inner();
        println!("{words} {}", sent.seq);
    }

    let history = pb::StreamMessagesRequest { group_id: group_id.to_owned(), ..Default::default() };
    let mut pages = client.messages().stream_messages(client.request(history, SECONDS_30)).await?.into_inner();
    while let Some(page) = pages.message().await? {
        for message in page.messages {
            if let Some(Element::Text(text)) = message.elements.into_iter().next().and_then(|first| first.element) {
                println!("history: message {} by {}: {}", message.seq, message.sender_user_id, text.text);
            }
        }
    }
    Ok(())
}

/// Makes two calls that are refused: one is wrong, one comes too soon after another.
async fn provoke(client: &Client) -> Result<(), Status> {
    let wrong = pb::SendMessageRequest { elements: vec![text("")], ..Default::default() };
    if let Err(status) = client.messages().send_message(client.request(wrong, SECONDS_5)).await {
        explain(&status);
    }

    let list = pb::ListGroupIdsRequest::default();
    client.groups().list_group_ids(client.request(list.clone(), SECONDS_30)).await?;
    // One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
    if let Err(status) = client.groups().list_group_ids(client.request(list, Duration::from_millis(500))).await {
        explain(&status);
    }
    Ok(())
}

/// Prints what the details of a refused call say: the reason, then what is wrong or when to come again.
fn explain(status: &Status) {
    let details = status.get_error_details();
    println!("refused: {}", details.error_info().map_or("", |info| info.reason.as_str()));
    for violation in details.bad_request().iter().flat_map(|bad| &bad.field_violations) {
        println!("  {}: {}", violation.field, violation.description);
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        println!("  try again in {:.0} s", delay.as_secs_f64());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let client = Client::connect().await?;
    let request = pb::CreateGroupRequest {
        r#type: pb::GroupType::Public.into(),
        name: "Example".to_owned(),
        owner_user_id: "alice".to_owned(),
        ..Default::default()
    };
    let group_id = client.groups().create_group(client.request(request, SECONDS_30)).await?.into_inner().group_id;
    println!("created a group");
    add_members(&client, &group_id).await?;
    talk(&client, &group_id).await?;
    provoke(&client).await?;
    client.groups().destroy_group(client.request(pb::DestroyGroupRequest { group_id }, SECONDS_30)).await?;
    println!("destroyed the group");
    Ok(())
}
