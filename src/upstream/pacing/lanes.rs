//! All lanes of one application.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::lane::Lane;
use super::queue::Place;
use super::{Limit, Pace, Pacer, Quota, Throttled, Ticket};
use crate::upstream::settings::Settings;
use contract::command::Command;

/// Paces by lanes, with tokens from a quota.
#[derive(Debug)]
pub struct LanePacer {
    quota: Arc<dyn Quota>,
    /// Factor on all documented rates.
    factor: f64,
    /// This process's part of all rates.
    share: f64,
    /// Rates of single commands in place of the documented ones.
    rates: BTreeMap<String, f64>,
    /// By service and command, with the command's label.
    commands: Mutex<Lanes<(String, &'static str)>>,
    /// By documented rate and group: the commands that share a limit are those with the same figure, as for a group's
    /// attributes.
    groups: Mutex<Lanes<(u32, String)>>,
}

/// Lanes by key. Idle ones are forgotten with time, so that groups come and go without growing it.
#[derive(Debug)]
struct Lanes<K> {
    by_key: HashMap<K, Arc<Lane>>,
    swept: Instant,
}

/// How long an idle lane may be kept.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Refusals that concern one group (or one message of it) and not the whole command.
const GROUP_CODES: [i64; 3] = [10023, 10049, 23003];

impl LanePacer {
    /// Paces at the documented rates times the factor of `settings`, with tokens from `quota`. `share` is this
    /// process's part of the rate: 1 when the quota is shared by all replicas.
    #[must_use]
    pub fn new(settings: &Settings, quota: Arc<dyn Quota>, share: f64) -> Self {
        Self {
            quota,
            factor: settings.rate_factor * share,
            share,
            rates: settings.rates.clone(),
            commands: Mutex::new(Lanes::new()),
            groups: Mutex::new(Lanes::new()),
        }
    }

    /// How many groups are kept in mind.
    #[must_use]
    pub fn group_lanes(&self) -> usize {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).by_key.len()
    }

    fn command_lane(&self, command: &Command<'_>) -> Arc<Lane> {
        let mut lanes = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}/{}", command.service, command.name);
        lanes.get((name.clone(), command.label), || self.lane(Limit::Command, &name, self.rate(command)))
    }

    fn group_lane(&self, command: &Command<'_>, group_id: Option<&str>) -> Option<Arc<Lane>> {
        let (rate, group_id) = command.group_rate_per_second.zip(group_id)?;
        let mut lanes = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        Some(lanes.get((rate, group_id.to_owned()), || {
            let name = format!("group/{rate}/{group_id}");
            self.lane(Limit::Group, &name, f64::from(rate) * self.factor)
        }))
    }

    /// This process's calls per second of a command.
    fn rate(&self, command: &Command<'_>) -> f64 {
        let own = self.rates.get(command.name);
        let own = own.or_else(|| self.rates.get(&format!("{}/{}", command.service, command.name)));
        own.map_or(f64::from(command.rate_per_second) * self.factor, |rate| rate * self.share)
    }

    fn lane(&self, limit: Limit, name: &str, rate: f64) -> Arc<Lane> {
        let pace = Pace::within(rate);
        Lane::new(limit, rate, pace, self.quota.bucket(name, pace))
    }
}

impl Pacer for LanePacer {
    fn acquire<'a>(&'a self, ticket: Ticket<'a>) -> BoxFuture<'a, Result<(), Throttled>> {
        let place = Place { caller: ticket.caller, priority: ticket.priority };
        async move {
            let _group_turn = match self.group_lane(ticket.command, ticket.group_id) {
                Some(lane) => Some(lane.acquire(place, ticket.deadline).await?),
                None => None,
            };
            self.command_lane(ticket.command).acquire(place, ticket.deadline).await?;
            Ok(())
        }
        .boxed()
    }

    fn throttled(&self, command: &Command<'_>, group_id: Option<&str>, code: i64) {
        let group = GROUP_CODES.contains(&code).then(|| self.group_lane(command, group_id)).flatten();
        group.unwrap_or_else(|| self.command_lane(command)).slow_down();
    }

    fn quota_left(&self) -> BTreeMap<&'static str, f64> {
        let mut least = BTreeMap::new();
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        for ((_, label), lane) in &commands.by_key {
            // Commands outside the contract share a label, which shows the one with the least left.
            let left = least.entry(*label).or_insert(f64::INFINITY);
            *left = lane.left().min(*left);
        }
        least
    }
}

impl<K: Hash + Eq> Lanes<K> {
    fn new() -> Self {
        Self { by_key: HashMap::new(), swept: Instant::now() }
    }

    fn get(&mut self, key: K, make: impl FnOnce() -> Arc<Lane>) -> Arc<Lane> {
        if self.swept.elapsed() >= SWEEP_EVERY {
            // A lane that is held elsewhere is about to be used.
            self.by_key.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.idle());
            self.by_key.shrink_to(self.by_key.len() * 2);
            self.swept = Instant::now();
        }
        self.by_key.entry(key).or_insert_with(make).clone()
    }
}
