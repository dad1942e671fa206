//! Log lines that strangers cause.

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use tonic::Code;

use crate::support::callers::{Callers, NOWHERE};
use crate::support::process::{PATIENCE, Process};

/// Refused calls of unknown callers fill no disk: a few lines each second, and a sum.
#[tokio::test]
async fn refused_calls_of_strangers_are_sampled() {
    const CALLS: usize = 500;
    let mut callers = Callers::new();
    let key = callers.key("known", &["read"], &[]);
    let mut gateway =
        Process::start(NOWHERE, &["--auth-callers-file", callers.path(), "--upstream-max-attempts", "1"]).await;
    let channel = gateway.channel().await;
    let request = || pb::GetGroupRequest { group_id: "g".to_owned(), filter: None };
    for _ in 0..CALLS {
        let refused = GroupServiceClient::new(channel.clone()).get_group(request()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
    }
    // Calls of known callers are always logged.
    for _ in 0..50 {
        let mut asked = tonic::Request::new(request());
        asked.metadata_mut().insert("authorization", key.parse().unwrap());
        GroupServiceClient::new(channel.clone()).get_group(asked).await.unwrap_err();
    }
    let lines = |text: &str| gateway.log().lines().filter(|line| line.contains(text)).count();
    let left_out = || -> usize {
        let log = gateway.log();
        let sums = log.lines().filter(|line| line.contains("more calls that were refused"));
        sums.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["left_out"].as_u64().unwrap() as usize)
            .sum()
    };
    let counted = async {
        while lines(r#""code":"Unauthenticated""#) + left_out() < CALLS {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.expect("every call is in a line or in a sum");
    assert!(left_out() > 0);
    assert_eq!(lines(r#""code":"Unauthenticated""#) + left_out(), CALLS);
    assert_eq!(lines(r#""caller":"known""#), 50);
    gateway.stop().await;
}
