//! How many simple commands a second the sandbox answers over loopback, and then what much of everything costs it:
//! `cargo bench --bench sandbox`. `SANDBOX_DIVISOR=100` makes the lists so much shorter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod size;

use std::time::{Duration, Instant};

use sandbox::{self, Settings};
use tokio::net::TcpStream;

use client::{exchange, query, request};

const CONNECTIONS: usize = 16;
const DURATION: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    speed().await;
    let divisor = std::env::var("SANDBOX_DIVISOR").map_or(1, |divisor| divisor.parse().unwrap());
    size::measure(divisor).await;
}

async fn speed() {
    let settings = Settings { auto_import: true, rate_scale: 0.0, journal: 0, ..Settings::default() };
    let running = sandbox::start(settings).await.unwrap();
    let address = running.api_addr();
    let query = query();
    let create = r#"{"Type":"Public","GroupId":"g","Name":"n","MemberList":[{"Member_Account":"bob"}]}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream, &request("create_group", &query, create)).await;

    let body = r#"{"GroupId":"g","User_Account":["bob"]}"#;
    let request = request("get_role_in_group", &query, body);
    let started = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut done = 0_u64;
                while started.elapsed() < DURATION {
                    exchange(&mut stream, &request).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for worker in workers {
        done += worker.await.unwrap();
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    println!("get_role_in_group: {rate:.0} commands/s over {CONNECTIONS} connections");
    running.shutdown().await;
}
