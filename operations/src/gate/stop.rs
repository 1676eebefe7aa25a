//! Why tasks stop.

use super::facts::Task;

/// What a stopped task says about its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Memory ran out.
    OutOfMemory,
    /// The image could not be pulled.
    CannotPull,
    /// A secret, a parameter or the network could not be had.
    Initialization,
    /// An essential container exited.
    Exited,
    /// Its health checks failed.
    Unhealthy,
    /// The spot capacity was taken back: nothing about the revision.
    Spot,
    /// ECS, an autoscaler or a person wanted it stopped: nothing about the revision.
    Intended,
    /// Anything else.
    Other,
}

impl Stop {
    /// Whether the stop is the revision's own doing.
    pub fn counts(self) -> bool {
        !matches!(self, Stop::Spot | Stop::Intended)
    }
}

/// Reads the stop code and reason of a task, and those of its containers.
pub fn classify(task: &Task) -> Stop {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let contained = task.containers.iter().filter_map(|container| container.reason.as_deref());
    let texts: Vec<_> = std::iter::once(reason).chain(contained).collect();
    let says = |part: &str| texts.iter().any(|text| text.contains(part));
    let code = task.stop_code.as_deref().unwrap_or_default();
    if says("OutOfMemory") {
        Stop::OutOfMemory
    } else if says("CannotPull") || says("manifest unknown") {
        Stop::CannotPull
    } else if says("ResourceInitializationError") {
        Stop::Initialization
    } else if says("health check") || says("failed ELB") || says("unhealthy") {
        Stop::Unhealthy
    } else if code == "SpotInterruption" {
        Stop::Spot
    } else if code == "EssentialContainerExited" || code == "TaskFailedToStart" {
        Stop::Exited
    } else if code == "ServiceSchedulerInitiated" || code == "UserInitiated" || says("Scaling activity") {
        Stop::Intended
    } else {
        Stop::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopped(code: &str, reason: &str) -> Stop {
        classify(&Task { stop_code: Some(code.into()), stopped_reason: Some(reason.into()), ..Task::default() })
    }

    #[test]
    fn the_reason_comes_before_the_code() {
        assert_eq!(stopped("EssentialContainerExited", "OutOfMemoryError: Container killed"), Stop::OutOfMemory);
        assert_eq!(stopped("TaskFailedToStart", "CannotPullContainerError: not found"), Stop::CannotPull);
        let secret = "ResourceInitializationError: unable to pull secrets";
        assert_eq!(stopped("TaskFailedToStart", secret), Stop::Initialization);
        let elb = "Task failed ELB health checks in (target-group x)";
        assert_eq!(stopped("ServiceSchedulerInitiated", elb), Stop::Unhealthy);
        assert_eq!(stopped("EssentialContainerExited", "Essential container in task exited"), Stop::Exited);
    }

    #[test]
    fn what_ecs_or_people_stop_says_nothing_about_the_revision() {
        let scaled = "Scaling activity initiated by deployment ecs-svc/1";
        assert_eq!(stopped("ServiceSchedulerInitiated", scaled), Stop::Intended);
        assert_eq!(stopped("SpotInterruption", "Your Spot Task was interrupted."), Stop::Spot);
        assert_eq!(stopped("UserInitiated", "a person did"), Stop::Intended);
        assert!(!Stop::Spot.counts() && !Stop::Intended.counts() && Stop::Other.counts());
    }
}
