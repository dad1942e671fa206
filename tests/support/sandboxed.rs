//! A gateway in front of a sandbox of its own.

use serde_json::Value;
use tencent_im_grpc::pb;
use tencent_im_grpc::sandbox::{self, Running, Settings};
use tonic::transport::Channel;

use super::Gateway;

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
        let answer = reqwest::Client::new().post(self.control_url("faults")).json(&rule).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// How many requests for a command came.
    pub async fn count(&self, command: &str) -> u64 {
        let url = self.control_url(&format!("journal/count?command={command}"));
        let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        answer["count"].as_u64().unwrap()
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
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
