//! Durable state: a base snapshot and a log of the commands since, in an embedded store.
//!
//! Handlers are deterministic, so a command, its caller and its time are enough to repeat it. Every record is on disk before
//! its command is answered; commands that arrive together share one commit.

use std::error::Error;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use crate::body::Body;

/// The base in pieces: it can be large, and neither its writer nor its reader holds it whole.
const BASE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("base");
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// Records that one commit takes at most.
const BATCH: usize = 1_024;

/// Bytes of one piece of a base, and pieces that may wait to be written.
const PIECE_BYTES: usize = 1024 * 1024;
const PIECES: usize = 4;

/// Bytes of the files that are kept in memory; little is read twice.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of the log below which its length does not matter.
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
    /// A new base, as pieces up to an empty one; it holds everything that the log held.
    Rebase(mpsc::Receiver<Vec<u8>>),
    /// Changes nothing; the changes before it are on disk once it is acknowledged.
    Barrier,
    /// Nothing comes after it.
    End,
}

/// Waits until a change is on disk.
pub struct Ticket(oneshot::Receiver<()>);

impl Ticket {
    /// Whether the change was written.
    pub async fn written(self) -> bool {
        self.0.await.is_ok()
    }
}

/// What a store says that cannot be written.
const UNWRITABLE: &str = "the data directory cannot be written";

/// The open store; its writer ends with it.
pub struct Store {
    changes: mpsc::Sender<(Change, oneshot::Sender<()>)>,
    base_bytes: AtomicU64,
    log_bytes: AtomicU64,
    is_due: Arc<Notify>,
    /// Changes that wait to be written, and why none will be any more.
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    waiting: AtomicU64,
    broken: OnceLock<String>,
}

/// The store of a directory, with what an earlier run left in it.
pub struct PreviousRun(Database);

impl PreviousRun {
    /// Opens or creates it.
    pub fn open(directory: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let open = || -> Result<Database, Box<dyn Error>> {
            let database = Database::builder().set_cache_size(CACHE_BYTES).create(directory.join("sandbox.redb"))?;
            let write = database.begin_write()?;
            write.open_table(BASE)?;
            write.open_table(LOG)?;
            write.commit()?;
            Ok(database)
        };
        open().map(Self).map_err(|error| error.to_string())
    }

    /// The base, if one was ever written.
    pub fn base(&self) -> Result<Option<impl Read>, String> {
        let open = || -> Result<_, redb::Error> { Ok(self.0.begin_read()?.open_table(BASE)?) };
        let table = open().map_err(|error| error.to_string())?;
        let is_there = table.first().map_err(|error| error.to_string())?.is_some();
        let pieces = table.range::<u64>(..).map_err(|error| error.to_string())?;
        Ok(is_there.then(|| BaseReader { pieces, piece: Cursor::default() }))
    }

    /// Hands the commands since the base to `run`, in their order.
    pub fn repeat(&self, mut run: impl FnMut(&Call) -> Result<(), String>) -> Result<(), String> {
        let open = || -> Result<_, redb::Error> { Ok(self.0.begin_read()?.open_table(LOG)?.range::<u64>(..)?) };
        for record in open().map_err(|error| error.to_string())? {
            let (number, record) = record.map_err(|error| error.to_string())?;
            let call = serde_json::from_slice(record.value())
                .map_err(|error| format!("record {} is unreadable: {error}", number.value()))?;
            run(&call)?;
        }
        Ok(())
    }

    /// The store, whose first change must be a new base.
    pub fn into_store(self) -> Result<Store, String> {
        let (changes, queue) = mpsc::channel::<(Change, oneshot::Sender<()>)>();
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let writer = move || {
            let Self(database) = self;
            let mut next = 0;
            while let Ok(first) = queue.recv() {
                let mut batch: Vec<_> = std::iter::once(first).chain(queue.try_iter().take(BATCH - 1)).collect();
                let count = batch.len() as u64;
                let end = batch.pop_if(|(change, _)| matches!(change, Change::End));
                // Nothing may follow a change that was lost: the log would not lead to what was answered.
                let written = match shared.broken.get() {
                    Some(reason) => Err(reason.clone()),
                    None => write(&database, &batch, &mut next).map_err(|error| error.to_string()),
                };
                match written {
                    // A dropped acknowledgement says that nothing was written.
                    Err(error) => {
                        tracing::error!(error, "the sandbox cannot write its data directory");
                        let free = "make room and start the sandbox again";
                        shared.broken.set(format!("{UNWRITABLE} ({error}): {free}")).ok();
                        drop(batch);
                    }
                    Ok(()) => batch.into_iter().for_each(|(_, done)| {
                        done.send(()).ok();
                    }),
                }
                shared.waiting.fetch_sub(count, Ordering::Relaxed);
                if let Some((_, closed)) = end {
                    drop(database);
                    closed.send(()).ok();
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(writer)
            .map_err(|error| error.to_string())?;
        let (base_bytes, log_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Store { changes, base_bytes, log_bytes, is_due: Arc::default(), state })
    }
}

/// A base as one text again.
struct BaseReader {
    pieces: redb::Range<'static, u64, &'static [u8]>,
    piece: Cursor<Vec<u8>>,
}

impl Read for BaseReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(piece) = self.pieces.next() else {
                return Ok(0);
            };
            self.piece = Cursor::new(piece.map_err(io::Error::other)?.1.value().to_vec());
        }
    }
}

/// Cuts a base into pieces for the writer.
struct BaseWriter {
    piece: Vec<u8>,
    bytes: u64,
    pieces: mpsc::SyncSender<Vec<u8>>,
}

impl BaseWriter {
    fn send(&self, piece: Vec<u8>) -> io::Result<()> {
        self.pieces.send(piece).map_err(|_| io::Error::other(UNWRITABLE))
    }
}

impl Write for BaseWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // An empty piece is the end.
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.send(piece)
    }
}

impl Store {
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

    /// Replaces base and log by what `write` writes; keeps both if it fails.
    pub fn rebase(&self, write: impl FnOnce(&mut dyn Write) -> serde_json::Result<()>) -> io::Result<Ticket> {
        let (pieces, waiting) = mpsc::sync_channel(PIECES);
        let ticket = self.submit(Change::Rebase(waiting));
        let mut base = BaseWriter { piece: Vec::new(), bytes: 0, pieces };
        write(&mut base)?;
        base.flush()?;
        base.send(Vec::new())?;
        self.base_bytes.store(base.bytes, Ordering::Relaxed);
        self.log_bytes.store(0, Ordering::Relaxed);
        Ok(ticket)
    }

    /// Closes the files once everything is written, so that another process can open them.
    pub fn close(&self) -> Ticket {
        self.submit(Change::End)
    }

    /// Resolves when the log has outgrown the base, so that a new base is worth its writing.
    pub fn due(&self) -> impl Future<Output = ()> + 'static {
        let is_due = Arc::clone(&self.is_due);
        async move { is_due.notified().await }
    }

    /// Why nothing can be written any more. Memory then holds what the disk does not.
    pub fn broken(&self) -> Option<String> {
        self.state.broken.get().cloned()
    }

    /// Waits for the changes before it, if any wait to be written: an answer must not show what may be lost.
    pub fn barrier(&self) -> Option<Ticket> {
        (self.state.waiting.load(Ordering::Relaxed) > 0).then(|| self.submit(Change::Barrier))
    }

    fn submit(&self, change: Change) -> Ticket {
        let (done, written) = oneshot::channel();
        self.state.waiting.fetch_add(1, Ordering::Relaxed);
        self.changes.send((change, done)).ok();
        Ticket(written)
    }
}

fn write(database: &Database, batch: &[(Change, oneshot::Sender<()>)], next: &mut u64) -> Result<(), Box<dyn Error>> {
    if batch.iter().all(|(change, _)| matches!(change, Change::Barrier)) {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    for (change, _) in batch {
        match change {
            Change::Append(record) => {
                transaction.open_table(LOG)?.insert(*next, record.as_slice())?;
                *next += 1;
            }
            Change::Rebase(pieces) => {
                transaction.delete_table(BASE)?;
                let mut base = transaction.open_table(BASE)?;
                // One that ends without an empty piece was given up, and nothing of it may be kept.
                for number in 0.. {
                    let piece = pieces.recv()?;
                    if piece.is_empty() {
                        break;
                    }
                    base.insert(number, piece.as_slice())?;
                }
                transaction.delete_table(LOG)?;
                transaction.open_table(LOG)?;
            }
            Change::Barrier | Change::End => {}
        }
    }
    transaction.commit()?;
    Ok(())
}
