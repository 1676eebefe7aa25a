//! The environments of one function: how many, which are idle, who waits for one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::closing::Closing;
use crate::config::Limits;
use crate::environment::Environment;
use crate::fault::Fault;
use crate::logs::{InvocationLog, lock};
use crate::process::{Bounds, Launch, Prepared};
use crate::runtime_api::Invocation;

/// The environments of one function.
#[derive(Debug)]
pub(crate) struct Pool {
    launch: Launch,
    arn: String,
    limits: Limits,
    closing: Closing,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    started: AtomicU64,
    /// `None` when the function is not what it was: its environments are then not kept.
    idle: Mutex<Option<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    environment: Environment,
    since: Instant,
}

/// The function has no environment free and no place in its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttled;

/// The right to run one invocation now.
pub(crate) type Place = OwnedSemaphorePermit;

/// Figures of a pool.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) busy: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
    /// Processes started since the host started.
    pub(crate) started: u64,
}

/// What an invocation came to, with what its REPORT line needs.
struct Run {
    result: Result<Bytes, Fault>,
    init: Option<Duration>,
    duration: Duration,
    peak_memory_mb: Option<u64>,
}

impl Pool {
    pub(crate) fn new(launch: Launch, arn: String, limits: Limits, closing: Closing) -> Self {
        Self {
            places: Arc::new(Semaphore::new(launch.bounds().max_concurrency)),
            launch,
            arn,
            limits,
            closing,
            waiting: AtomicUsize::new(0),
            started: AtomicU64::new(0),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// The function's ARN.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The function's bounds.
    pub(crate) fn function(&self) -> &Bounds {
        self.launch.bounds()
    }

    /// Waits for a place, unless too many wait already.
    pub(crate) async fn place(&self) -> Result<Place, Throttled> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let in_queue = Waiting::new(&self.waiting);
        if in_queue.before >= self.function().queue.unwrap_or(self.limits.queue) {
            return Err(Throttled);
        }
        self.patiently().await
    }

    /// Waits for a place however many wait.
    pub(crate) async fn patiently(&self) -> Result<Place, Throttled> {
        Arc::clone(&self.places).acquire_owned().await.map_err(|_closed| Throttled)
    }

    /// Runs one invocation in a warm environment or a new one, and writes its log.
    pub(crate) async fn invoke(
        &self,
        place: Place,
        invocation: Invocation,
        log: &Arc<InvocationLog>,
    ) -> Result<Bytes, Fault> {
        let request_id = invocation.request_id.clone();
        let run = match self.take_idle() {
            Some(environment) => {
                let deadline = Instant::now() + self.function().timeout;
                self.run(environment, None, deadline, invocation, log).await
            }
            None => self.run_cold(invocation, log).await,
        };
        self.report(&request_id, &run, log);
        drop(place);
        run.result
    }

    async fn run_cold(&self, invocation: Invocation, log: &Arc<InvocationLog>) -> Run {
        // Installing a runtime takes its time, which is not the function's.
        let prepared = self.launch.prepare().await;
        let begin = Instant::now();
        let initialised = match &prepared {
            Ok(prepared) => {
                log.platform(format!("INIT_START Runtime Version: {}", prepared.version));
                self.initialise(prepared, log).await
            }
            Err(fault) => Err(fault.clone()),
        };
        match initialised {
            Ok((environment, deadline)) => {
                self.run(environment, Some(begin.elapsed()), deadline, invocation, log).await
            }
            Err(fault) => {
                log.platform(format!("START RequestId: {} Version: $LATEST", invocation.request_id));
                Run { result: Err(fault), init: None, duration: begin.elapsed(), peak_memory_mb: None }
            }
        }
    }

    /// Starts an environment. As on AWS an initialisation that fails is tried once more, then within the invocation's
    /// own time-out, and only that second failure counts.
    async fn initialise(&self, prepared: &Prepared, log: &Arc<InvocationLog>) -> Result<(Environment, Instant), Fault> {
        let begin = Instant::now();
        match self.start(prepared, log, begin + self.limits.init).await {
            Ok(environment) => Ok((environment, Instant::now() + self.function().timeout)),
            Err(fault) => {
                let took = milliseconds(begin.elapsed());
                log.platform(format!("INIT_REPORT Init Duration: {took} ms\tPhase: init{}", fault.status()));
                let deadline = Instant::now() + self.function().timeout;
                self.start(prepared, log, deadline).await.map(|environment| (environment, deadline))
            }
        }
    }

    async fn start(
        &self,
        prepared: &Prepared,
        log: &Arc<InvocationLog>,
        deadline: Instant,
    ) -> Result<Environment, Fault> {
        self.started.fetch_add(1, Ordering::Relaxed);
        Environment::start(&self.launch, prepared, log, deadline, self.closing.clone()).await
    }

    async fn run(
        &self,
        mut environment: Environment,
        init: Option<Duration>,
        deadline: Instant,
        invocation: Invocation,
        log: &Arc<InvocationLog>,
    ) -> Run {
        log.platform(format!("START RequestId: {} Version: $LATEST", invocation.request_id));
        let begin = Instant::now();
        let result = environment.invoke(invocation, log, deadline, self.function().timeout).await;
        let run = Run { result, init, duration: begin.elapsed(), peak_memory_mb: environment.peak_memory_mb() };
        if environment.reusable()
            && let Some(mut superseded) = self.keep(environment)
        {
            superseded.stop().await;
        }
        run
    }

    /// Keeps an environment for the next invocation; gives it back when there will be none.
    fn keep(&self, environment: Environment) -> Option<Environment> {
        match &mut *lock(&self.idle) {
            Some(idle) => {
                idle.push(Idle { environment, since: Instant::now() });
                None
            }
            None => Some(environment),
        }
    }

    /// The environment used last: the others can then grow old and be stopped.
    fn take_idle(&self) -> Option<Environment> {
        let mut idle = lock(&self.idle);
        let idle = idle.as_mut()?;
        while let Some(mut last) = idle.pop() {
            if last.environment.reusable() {
                return Some(last.environment);
            }
        }
        None
    }

    fn report(&self, request_id: &str, run: &Run, log: &InvocationLog) {
        let memory = self.function().memory_mb;
        let (status, lines) = match &run.result {
            Ok(_) => (String::new(), Vec::new()),
            Err(fault) => (fault.status(), fault.lines(request_id)),
        };
        lines.into_iter().for_each(|line| log.platform(line));
        log.platform(format!("END RequestId: {request_id}"));
        let out_of_memory = matches!(run.result, Err(Fault::OutOfMemory));
        let used = if out_of_memory { Some(u64::from(memory)) } else { run.peak_memory_mb };
        let used = used.map(|used| format!("\tMax Memory Used: {used} MB")).unwrap_or_default();
        let init = run.init.map(|init| format!("\tInit Duration: {} ms", milliseconds(init))).unwrap_or_default();
        let billed = (run.duration + run.init.unwrap_or_default()).as_micros().div_ceil(1000);
        log.platform(format!(
            "REPORT RequestId: {request_id}\tDuration: {} ms\tBilled Duration: {billed} ms\tMemory Size: {memory} MB\
             {used}{init}{status}",
            milliseconds(run.duration)
        ));
    }

    /// Stops environments that ended by themselves or have been idle for long.
    pub(crate) async fn reap(&self) {
        let old: Vec<Idle> = {
            let mut idle = lock(&self.idle);
            let is_old = |idle: &mut Idle| idle.since.elapsed() >= self.limits.idle || !idle.environment.reusable();
            idle.iter_mut().flat_map(|idle| idle.extract_if(.., is_old)).collect()
        };
        for mut idle in old {
            idle.environment.stop().await;
        }
    }

    /// Lets nobody in any more; those who wait are turned away.
    pub(crate) fn close(&self) {
        self.places.close();
    }

    /// Stops every idle environment, and the others when their invocations end.
    pub(crate) async fn clear(&self) {
        let all = lock(&self.idle).take();
        for mut idle in all.into_iter().flatten() {
            idle.environment.stop().await;
        }
    }

    /// How it stands.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            name: self.function().name.clone(),
            arn: self.arn.clone(),
            busy: self.function().max_concurrency - self.places.available_permits(),
            idle: lock(&self.idle).as_ref().map_or(0, Vec::len),
            waiting: self.waiting.load(Ordering::Relaxed),
            started: self.started.load(Ordering::Relaxed),
        }
    }
}

/// Counts one in a queue for as long as it lives.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1000.0)
}
