//! Staying within Tencent's rates, on a clock that the tests move.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use tencent_im_grpc::upstream::pacing::{LanePacer, Limit, LocalQuota, Pacer, Ticket};
use tokio::sync::mpsc;

use super::*;

const SEND: Command = Command {
    service: "group_open_http_svc",
    name: "send_group_msg",
    label: "send_group_msg",
    safety: Safety::Unsafe,
    rate_per_second: 200,
    group_rate_per_second: Some(40),
};
const SLOW: Command = Command { rate_per_second: 1, ..READ };
const LATER: Duration = Duration::from_secs(3600);

fn pacer() -> Arc<LanePacer> {
    Arc::new(LanePacer::new(&settings([]), Arc::new(LocalQuota), 1.0))
}

fn ticket<'a>(command: &'a Command, group: &'a str, caller: &'a str) -> Ticket<'a> {
    let deadline = Instant::now() + LATER;
    Ticket { command, group_id: Some(group), caller, priority: Priority::Interactive, deadline }
}

/// The most calls in any second.
fn busiest_second(times: &[Instant]) -> usize {
    let mut times = times.to_vec();
    times.sort_unstable();
    let within =
        |from: Instant| times.iter().filter(|time| (from..from + Duration::from_secs(1)).contains(time)).count();
    times.iter().map(|time| within(*time)).max().unwrap_or(0)
}

async fn times(pacer: &LanePacer, tickets: impl IntoIterator<Item = Ticket<'_>>) -> Vec<Instant> {
    join_all(tickets.into_iter().map(|ticket| async move {
        pacer.acquire(ticket).await.unwrap();
        Instant::now()
    }))
    .await
}

#[tokio::test(start_paused = true)]
async fn a_command_keeps_to_its_rate() {
    let started = Instant::now();
    let times = times(&pacer(), (0..1000).map(|_| ticket(&READ, "g", "a"))).await;
    let busiest = busiest_second(&times);
    assert!(busiest <= 200, "{busiest}");
    assert!(started.elapsed() < Duration::from_millis(5600), "the quota is used: {:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_to_its_rate_and_holds_up_no_other() {
    let pacer = pacer();
    let hot = times(&pacer, (0..120).map(|_| ticket(&SEND, "hot", "a")));
    let cold = times(&pacer, (0..20).map(|_| ticket(&SEND, "cold", "a")));
    let started = Instant::now();
    let (hot, cold) = futures::join!(hot, cold);
    assert!(busiest_second(&hot) <= 40, "{}", busiest_second(&hot));
    assert!(hot.iter().max().unwrap().duration_since(started) < Duration::from_millis(3500));
    assert!(cold.iter().max().unwrap().duration_since(started) < Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn a_group_does_not_leave_a_jam_in_a_burst() {
    let pacer = pacer();
    // Many callers fill the command's lane, so that the one group's calls get through slowly; then they stop.
    let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let others = times(&pacer, names.iter().map(|name| ticket(&SEND, name, name)));
    let one = times(&pacer, (0..100).map(|_| ticket(&SEND, "one", "b")));
    let (_, one) = futures::join!(others, one);
    assert!(busiest_second(&one) <= 40, "{}", busiest_second(&one));
}

/// Lets `tickets` wait together and returns the order in which they pass.
async fn order(pacer: &Arc<LanePacer>, callers: Vec<(&'static str, Priority)>) -> Vec<&'static str> {
    let (passed, mut order) = mpsc::unbounded_channel();
    for (caller, priority) in callers {
        let (pacer, passed) = (pacer.clone(), passed.clone());
        tokio::spawn(async move {
            pacer.acquire(Ticket { priority, ..ticket(&SLOW, "g", caller) }).await.unwrap();
            passed.send(caller).unwrap();
        });
        // In the order given.
        tokio::task::yield_now().await;
    }
    drop(passed);
    let mut seen = Vec::new();
    while let Some(caller) = order.recv().await {
        seen.push(caller);
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn callers_take_turns() {
    let mut callers = vec![("flood", Priority::Interactive); 20];
    callers.extend([("b", Priority::Interactive), ("c", Priority::Interactive), ("b", Priority::Interactive)]);
    let order = order(&pacer(), callers).await;
    // The first passes at once. Then everybody gets every third turn.
    assert_eq!(order[..6], ["flood", "flood", "b", "c", "flood", "b"]);
    assert_eq!(order.len(), 23);
}

#[tokio::test(start_paused = true)]
async fn bulk_jobs_go_last_but_not_never() {
    let mut callers = vec![("bulk", Priority::Bulk); 30];
    callers.extend([("user", Priority::Interactive); 15]);
    let order = order(&pacer(), callers).await;
    let users_done = order.iter().rposition(|caller| *caller == "user").unwrap();
    assert!(users_done <= 18, "{order:?}");
    let bulk_before = order[1..users_done].iter().filter(|caller| **caller == "bulk").count();
    assert!(bulk_before >= 1, "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_that_would_pass_the_deadline_is_refused_at_once() {
    let pacer = pacer();
    pacer.acquire(ticket(&SLOW, "g", "a")).await.unwrap();
    let queued = {
        let pacer = pacer.clone();
        tokio::spawn(async move { pacer.acquire(ticket(&SLOW, "g", "a")).await })
    };
    tokio::task::yield_now().await;

    let asked = Instant::now();
    let deadline = asked + Duration::from_millis(900);
    let refused = pacer.acquire(Ticket { deadline, ..ticket(&SLOW, "g", "a") }).await.unwrap_err();
    assert_eq!(asked.elapsed(), Duration::ZERO, "it was not made to wait");
    assert_eq!(refused.limit, Limit::Command);
    assert!(refused.retry_after >= Duration::from_millis(900), "{refused:?}");
    queued.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_leaves_the_queue() {
    let pacer = pacer();
    pacer.acquire(ticket(&SLOW, "g", "a")).await.unwrap();
    let impatient: Vec<_> = (0..50)
        .map(|_| {
            let pacer = pacer.clone();
            tokio::spawn(async move { pacer.acquire(ticket(&SLOW, "g", "a")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for task in &impatient {
        task.abort();
    }
    join_all(impatient).await;
    let asked = Instant::now();
    pacer.acquire(ticket(&SLOW, "g", "a")).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_rate_slows_down_for_a_while() {
    let pacer = pacer();
    let pass = async |calls: usize| {
        let started = Instant::now();
        times(&pacer, (0..calls).map(|_| ticket(&READ, "g", "a"))).await;
        started.elapsed()
    };
    let usual = pass(200).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // More than a second's worth of calls: the most that is cut at once.
    for _ in 0..50 {
        pacer.throttled(&READ, Some("g"), 60007);
    }
    let slowed = pass(200).await;
    assert!(slowed > usual.mul_f64(1.25), "{usual:?} {slowed:?}");
    assert!(slowed < usual.mul_f64(1.6), "{usual:?} {slowed:?}");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(pass(200).await <= usual + Duration::from_millis(20));
}

/// Calls a second of callers who never rest, in the second half of two minutes, when Tencent answers each as `accepted` says.
async fn rate_under_refusals(accepted: impl Fn(usize, usize) -> bool) -> usize {
    const CALLERS: usize = 64;
    let (pacer, start) = (pacer(), Instant::now());
    let (passed, seconds) = (AtomicUsize::new(0), Mutex::new(vec![0_usize; 121]));
    join_all((0..CALLERS).map(|_| async {
        while start.elapsed() < Duration::from_secs(120) {
            pacer.acquire(ticket(&READ, "g", "a")).await.unwrap();
            let number = passed.fetch_add(1, Ordering::Relaxed);
            let second = usize::try_from(start.elapsed().as_secs()).unwrap();
            let in_this_second = {
                let mut seconds = seconds.lock().unwrap();
                seconds[second] += 1;
                seconds[second]
            };
            if !accepted(number, in_this_second) {
                pacer.throttled(&READ, Some("g"), 60007);
            }
        }
    }))
    .await;
    seconds.into_inner().unwrap()[60..120].iter().sum::<usize>() / 60
}

#[tokio::test(start_paused = true)]
async fn the_rate_comes_down_to_what_is_accepted_and_no_further() {
    // One of fifty is refused, whatever the rate.
    let rate = rate_under_refusals(|number, _| number % 50 != 0).await;
    assert!(rate >= 180, "{rate}");
    // Half of what is documented is accepted.
    let rate = rate_under_refusals(|_, in_this_second| in_this_second <= 100).await;
    assert!((90..=115).contains(&rate), "{rate}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_group_slows_down_that_group_alone() {
    let pacer = pacer();
    for _ in 0..5 {
        pacer.throttled(&SEND, Some("hot"), 10023);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let started = Instant::now();
    times(&pacer, (0..40).map(|_| ticket(&SEND, "cold", "a"))).await;
    assert!(started.elapsed() < Duration::from_millis(1200), "{:?}", started.elapsed());
    let started = Instant::now();
    times(&pacer, (0..40).map(|_| ticket(&SEND, "hot", "a"))).await;
    assert!(started.elapsed() > Duration::from_millis(1500), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_left_counts_the_last_second_and_the_slowdown() {
    let pacer = pacer();
    let left = || pacer.quota_left().get(READ.label).copied();
    assert_eq!(left(), None);
    times(&pacer, (0..50).map(|_| ticket(&READ, "g", "a"))).await;
    assert_eq!(left(), Some(150.0));
    times(&pacer, (0..1000).map(|_| ticket(&READ, "g", "a"))).await;
    // The second before the last counts as if it had been even.
    assert!(left().unwrap() < 12.0, "{left:?}", left = left());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(left(), Some(200.0));
    pacer.throttled(&READ, Some("g"), 60007);
    assert!((139.9..141.0).contains(&left().unwrap()), "{left:?}", left = left());
}

#[tokio::test(start_paused = true)]
async fn replicas_divide_the_rate() {
    let pacer = LanePacer::new(&settings([]), Arc::new(LocalQuota), 0.25);
    let times = times(&pacer, (0..200).map(|_| ticket(&READ, "g", "a"))).await;
    assert!(busiest_second(&times) <= 50, "{}", busiest_second(&times));
}

#[tokio::test(start_paused = true)]
async fn idle_groups_are_forgotten() {
    let pacer = pacer();
    for n in 0..20_000 {
        pacer.acquire(ticket(&SEND, &format!("g{n}"), "a")).await.unwrap();
    }
    // No more than were busy within the last second or so.
    assert!(pacer.group_lanes() < 500, "{}", pacer.group_lanes());
}
