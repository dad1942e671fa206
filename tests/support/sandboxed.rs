//! A gateway in front of its own sandbox.

use contract::pb;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use sandbox::{Running, Settings};
use serde_json::Value;
use tonic::Status;
use tonic::transport::Channel;

use super::{Gateway, dynamic};

/// A method by `Service/Method`.
fn method(rpc: &str) -> MethodDescriptor {
    dynamic::method(&dynamic::pool(), &format!("tencentim.group.v1.{rpc}"))
}

fn value(message: &DynamicMessage) -> Value {
    serde_json::from_str(&dynamic::json(message)).unwrap()
}

/// The messages of a stream as proto3 JSON.
pub struct Messages(dynamic::Messages);

impl Messages {
    pub async fn next(&mut self) -> Result<Option<Value>, Status> {
        Ok(self.0.next().await?.as_ref().map(value))
    }
}

/// Both, until dropped.
pub struct Sandboxed {
    pub channel: Channel,
    gateway: Gateway,
    sandbox: Running,
}

impl Sandboxed {
    /// Starts them; unknown users exist as soon as they are mentioned, and nothing is paced.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With further settings of the gateway.
    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        let settings = Settings { auto_import: true, rate_scale: 0.0, ..Settings::default() };
        let sandbox = sandbox::start(settings).await.unwrap();
        let gateway = Gateway::start(&format!("http://{}", sandbox.api_addr()), more).await;
        Self { channel: gateway.channel().await, gateway, sandbox }
    }

    fn control_url(&self, path: &str) -> String {
        format!("http://{}/_sandbox/{path}", self.sandbox.control_addr())
    }

    /// Makes the sandbox fail.
    pub async fn fault(&self, rule: Value) {
        self.control("faults", rule).await;
    }

    /// Makes it work again.
    pub async fn heal(&self) {
        super::http().delete(self.control_url("faults")).send().await.unwrap().error_for_status().unwrap();
    }

    /// How many requests for a command came.
    pub async fn count(&self, command: &str) -> u64 {
        let url = self.control_url(&format!("journal/count?command={command}"));
        let answer: Value = super::http().get(url).send().await.unwrap().json().await.unwrap();
        answer["count"].as_u64().unwrap()
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Asks the sandbox's control API for something.
    pub async fn control(&self, path: &str, body: Value) {
        let reply = super::http().post(self.control_url(path)).json(&body).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
    }

    /// Calls any method with proto3 JSON.
    pub async fn call(&self, rpc: &str, request: Value) -> Result<Value, Status> {
        let method = method(rpc);
        let request = dynamic::message(&method.input(), &request);
        let reply = dynamic::call(self.channel.clone(), &method, request).await?;
        Ok(value(&reply))
    }

    /// Opens any stream with proto3 JSON.
    pub async fn stream(&self, rpc: &str, request: Value) -> Result<Messages, Status> {
        let method = method(rpc);
        let request = dynamic::message(&method.input(), &request);
        dynamic::stream(self.channel.clone(), &method, request).await.map(Messages)
    }

    /// A call that must succeed.
    pub async fn ok(&self, rpc: &str, request: Value) -> Value {
        self.call(rpc, request).await.unwrap_or_else(|status| panic!("{rpc}: {status:?}"))
    }

    /// Creates a public group with an owner called alice.
    pub async fn group(&self, group_id: &str) {
        let request = pb::CreateGroupRequest {
            r#type: pb::GroupType::Public.into(),
            group_id: group_id.to_owned(),
            name: "Demo".to_owned(),
            owner_user_id: "alice".to_owned(),
            introduction: "who we are".to_owned(),
            notification: "read the rules".to_owned(),
            ..Default::default()
        };
        self.groups().create_group(request).await.unwrap();
    }

    /// Adds members by the batch and expects all to be added.
    pub async fn members_of(&self, group_id: &str, user_ids: Vec<String>) {
        let request = pb::BatchAddMembersRequest { group_id: group_id.to_owned(), user_ids, silent: true };
        let results = self.members().batch_add_members(request).await.unwrap().into_inner().results;
        let added = i32::from(pb::AddMemberOutcome::Added);
        assert!(results.iter().all(|result| result.outcome == added), "{results:?}");
    }

    /// Sends a text as bob.
    pub async fn send(&self, group_id: &str, text: &str) -> u64 {
        let element = pb::message_element::Element::Text(pb::TextElement { text: text.to_owned() });
        let request = pb::SendMessageRequest {
            group_id: group_id.to_owned(),
            sender_user_id: "bob".to_owned(),
            elements: vec![pb::MessageElement { element: Some(element) }],
            ..Default::default()
        };
        self.messages().send_message(request).await.unwrap().into_inner().seq
    }

    pub fn groups(&self) -> pb::group_service_client::GroupServiceClient<Channel> {
        pb::group_service_client::GroupServiceClient::new(self.channel.clone())
    }

    pub fn members(&self) -> pb::member_service_client::MemberServiceClient<Channel> {
        pb::member_service_client::MemberServiceClient::new(self.channel.clone())
    }

    pub fn messages(&self) -> pb::message_service_client::MessageServiceClient<Channel> {
        pb::message_service_client::MessageServiceClient::new(self.channel.clone())
    }

    pub fn imports(&self) -> pb::import_service_client::ImportServiceClient<Channel> {
        pb::import_service_client::ImportServiceClient::new(self.channel.clone())
    }
}
