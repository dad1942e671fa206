//! The UserSig travels in the URL: nothing that anybody may read shows it, or the key.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tencent_im_grpc::status::Problem;
use tencent_im_grpc::upstream::Upstream;
use tonic::Status;
use tracing_subscriber::fmt::MakeWriter;

use super::server::{Act, Server, dead_url};
use super::*;

/// Keeps all that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn query_of(line: &str, key: &str) -> String {
    let query = line.split(['?', ' ']).nth(2).unwrap();
    let value = query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
    value.unwrap().to_owned()
}

#[tokio::test]
async fn no_error_and_no_log_line_shows_a_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(log.clone())
        .finish();
    // While there is just one subscriber, other tests' threads, which have none, could switch spans off for all.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let server = Server::start([]).await;
    let brief = Settings { max_attempts: 1, attempt_timeout: Duration::from_secs(2), ..settings([server.url.clone()]) };
    let upstream = Upstream::new(&brief).unwrap();
    ask(&upstream, &READ).await.unwrap();
    let usersig = query_of(&server.seen()[0].line, "usersig");
    assert!(usersig.len() > 100);

    let echo = Act::Json(format!(r#"{{"ErrorCode":70003,"ErrorInfo":"bad usersig={usersig}"}}"#));
    let encoded = usersig.replace('*', "%2A").replace('-', "%2d").replace('_', "%5F");
    let encoded_echo = Act::Json(format!(r#"{{"ErrorCode":70003,"ErrorInfo":"bad signature {encoded}"}}"#));
    let odd_echo = Act::Json(format!(r#"{{"ErrorCode":"{usersig}"}}"#));
    let mut shown = format!("{upstream:?}{brief:?}");
    for act in [echo, encoded_echo, odd_echo, Act::Lost, Act::Truncated, Act::Stall, Act::Status(502, "")] {
        server.then(act);
        show(&mut shown, ask(&upstream, &READ).await.unwrap_err());
    }
    let dead = Upstream::new(&settings([dead_url().await])).unwrap();
    show(&mut shown, ask(&dead, &READ).await.unwrap_err());

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("get_group_info"), "the attempt has a span");
    for (what, text) in [("an error", &shown), ("the log", &log)] {
        assert!(!text.contains(&usersig), "{what} shows the UserSig");
        assert!(!text.contains(&encoded), "{what} shows the UserSig percent-encoded");
        assert!(!text.contains("usersig="), "{what} shows a URL's query");
        assert!(!text.contains(KEY), "{what} shows the key");
    }
    assert!(shown.contains("bad signature [redacted]"));
}

fn show(shown: &mut String, error: UpstreamError) {
    shown.push_str(&format!("{error} {error:?}"));
    let problem = Problem::from(error);
    shown.push_str(&format!("{problem:?}"));
    let status = Status::from(problem);
    shown.push_str(&format!("{status} {}", String::from_utf8_lossy(status.details())));
}
