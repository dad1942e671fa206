//! Durable state: a base snapshot and a log of the commands since, in an embedded store.
//!
//! Handlers are deterministic, so a command, its caller and its time are enough to repeat it. Every record is on disk before
//! its command is answered; commands that arrive together share one commit.

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use super::registry::Body;

const BASE: TableDefinition<'_, (), &[u8]> = TableDefinition::new("base");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// Records that one commit takes at most.
const BATCH: usize = 1_024;

/// Bytes of the log below which nobody minds its length.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// A command that left something behind, as it is repeated after a restart.
#[derive(Debug, Serialize, Deserialize)]
pub struct Call {
    pub sdkappid: u64,
    pub time: i64,
    pub service: String,
    pub command: String,
    pub caller: String,
    pub body: Body,
    /// Its `ErrorCode`; a repetition must end alike.
    #[serde(default)]
    pub code: i64,
}

enum Change {
    Append(Vec<u8>),
    /// A new base; it holds everything that the log held.
    Rebase(Vec<u8>),
}

/// Tells when a change is on disk.
pub struct Ticket(oneshot::Receiver<()>);

impl Ticket {
    /// Whether the change was written.
    pub async fn written(self) -> bool {
        self.0.await.is_ok()
    }
}

/// The open store; its writer ends with it.
pub struct Store {
    changes: mpsc::Sender<(Change, oneshot::Sender<()>)>,
    base_bytes: AtomicU64,
    log_bytes: AtomicU64,
    is_due: Arc<Notify>,
}

/// What an earlier run left.
pub struct Recovered {
    pub base: Option<Vec<u8>>,
    pub calls: Vec<Call>,
}

impl Store {
    /// Opens or creates the store of a directory.
    pub fn open(directory: &Path) -> Result<(Self, Recovered), String> {
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let database = Database::create(directory.join("sandbox.redb")).map_err(|error| error.to_string())?;
        let recovered = recover(&database).map_err(|error| error.to_string())?;
        let mut next = recovered.calls.len() as u64;
        let (changes, queue) = mpsc::channel::<(Change, oneshot::Sender<()>)>();
        let writer = move || {
            while let Ok(first) = queue.recv() {
                let batch: Vec<_> = std::iter::once(first).chain(queue.try_iter().take(BATCH - 1)).collect();
                match write(&database, &batch, &mut next) {
                    // A dropped acknowledgement tells its waiter that nothing was written.
                    Err(error) => {
                        tracing::error!(%error, "the sandbox cannot write its data directory")
                    }
                    Ok(()) => batch.into_iter().for_each(|(_, done)| {
                        done.send(()).ok();
                    }),
                }
            }
        };
        std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(writer)
            .map_err(|error| error.to_string())?;
        let store =
            Self { changes, base_bytes: AtomicU64::new(0), log_bytes: AtomicU64::new(0), is_due: Arc::default() };
        Ok((store, recovered))
    }

    /// Logs a command. Call it under the lock that ordered the command.
    pub fn append(&self, call: &Call) -> Ticket {
        let record = serde_json::to_vec(call).unwrap_or_default();
        let size = record.len() as u64;
        let log = self.log_bytes.fetch_add(size, Ordering::Relaxed) + size;
        if log > LOG_BYTES.max(self.base_bytes.load(Ordering::Relaxed)) {
            self.is_due.notify_one();
        }
        self.submit(Change::Append(record))
    }

    /// Replaces base and log by a new base.
    pub fn rebase(&self, base: Vec<u8>) -> Ticket {
        self.base_bytes.store(base.len() as u64, Ordering::Relaxed);
        self.log_bytes.store(0, Ordering::Relaxed);
        self.submit(Change::Rebase(base))
    }

    /// Resolves when the log has outgrown the base, so that a new base is worth its writing.
    pub fn due(&self) -> impl Future<Output = ()> + 'static {
        let is_due = Arc::clone(&self.is_due);
        async move { is_due.notified().await }
    }

    fn submit(&self, change: Change) -> Ticket {
        let (done, written) = oneshot::channel();
        self.changes.send((change, done)).ok();
        Ticket(written)
    }
}

fn recover(database: &Database) -> Result<Recovered, Box<dyn Error>> {
    let write = database.begin_write()?;
    write.open_table(BASE)?;
    write.open_table(LOG)?;
    write.commit()?;
    let read = database.begin_read()?;
    let base = read.open_table(BASE)?.get(())?.map(|base| base.value().to_vec());
    let mut calls = Vec::new();
    for record in read.open_table(LOG)?.iter()? {
        let (number, record) = record?;
        let call = serde_json::from_slice(record.value())
            .map_err(|error| format!("record {} is unreadable: {error}", number.value()))?;
        calls.push(call);
    }
    Ok(Recovered { base, calls })
}

fn write(database: &Database, batch: &[(Change, oneshot::Sender<()>)], next: &mut u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    for (change, _) in batch {
        match change {
            Change::Append(record) => {
                transaction.open_table(LOG)?.insert(*next, record.as_slice())?;
                *next += 1;
            }
            Change::Rebase(base) => {
                transaction.open_table(BASE)?.insert((), base.as_slice())?;
                transaction.delete_table(LOG)?;
                transaction.open_table(LOG)?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}
