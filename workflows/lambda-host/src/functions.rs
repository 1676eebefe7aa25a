//! The functions of a host: those it is configured with, and those that are created, updated and deleted while it runs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::closing::Closing;
use crate::config::{Config, Function, Limits};
use crate::logs::lock;
use crate::name::{self, Name, Unknown};
use crate::package::Defect;
use crate::pool::Pool;
use crate::process::{Created, Launch};
use crate::refusal::Refusal;
use crate::runtimes::Runtimes;
use crate::settings::{Package, Settings, State};
use crate::store::{Code, Store};
use crate::task_root::TaskRoot;
use crate::{Error, clock, config, identity};

/// Every function.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) region: String,
    pub(crate) account: String,
    /// Base URL of this host.
    pub(crate) url: String,
    store: Arc<Store>,
    workshop: Workshop,
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Held while a function changes: changes come one after the other, on the disk as in memory.
    changes: tokio::sync::Mutex<()>,
}

/// What pools of created functions are made with.
#[derive(Debug)]
struct Workshop {
    region: String,
    created: config::Created,
    runtimes: Arc<Runtimes>,
    task_root: Arc<TaskRoot>,
    limits: Limits,
    closing: Closing,
}

/// One function.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) pool: Arc<Pool>,
    pub(crate) settings: Arc<Settings>,
    /// The code of a created function.
    pub(crate) code: Option<Arc<Code>>,
}

impl Functions {
    /// Opens the store and takes up what is in it.
    pub(crate) fn open(config: Config, addr: SocketAddr, closing: &Closing) -> Result<Self, Error> {
        let Config { region, account, functions, common_environment, mut created, limits, .. } = config;
        let url = format!("http://{}", reachable(addr));
        // Where AWS is somewhere else, its Lambda is here.
        if created.environment.contains_key("AWS_ENDPOINT_URL") {
            created.environment.entry("AWS_ENDPOINT_URL_LAMBDA".to_owned()).or_insert_with(|| url.clone());
        }
        let folder = created.folder.clone();
        let unusable = |source| Error::Functions { folder: folder.clone().unwrap_or_else(std::env::temp_dir), source };
        let store = Store::open(folder.as_deref()).map_err(unusable)?;
        let workshop = Workshop {
            region: region.clone(),
            runtimes: Arc::new(Runtimes::new(&created.runtimes, created.install)),
            task_root: Arc::new(TaskRoot::new(store.stage())),
            created,
            limits: limits.clone(),
            closing: closing.clone(),
        };
        let mut entries = BTreeMap::new();
        for (settings, code) in store.load().map_err(unusable)? {
            let arn = name::arn(&region, &account, &settings.name);
            entries.insert(settings.name.clone(), workshop.entry(settings, code, arn));
        }
        // The configuration's own win: the binaries are what is meant by their names.
        for function in functions {
            let arn = name::arn(&region, &account, &function.name);
            let settings = Arc::new(described(&function));
            let launch = Launch::new(function, &region, &common_environment);
            let pool = Arc::new(Pool::new(launch, arn, limits.clone(), closing.clone()));
            entries.insert(settings.name.clone(), Entry { pool, settings, code: None });
        }
        let (entries, changes) = (Mutex::new(entries), tokio::sync::Mutex::default());
        Ok(Self { region, account, url, store: Arc::new(store), workshop, entries, changes })
    }

    /// The function that a path and a query name.
    pub(crate) fn find(&self, path: &str, query: &str) -> Result<Entry, Refusal> {
        self.named(&name::resolve(path, query, &self.region, &self.account)?)
    }

    /// The function to invoke. One that is not there is named with the version it would have had, as on AWS.
    pub(crate) fn invoked(&self, path: &str, query: &str) -> Result<Entry, Refusal> {
        let mut name = name::resolve(path, query, &self.region, &self.account)?;
        name.qualifier.get_or_insert_with(|| "$LATEST".to_owned());
        self.named(&name)
    }

    fn named(&self, name: &Name) -> Result<Entry, Refusal> {
        let entry = lock(&self.entries).get(&name.function).filter(|_| name.is_latest()).cloned();
        entry.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &Name) -> Refusal {
        Unknown(format!("Function not found: {}", name.arn(&self.region, &self.account))).into()
    }

    /// All functions, by name.
    pub(crate) fn all(&self) -> Vec<Entry> {
        lock(&self.entries).values().cloned().collect()
    }

    /// All pools, by the names of their functions.
    pub(crate) fn pools(&self) -> Vec<Arc<Pool>> {
        lock(&self.entries).values().map(|entry| Arc::clone(&entry.pool)).collect()
    }

    /// Whether the function can be invoked.
    pub(crate) fn state(&self, entry: &Entry) -> State {
        match entry.code {
            Some(_) => self.workshop.runtimes.state(entry.settings.runtime),
            None => State::Active,
        }
    }

    /// Creates a function.
    pub(crate) async fn create(&self, mut settings: Settings, package: Vec<u8>) -> Result<Entry, Refusal> {
        let _change = self.changes.lock().await;
        if lock(&self.entries).contains_key(&settings.name) {
            return Err(Refusal::conflict(format!("Function already exist: {}", settings.name)));
        }
        let (package, code) = self.unpack(&settings.name, package).await?;
        settings.code = package;
        self.put(settings, code)
    }

    /// Changes the settings of a function.
    pub(crate) async fn reconfigure(
        &self,
        name: &str,
        change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
    ) -> Result<Entry, Refusal> {
        let _change = self.changes.lock().await;
        let (_, mut settings, code) = self.created(name)?;
        change(&mut settings)?;
        self.put(settings, code)
    }

    /// Gives a function other code, unless it is only to be checked.
    pub(crate) async fn recode(
        &self,
        name: &str,
        package: Vec<u8>,
        dry: bool,
        check: impl FnOnce(&Settings) -> Result<(), Refusal>,
    ) -> Result<Entry, Refusal> {
        let _change = self.changes.lock().await;
        let (entry, mut settings, _) = self.created(name)?;
        check(&settings)?;
        let (package, code) = self.unpack(name, package).await?;
        settings.code = package;
        if dry {
            return Ok(Entry { settings: Arc::new(settings), ..entry });
        }
        self.put(settings, code)
    }

    /// Deletes a function. Invocations in progress end by themselves.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let _change = self.changes.lock().await;
        let (entry, _, code) = self.created(name)?;
        self.store.remove(name, &code).map_err(|error| Refusal::service(&format!("{name} is not deleted: {error}")))?;
        lock(&self.entries).remove(name);
        entry.pool.clear().await;
        Ok(())
    }

    fn created(&self, name: &str) -> Result<(Entry, Settings, Arc<Code>), Refusal> {
        let entry = lock(&self.entries).get(name).cloned();
        let entry = entry.ok_or_else(|| self.unknown(&Name { function: name.to_owned(), qualifier: None }))?;
        match entry.code.clone() {
            Some(code) => Ok((entry.clone(), (*entry.settings).clone(), code)),
            None => Err(Refusal::conflict(format!(
                "The function {name} belongs to the configuration of this host: change it there"
            ))),
        }
    }

    /// Unpacks a package, which takes the disk and a processor for a while.
    async fn unpack(&self, name: &str, package: Vec<u8>) -> Result<(Package, Arc<Code>), Refusal> {
        let (store, name) = (Arc::clone(&self.store), name.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || store.unpack(&name, &package)).await;
        let unpacked = unpacked.map_err(|error| Refusal::service(&format!("the package is not unpacked: {error}")))?;
        unpacked.map_err(|defect: Defect| Refusal::value(defect.to_string()))
    }

    /// Keeps a function as it is from now on. What runs goes on with what it was.
    fn put(&self, mut settings: Settings, code: Arc<Code>) -> Result<Entry, Refusal> {
        settings.revision = identity::request_id();
        settings.last_modified = clock::timestamp();
        self.store
            .save(&settings, &code)
            .map_err(|error| Refusal::service(&format!("the function is not kept: {error}")))?;
        let arn = name::arn(&self.region, &self.account, &settings.name);
        let entry = self.workshop.entry(settings, Arc::clone(&code), arn);
        let former = lock(&self.entries).insert(entry.settings.name.clone(), entry.clone());
        if let Some(former) = former {
            if let Some(old) = former.code.filter(|old| !Arc::ptr_eq(old, &code)) {
                old.discard();
            }
            tokio::spawn(async move { former.pool.clear().await });
        }
        // Whoever waits for the function to be active need not invoke it.
        let (runtimes, runtime) = (Arc::clone(&self.workshop.runtimes), entry.settings.runtime);
        tokio::spawn(async move { runtimes.client(runtime).await });
        Ok(entry)
    }
}

impl Workshop {
    fn entry(&self, settings: Settings, code: Arc<Code>, arn: String) -> Entry {
        let created = Created {
            code: Arc::clone(&code),
            handler: settings.handler.clone(),
            runtime: settings.runtime,
            runtimes: Arc::clone(&self.runtimes),
            task_root: Arc::clone(&self.task_root),
        };
        let config::Created { environment, max_concurrency, .. } = &self.created;
        let launch = Launch::created(&settings, created, *max_concurrency, &self.region, environment);
        let pool = Arc::new(Pool::new(launch, arn, self.limits.clone(), self.closing.clone()));
        Entry { pool, settings: Arc::new(settings), code: Some(code) }
    }
}

/// An address that this machine can call: one that listens everywhere is called on loopback.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// A function of the configuration, as Lambda's API describes one.
fn described(function: &Function) -> Settings {
    let mut settings = Settings::new(&function.name, crate::runtime::Runtime::Provided("provided.al2023"));
    settings.handler.clone_from(&function.name);
    settings.timeout_seconds = u32::try_from(function.timeout.as_secs().max(1)).unwrap_or(u32::MAX);
    settings.memory_mb = function.memory_mb;
    settings.environment.clone_from(&function.environment);
    settings.last_modified = clock::timestamp();
    settings.revision = identity::request_id();
    settings.code.size =
        std::fs::metadata(&function.binary).ok().and_then(|file| usize::try_from(file.len()).ok()).unwrap_or(0);
    settings
}
