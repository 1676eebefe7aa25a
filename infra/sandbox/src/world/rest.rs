//! A world at rest: nothing in it changes but noise, so that a long time can be leapt over.

use super::ecs::{Phase, Service};
use super::{MINUTE_MS, SECOND_MS, World};

/// What a leap leaves to be lived through before it lands: alarms and metrics of the last hour are there.
const LANDING_MINUTES: i64 = 60;

impl World {
    /// Whether nothing is under way: every service is steady with healthy tasks, nothing is being deployed or modified,
    /// no alarm rings, and nothing waits to be sent or answered.
    ///
    /// A fleet says itself when it next sends something ([`World::next_event_ms`]): its tasks come and go all day.
    pub(crate) fn is_at_rest(&self) -> bool {
        if self.fleet.is_some() {
            return self.outbox.is_empty();
        }
        self.services.values().all(is_steady)
            && self.codedeploy.deployments.iter().all(|each| matches!(each.status, "Succeeded" | "Failed" | "Stopped"))
            && self.native.deployments.iter().all(super::native::ServiceDeployment::is_over)
            && self.database.status(self.now_ms) == "available"
            && self.database.pending().is_none()
            && self.cache.status() == "available"
            && self.alarms.iter().all(|alarm| alarm.state != "ALARM")
            && self.outbox.is_empty()
    }

    /// Leaps to an hour before `to_ms`; nothing where that has passed. Only for a world at rest: what would be under way
    /// does not happen. The metrics have a gap then. A fleet lives through its weeks instead: it takes no time worth
    /// speaking of, and its metrics are what it is for.
    pub(crate) fn leap(&mut self, to_ms: i64) {
        if self.fleet.is_some() {
            return;
        }
        let by_ms = to_ms - LANDING_MINUTES * MINUTE_MS - self.now_ms;
        // Whole minutes: the world stays on its grid.
        let by_ms = by_ms - by_ms.rem_euclid(MINUTE_MS);
        if by_ms < SECOND_MS {
            return;
        }
        self.now_ms += by_ms;
        for task in self.services.values_mut().flat_map(|service| &mut service.tasks) {
            task.next_check_ms = task.next_check_ms.saturating_add(by_ms);
        }
    }
}

fn is_steady(service: &Service) -> bool {
    let settled = service.deployments.iter().all(|deployment| deployment.rollout != "IN_PROGRESS");
    let quiet = |phase| matches!(phase, Phase::Running | Phase::Stopped);
    let mut tasks = service.tasks.iter();
    settled
        && tasks.all(|task| quiet(task.phase) && task.phase_ends_ms.is_none())
        && service.tasks.iter().filter(|task| task.phase == Phase::Running).all(|task| task.is_healthy() && !task.hung)
        && (service.blue_green.is_some() || service.steady)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{pass, world};
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn the_seed_world_is_at_rest_until_something_is_wrong() {
        let mut world = world(1);
        assert!(world.is_at_rest());
        world.hang("api", 1, false).unwrap();
        assert!(!world.is_at_rest(), "a task hangs");
        let mut world = self::world(1);
        world.kill("api", 1).unwrap();
        assert!(!world.is_at_rest(), "a task is replaced");
        pass(&mut world, 20 * 60);
        assert!(world.is_at_rest(), "it has been replaced");
        world.set_load("api", 900.0).unwrap();
        pass(&mut world, 10 * 60);
        assert!(!world.is_at_rest(), "an alarm rings");
    }

    #[test]
    fn a_leap_lands_an_hour_before_and_the_world_goes_on_as_ever() {
        let mut world = world(1);
        let to_ms = world.now_ms + 30 * DAY;
        world.leap(to_ms);
        assert_eq!(world.now_ms, to_ms - 60 * MINUTE_MS);
        world.advance(to_ms);
        assert!(world.is_at_rest());
        let checks = world.services.values().flat_map(|service| &service.tasks);
        let due = checks.filter(|task| task.phase == Phase::Running).map(|task| task.next_check_ms - world.now_ms);
        assert!(due.clone().count() > 0 && due.into_iter().all(|due| (0..=10_000).contains(&due)));
        let before = world.now_ms;
        world.leap(before + 60 * MINUTE_MS);
        assert_eq!(world.now_ms, before, "nothing to leap over");
    }
}
