//! The start and the end of a sandbox.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::control::Protection;
use crate::engine::Engine;
use crate::listener::Listener;
use crate::settings::{DEFAULT_APP, Settings};
use crate::store::{PreviousRun, Store};
use crate::webhook::Webhooks;
use crate::{control, http, seed, snapshot, tls};

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate or its key is unusable.
    #[error("cannot serve HTTPS: {0}")]
    Tls(String),
    /// The seed file is unusable.
    #[error("cannot use the seed file {path}: {reason}")]
    Seed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data directory is unusable.
    #[error("cannot use the data directory {path}: {reason}")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A sandbox that serves.
pub struct Running {
    api: SocketAddr,
    control: SocketAddr,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    engine: Arc<Engine>,
    export: Option<PathBuf>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("api", &self.api).field("control", &self.control).finish_non_exhaustive()
    }
}

impl Running {
    /// Where the emulated API listens.
    pub fn api_addr(&self) -> SocketAddr {
        self.api
    }

    /// Where the control API listens.
    pub fn control_addr(&self) -> SocketAddr {
        self.control
    }

    /// Stops both servers, waits for running requests, writes the export if one was asked for, and closes the data directory.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.ok();
        }
        let export_to = self.export.filter(|_| self.engine.broken().is_none());
        if let Some(path) = export_to {
            let (engine, to) = (Arc::clone(&self.engine), path.clone());
            let exported = tokio::task::spawn_blocking(move || export(&engine, &to)).await;
            if let Err(error) = exported.map_err(io::Error::from).flatten() {
                tracing::error!(%error, path = %path.display(), "the export could not be written");
            }
        }
        if let Some(store) = self.engine.store.get() {
            store.close().written().await;
        }
    }
}

fn export(engine: &Engine, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    snapshot::write(engine, &mut file)?;
    file.flush()
}

/// Starts a sandbox.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let webhooks = Webhooks::new();
    let engine = Engine::new(&settings, webhooks);
    let (mut store, mut is_fresh) = (None, true);
    if let Some(path) = &settings.data_dir {
        let opened = open_store(&engine, path).map_err(|reason| StartError::DataDir { path: path.clone(), reason })?;
        (store, is_fresh) = (Some(opened.0), opened.1);
    }
    engine.add_app(DEFAULT_APP.sdkappid, SecretString::from(DEFAULT_APP.key), DEFAULT_APP.admin);
    for app in settings.apps {
        engine.add_app(app.sdkappid, app.key, &app.admin);
    }
    // A data directory was seeded when it was new.
    if let Some(path) = settings.seed_file.filter(|_| is_fresh) {
        let seeded = match tokio::fs::read(&path).await {
            Ok(bytes) => seed::apply(&engine, &bytes),
            Err(error) => Err(error.to_string()),
        };
        seeded.map_err(|reason| StartError::Seed { path, reason })?;
    }
    // The first base holds what was seeded, so that the log need not.
    if let Some((path, store)) = settings.data_dir.zip(store) {
        engine.store.set(store).ok();
        snapshot::rebase(&engine).await.map_err(|reason| StartError::DataDir { path, reason })?;
    }
    let tls = match settings.tls {
        Some((certificate, key)) => Some(tls::acceptor(&certificate, &key).await.map_err(StartError::Tls)?),
        None => None,
    };
    let stop = CancellationToken::new();
    let listen = async |address, tls| {
        let bound = Listener::bind(address, tls, settings.connections, stop.clone()).await;
        bound.map_err(|source| StartError::Listen { address, source })
    };
    let api_listener = listen(settings.listen, tls).await?;
    let control_listener = listen(settings.control_listen, None).await?;
    let (api, control) = (api_listener.address(), control_listener.address());
    let protection = Protection { restore_bytes: settings.restore_bytes, allowed_hosts: settings.allowed_hosts };

    let engine = Arc::new(engine);
    let mut tasks = vec![
        tokio::spawn(http::serve(Arc::clone(&engine), api_listener, stop.clone())),
        tokio::spawn(control::serve(Arc::clone(&engine), control_listener, protection)),
    ];
    let webhooks = Arc::clone(&engine);
    let stopped = stop.clone().cancelled_owned();
    tasks.push(tokio::spawn(async move {
        tokio::select! {
            () = stopped => {}
            () = webhooks.webhooks.work() => {}
        }
    }));
    if engine.store.get().is_some() {
        tasks.push(tokio::spawn(shorten_log(Arc::clone(&engine), stop.clone())));
    }
    tracing::warn!(%api, %control, "SANDBOX: emulated Tencent IM, for tests only; nothing reaches a real service");
    Ok(Running { api, control, stop, tasks, engine, export: settings.export_on_exit })
}

/// Takes over what the directory holds, and says whether it was empty.
fn open_store(engine: &Engine, directory: &Path) -> Result<(Store, bool), String> {
    let earlier = PreviousRun::open(directory)?;
    let is_fresh = !snapshot::recover(engine, &earlier)?;
    Ok((earlier.into_store()?, is_fresh))
}

/// Writes a new base whenever the log has grown long.
async fn shorten_log(engine: Arc<Engine>, stop: CancellationToken) {
    while let Some(due) = engine.store.get().map(Store::due) {
        tokio::select! {
            () = stop.cancelled() => break,
            () = due => {}
        }
        if let Err(reason) = snapshot::rebase(&engine).await {
            tracing::error!(reason, "the log of the data directory could not be shortened");
        }
    }
}
