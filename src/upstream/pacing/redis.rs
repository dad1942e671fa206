//! One quota for all replicas, kept in Redis.
//!
//! Each token costs one round trip to one script, which runs by Redis' own clock: the clocks of the replicas do not
//! matter. While Redis is away, too slow or refuses (a wrong password, a replica that cannot be written, no memory), each
//! replica keeps to its share of the rate.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout};

use super::gcra::LocalBucket;
use super::{Bucket, Pace, Quota, Take};
use crate::upstream::observer::Observer;

/// A quota that all replicas with the same Redis and application share.
#[derive(Debug)]
pub struct RedisQuota {
    shared: Arc<Shared>,
    /// Among how many replicas the rate is divided while Redis is away.
    replicas: u32,
}

/// The URL is not one of Redis. It may hold a password and is therefore not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the URL of the shared quota is not a redis:// URL")]
pub struct RedisUrlError;

struct Shared {
    client: Client,
    /// Made at the first use, because it needs the runtime; `None` if it cannot be made.
    connection: OnceLock<Option<ConnectionManager>>,
    script: Script,
    prefix: String,
    health: Mutex<Health>,
    observer: Arc<dyn Observer>,
}

/// Whether Redis answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Up,
    /// One call tries it again at this time.
    Down {
        again: Instant,
    },
}

/// A bucket in Redis, and the one of this process that stands in for it.
#[derive(Debug)]
struct RedisBucket {
    shared: Arc<Shared>,
    key: String,
    pace: Pace,
    local: LocalBucket,
}

/// The generic cell rate algorithm in microseconds. Replies how long to wait, 0 when a token was taken. The key holds the
/// time at which the bucket is full again, and goes away at that time. `%.0f`, for Lua prints large numbers with an exponent.
/// What cannot be such a time (another type, no number) counts as a full bucket and is written over; one further away than an
/// empty bucket needs, after Redis' clock went back, as an empty bucket.
const TAKE: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local stored = redis.pcall('GET', KEYS[1])
local full_at = type(stored) == 'string' and tonumber(stored) or now
if not (full_at > now) then full_at = now end
full_at = math.min(full_at, now + interval * burst)
local wait = full_at - now - interval * (burst - 1)
if wait > 0 then return math.ceil(wait) end
full_at = full_at + interval
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000) + 1)
return 0
";

/// A Redis that takes longer is as good as away: calls wait for it.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often a Redis that is away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl RedisQuota {
    /// The quota of an application. Connects when it is first used, and again whenever the connection broke.
    ///
    /// # Errors
    /// When the URL is not one of Redis.
    pub fn new(
        url: &SecretString,
        sdk_app_id: u64,
        replicas: u32,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, RedisUrlError> {
        let client = Client::open(url.expose_secret()).map_err(|_| RedisUrlError)?;
        let shared = Shared {
            client,
            connection: OnceLock::new(),
            script: Script::new(TAKE),
            prefix: format!("tencent-im-grpc:{sdk_app_id}:"),
            health: Mutex::new(Health::Up),
            observer,
        };
        Ok(Self { shared: Arc::new(shared), replicas: replicas.max(1) })
    }
}

impl Quota for RedisQuota {
    fn bucket(&self, name: &str, pace: Pace) -> Box<dyn Bucket> {
        let key = format!("{}{name}", self.shared.prefix);
        let local = LocalBucket::new(pace.among(self.replicas));
        Box::new(RedisBucket { shared: self.shared.clone(), key, pace, local })
    }
}

impl Bucket for RedisBucket {
    fn take(&self, slowdown: f64) -> BoxFuture<'_, Take> {
        async move {
            if !self.shared.worth_asking() {
                return self.local.take_now(slowdown);
            }
            match self.shared.take(&self.key, self.pace, slowdown).await {
                Ok(take) => take,
                Err(Away) => self.local.take_now(slowdown),
            }
        }
        .boxed()
    }

    fn full(&self) -> bool {
        self.local.full()
    }
}

/// Redis did not answer.
#[derive(Debug)]
struct Away;

impl Shared {
    async fn take(&self, key: &str, pace: Pace, slowdown: f64) -> Result<Take, Away> {
        let interval = pace.interval.mul_f64(slowdown.max(1.0)).as_micros();
        let mut script = self.script.prepare_invoke();
        script.key(key).arg(u64::try_from(interval).unwrap_or(u64::MAX)).arg(pace.burst);
        let Some(mut connection) = self.connection() else {
            return Err(self.went_away("no connection"));
        };
        match timeout(PATIENCE, script.invoke_async::<u64>(&mut connection)).await {
            Ok(Ok(wait)) => {
                self.came_back();
                Ok(if wait == 0 { Take::Granted } else { Take::Wait(Duration::from_micros(wait)) })
            }
            Ok(Err(error)) => Err(self.went_away(error.category())),
            Err(_) => Err(self.went_away("no answer in time")),
        }
    }

    fn connection(&self) -> Option<ConnectionManager> {
        let connect = || {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_number_of_retries(1);
            ConnectionManager::new_lazy_with_config(self.client.clone(), config).ok()
        };
        self.connection.get_or_init(connect).clone()
    }

    /// Whether to ask Redis: always while it answers, once in a while when it does not.
    fn worth_asking(&self) -> bool {
        let mut health = self.health();
        match *health {
            Health::Up => true,
            Health::Down { again } if again <= Instant::now() => {
                *health = Health::Down { again: Instant::now() + AGAIN };
                true
            }
            Health::Down { .. } => false,
        }
    }

    fn went_away(&self, why: &str) -> Away {
        let before = std::mem::replace(&mut *self.health(), Health::Down { again: Instant::now() + AGAIN });
        if before == Health::Up {
            tracing::warn!(reason = why, "the shared quota is away; keeping to this replica's share");
            self.observer.quota_degraded(true);
        }
        Away
    }

    fn came_back(&self) {
        if std::mem::replace(&mut *self.health(), Health::Up) != Health::Up {
            tracing::info!("the shared quota is back");
            self.observer.quota_degraded(false);
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the client: its URL may hold a password.
        f.debug_struct("Shared").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
