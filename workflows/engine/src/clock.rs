//! Time: the only reader of the system clock.
//!
//! Virtual time runs `scale` times as fast as real time and met it at `origin`:
//! `virtual = origin + (real - origin) * scale + skipped`. Everything the engine writes down is virtual. What is skipped
//! is the time in which nothing could happen, see [`Engine::idle`](crate::Engine::idle); it only grows.
//!
//! The system's clock may be set while it is read. Set forward, virtual time goes with it, and what has become due
//! is: the sleeper looks every few seconds. Set back, virtual time neither goes back nor stands still: it goes on from
//! where it was, ahead of the system's clock by as much as that went back. The same after a restart, from the latest
//! instant that an open execution knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use execution::Millis;
use tokio::sync::watch;

/// The engine's clock. Clones share it.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// The latest instant shown: the clock never goes back, even when the system's does.
    latest: Arc<AtomicI64>,
    /// Virtual milliseconds by which the system's clock has gone back.
    ahead: Arc<AtomicI64>,
    /// Virtual milliseconds that were skipped.
    skipped: watch::Sender<Millis>,
    /// By how much a test has set the system's clock.
    #[cfg(test)]
    set: Arc<AtomicI64>,
}

/// A clock that goes back by less, in real milliseconds, is waited for.
const STEP_BACK: f64 = 1000.0;
/// Longest time until a system clock that was set forward is seen.
const LONGEST_NAP: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
enum Source {
    /// The system's clock, scaled.
    System { origin: Millis, scale: f64 },
    /// A clock that only [`Clock::advance`] moves.
    Manual(watch::Sender<Millis>),
}

impl Clock {
    /// Real time.
    #[must_use]
    pub fn system() -> Self {
        Self::scaled(real_millis(), 1.0)
    }

    /// Virtual time that met real time at `origin` and runs `scale` times as fast; a scale that is not above 0 counts
    /// as 1.
    #[must_use]
    pub fn scaled(origin: Millis, scale: f64) -> Self {
        let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
        Self::of(Source::System { origin, scale }, i64::MIN)
    }

    /// Virtual time that begins now, `scale` times as fast as real time.
    #[must_use]
    pub fn starting_now(scale: f64) -> Self {
        Self::scaled(real_millis(), scale)
    }

    /// A clock for tests: it shows `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn manual(start: Millis) -> Self {
        Self::of(Source::Manual(watch::Sender::new(start)), start)
    }

    fn of(source: Source, latest: Millis) -> Self {
        Self {
            source,
            latest: Arc::new(AtomicI64::new(latest)),
            ahead: Arc::default(),
            skipped: watch::Sender::new(0),
            #[cfg(test)]
            set: Arc::default(),
        }
    }

    /// This clock after `skipped` virtual milliseconds were skipped in all; below 0 counts as 0.
    #[must_use]
    pub fn having_skipped(self, skipped: Millis) -> Self {
        self.skipped.send_replace(skipped.max(0));
        self
    }

    /// A clock of this scale that begins where `old` stands; `None` where there is none, since real time (scale 1)
    /// would have to go back. What `old` has skipped stays skipped.
    #[must_use]
    pub(crate) fn continuing(&self, old: &Self) -> Option<Self> {
        let (scale, real, shown) = (self.scale(), real_millis(), old.now());
        let begin = shown.saturating_sub(old.skipped());
        let next = if (scale - 1.0).abs() < f64::EPSILON {
            (begin <= real).then(|| Self::scaled(real, scale))?
        } else {
            // origin + (real - origin) * scale = begin, solved for the origin and rounded up: never earlier.
            let origin = real as f64 + (begin - real) as f64 / (1.0 - scale);
            Self::scaled(origin as Millis, scale)
        };
        let next = next.having_skipped(old.skipped());
        next.not_before(shown);
        Some(next)
    }

    /// Now, in virtual milliseconds since 1970; never earlier than any instant shown before.
    #[must_use]
    pub fn now(&self) -> Millis {
        let shown = self.shown();
        let latest = self.latest.fetch_max(shown, Ordering::Relaxed);
        if self.has_gone_back(latest, shown) { self.go_on() } else { latest.max(shown) }
    }

    /// What the source shows.
    fn shown(&self) -> Millis {
        match &self.source {
            Source::System { origin, scale } => virtual_at(*origin, *scale, self.system_millis())
                .saturating_add(self.skipped())
                .saturating_add(self.ahead.load(Ordering::Relaxed)),
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Whether the system's clock was set back; otherwise another thread has only been faster.
    fn has_gone_back(&self, latest: Millis, shown: Millis) -> bool {
        !self.is_manual() && latest.saturating_sub(shown) as f64 > STEP_BACK * self.scale()
    }

    /// Goes on from the latest instant.
    #[cold]
    fn go_on(&self) -> Millis {
        // Looked at again: this thread may have slept between one look and the other.
        let (ahead, latest) = (self.ahead.load(Ordering::Relaxed), self.latest.load(Ordering::Relaxed));
        let shown = self.shown();
        if self.has_gone_back(latest, shown) {
            let by = latest.saturating_sub(shown);
            let next = ahead.saturating_add(by);
            // Another thread may have seen it, too: then it is done.
            if self.ahead.compare_exchange(ahead, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                tracing::warn!(by, "the system's clock went back; virtual time goes on from where it was");
            }
        }
        let shown = self.shown();
        self.latest.fetch_max(shown, Ordering::Relaxed).max(shown)
    }

    fn system_millis(&self) -> Millis {
        let real = real_millis();
        #[cfg(test)]
        let real = real + self.set.load(Ordering::Relaxed);
        real
    }

    /// Sets the system's clock, as far as this one can tell.
    #[cfg(test)]
    pub(crate) fn set_system(&self, by: Millis) {
        self.set.fetch_add(by, Ordering::Relaxed);
    }

    /// The instant where virtual and real time met, but for what is skipped.
    #[must_use]
    pub fn origin(&self) -> Millis {
        match &self.source {
            Source::System { origin, .. } => *origin,
            Source::Manual(now) => *now.borrow(),
        }
    }

    /// Virtual milliseconds per real millisecond.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        match &self.source {
            Source::System { scale, .. } => *scale,
            Source::Manual(_) => 1.0,
        }
    }

    /// Whether only [`Clock::advance`] moves this clock.
    #[must_use]
    pub const fn is_manual(&self) -> bool {
        matches!(self.source, Source::Manual(_))
    }

    /// Moves a manual clock by `by` virtual milliseconds; another clock stays as it is.
    pub fn advance(&self, by: Millis) {
        if let Source::Manual(now) = &self.source {
            now.send_modify(|now| *now = now.saturating_add(by.max(0)));
        }
    }

    /// Skips `by` virtual milliseconds and wakes the sleepers; less than 0 is none. A manual clock advances.
    pub fn skip(&self, by: Millis) {
        match &self.source {
            Source::System { .. } => self.skipped.send_modify(|skipped| *skipped = skipped.saturating_add(by.max(0))),
            Source::Manual(_) => self.advance(by),
        }
    }

    /// Virtual milliseconds that were skipped in all; those of a manual clock are not counted.
    #[must_use]
    pub fn skipped(&self) -> Millis {
        *self.skipped.borrow()
    }

    /// Lets the clock show nothing earlier than `instant`, as after a restart with a system clock set back.
    pub fn not_before(&self, instant: Millis) {
        self.latest.fetch_max(instant, Ordering::Relaxed);
    }

    /// The real instant, for what strangers check against their own clocks: request signatures.
    #[must_use]
    pub fn real(&self) -> SystemTime {
        system_now()
    }

    /// How long `virtual_millis` of virtual time take in real time.
    #[must_use]
    pub fn real_duration(&self, virtual_millis: Millis) -> Duration {
        let seconds = (virtual_millis.max(0) as f64) / 1000.0 / self.scale();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Sleeps until the clock shows `instant`.
    pub async fn sleep_until(&self, instant: Millis) {
        match &self.source {
            Source::System { .. } => self.sleep_system(instant).await,
            Source::Manual(now) => {
                // The sender is ours: the channel cannot close.
                let _ = now.subscribe().wait_for(|now| *now >= instant).await;
            }
        }
    }

    async fn sleep_system(&self, instant: Millis) {
        let mut skips = self.skipped.subscribe();
        loop {
            let left = instant.saturating_sub(self.now());
            if left <= 0 {
                return;
            }
            // The timer's own resolution is a millisecond.
            let nap = self.real_duration(left).clamp(Duration::from_millis(1), LONGEST_NAP);
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                // The sender is ours: the channel cannot close.
                _ = skips.changed() => {}
            }
        }
    }
}

/// The virtual instant at the real instant `real`.
fn virtual_at(origin: Millis, scale: f64, real: Millis) -> Millis {
    if (scale - 1.0).abs() < f64::EPSILON {
        return real;
    }
    // Differences fit 53 bits for 285,000 years.
    origin.saturating_add(((real - origin) as f64 * scale) as Millis)
}

fn real_millis() -> Millis {
    let since = system_now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this module is the only reader of the system clock")]
fn system_now() -> SystemTime {
    SystemTime::now()
}

/// A moment to measure real time from.
#[expect(clippy::disallowed_methods, reason = "this module is the only reader of the system clock")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_time_meets_real_time_at_its_origin() {
        assert_eq!(virtual_at(1000, 60.0, 1000), 1000);
        assert_eq!(virtual_at(1000, 60.0, 2000), 61_000);
        assert_eq!(virtual_at(1000, 0.5, 2000), 1500);
        assert_eq!(virtual_at(999, 1.0, 2000), 2000);
    }

    #[test]
    fn nonsense_scales_count_as_one() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!((Clock::scaled(0, scale).scale() - 1.0).abs() < f64::EPSILON, "{scale}");
        }
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::system();
        let later = clock.now() + 3_600_000;
        clock.not_before(later);
        assert!((later..later + 60_000).contains(&clock.now()));
    }

    #[test]
    fn a_system_clock_set_back_neither_takes_time_back_nor_stops_it() {
        for scale in [1.0, 60.0] {
            let clock = Clock::starting_now(scale);
            let before = clock.now();
            for _ in 0..3 {
                clock.set_system(-3_600_000);
                let after = clock.now();
                assert!(after >= before, "scale {scale}: {after} is before {before}");
                while clock.now() <= after {
                    std::thread::yield_now();
                }
            }
            let before = clock.now();
            clock.set_system(3_600_000);
            assert!(clock.now() - before >= (3_600_000.0 * scale) as Millis, "scale {scale}: set forward");
        }
    }

    #[test]
    fn a_restart_on_an_earlier_system_clock_goes_on_from_what_was_known() {
        let clock = Clock::system();
        clock.set_system(-86_400_000);
        let known = clock.now() + 86_400_000;
        clock.not_before(known);
        let first = clock.now();
        assert!(first >= known);
        while clock.now() == first {
            std::thread::yield_now();
        }
    }

    #[tokio::test]
    async fn who_sleeps_while_the_system_clock_is_set_back_sleeps_no_longer() {
        let clock = Clock::starting_now(100.0);
        let until = clock.now() + 2000;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(until).await }
        });
        tokio::task::yield_now().await;
        clock.set_system(-86_400_000);
        sleeper.await.unwrap();
        assert!(clock.now() >= until);
    }

    #[test]
    fn virtual_durations_are_shorter_in_real_time() {
        let clock = Clock::starting_now(60.0);
        assert_eq!(clock.real_duration(60_000), Duration::from_secs(1));
        assert_eq!(clock.real_duration(-5), Duration::ZERO);
    }

    #[test]
    fn a_new_scale_continues_where_the_old_one_stands() {
        let old = Clock::scaled(real_millis() - 10_000, 60.0);
        for scale in [30.0, 0.5, 1000.0] {
            let before = old.now();
            let clock = Clock::starting_now(scale).continuing(&old).unwrap();
            assert!(clock.now() >= before, "scale {scale} went back");
            assert!(clock.now() - before < 10_000, "scale {scale} jumped");
        }
        assert!(Clock::system().continuing(&old).is_none());
    }

    #[test]
    fn what_is_skipped_stays_skipped_on_a_new_scale() {
        let old = Clock::scaled(real_millis() - 1000, 60.0).having_skipped(86_400_000);
        let (slower, before) = (Clock::starting_now(10.0).continuing(&old).unwrap(), old.now());
        assert_eq!(slower.skipped(), 86_400_000);
        assert!((-1000..60_000).contains(&(slower.now() - before)), "{} ms apart", slower.now() - before);
        let real = Clock::system().having_skipped(5);
        assert_eq!(Clock::system().continuing(&real).unwrap().skipped(), 5);
        assert_eq!(Clock::system().having_skipped(-5).skipped(), 0);
    }

    #[tokio::test]
    async fn a_skip_wakes_those_who_sleep_through_it_and_is_shared() {
        let clock = Clock::system();
        let (begin, day) = (clock.now(), 86_400_000);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(begin + 2 * day).await }
        });
        tokio::task::yield_now().await;
        clock.skip(day);
        clock.skip(-day);
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!sleeper.is_finished(), "a day is not two");
        clock.skip(day);
        sleeper.await.unwrap();
        assert_eq!(clock.skipped(), 2 * day);
        assert!(clock.now() >= begin + 2 * day);
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers() {
        let clock = Clock::manual(100);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(200).await;
                clock.now()
            }
        });
        clock.advance(50);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(50);
        assert_eq!(sleeper.await.unwrap(), 200);
    }

    #[tokio::test]
    async fn accelerated_sleep_is_short() {
        let clock = Clock::starting_now(1_000_000.0);
        clock.sleep_until(clock.now() + 3_600_000).await;
    }
}
