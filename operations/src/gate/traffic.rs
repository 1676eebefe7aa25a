//! Where requests go, what the alarms say, and whether blue could take them back.

use super::facts::Facts;
use super::running::healthy_targets;
use super::{Check, Outcome};
use crate::deployment::Route;
use serde_json::{Value, json};

/// Percentage points by which a weight may differ from the wanted one: load balancers know whole numbers.
const TOLERANCE: f64 = 0.5;

/// The test listener sends everything to green.
pub(super) fn test_listener(facts: &Facts) -> Check {
    const NAME: &str = "test-traffic-to-green";
    let Some(traffic) = &facts.test else { return Check::unread(NAME, "the test listener") };
    let Some(traffic) = traffic else {
        return Check::new(NAME, Outcome::Fail, "the test listener does not exist", Value::Null);
    };
    share(NAME, facts, traffic, 100.0)
}

/// The production listener sends green its share; `None` is whatever it is.
pub(super) fn weights(facts: &Facts, wanted: Option<f64>) -> Check {
    const NAME: &str = "traffic-weights";
    let Some(traffic) = &facts.production else { return Check::unread(NAME, "where production traffic goes") };
    match wanted {
        Some(wanted) if wanted <= 0.0 => all_to_blue(NAME, facts, traffic),
        Some(wanted) => share(NAME, facts, traffic, wanted),
        None => match group(facts, true).and_then(|group| traffic.percent(group)) {
            Some(percent) => Check::new(
                NAME,
                Outcome::Pass,
                format!("green has {percent:.0} % of the traffic"),
                json!(traffic.weights),
            ),
            None => Check::unread(NAME, "green's share of the traffic"),
        },
    }
}

fn share(name: &'static str, facts: &Facts, traffic: &Route, wanted: f64) -> Check {
    let Some(percent) = group(facts, true).and_then(|group| traffic.percent(group)) else {
        return Check::unread(name, "green's share of the traffic");
    };
    compared(name, "green", percent, wanted, traffic)
}

/// After the way back green may be gone, so blue's share is what counts.
fn all_to_blue(name: &'static str, facts: &Facts, traffic: &Route) -> Check {
    let Some(percent) = group(facts, false).and_then(|group| traffic.percent(group)) else {
        return Check::unread(name, "blue's share of the traffic");
    };
    compared(name, "blue", percent, 100.0, traffic)
}

fn compared(name: &'static str, side: &str, percent: f64, wanted: f64, traffic: &Route) -> Check {
    let reached = (percent - wanted).abs() <= TOLERANCE;
    let text = format!("{side} has {percent:.0} % of the traffic, {wanted:.0} % is wanted");
    Check::new(name, if reached { Outcome::Pass } else { Outcome::Wait }, text, json!(traffic.weights))
}

fn group(facts: &Facts, green: bool) -> Option<&str> {
    let side = if green { &facts.green } else { &facts.blue };
    side.as_ref()?.side.target_group_arn.as_deref()
}

/// No alarm that watches the service is in alarm.
pub(super) fn alarms(facts: &Facts) -> Check {
    const NAME: &str = "alarms-ok";
    let Some(alarms) = &facts.alarms else { return Check::unread(NAME, "the alarms") };
    let states: Value = alarms.iter().map(|alarm| (alarm.name.clone(), json!(alarm.state))).collect();
    let ringing: Vec<_> =
        alarms.iter().filter(|alarm| alarm.state == "ALARM").map(|alarm| alarm.name.as_str()).collect();
    if !ringing.is_empty() {
        return Check::new(NAME, Outcome::Fail, format!("in alarm: {}", ringing.join(", ")), states);
    }
    let text = match alarms.len() {
        0 => "no alarm watches the service".to_owned(),
        count => format!("none of {count} alarms is in alarm"),
    };
    Check::new(NAME, Outcome::Pass, text, states)
}

/// Blue still has the tasks that it had, so that all traffic can go back at once.
pub(super) fn blue_capacity(facts: &Facts) -> Check {
    const NAME: &str = "blue-capacity";
    let Some(blue) = &facts.blue else { return Check::unread(NAME, "the old revision") };
    let pinned = facts.pinned.unwrap_or(blue.side.desired).max(1);
    let running = blue.side.running;
    let evidence = json!({"pinned": pinned, "desired": blue.side.desired, "running": running});
    let text = format!("{running} of the old revision's {pinned} tasks run");
    if running >= pinned {
        return Check::new(NAME, Outcome::Pass, text, evidence);
    }
    // A task that is being replaced comes back; one that nobody wants does not.
    let outcome = if blue.side.desired >= pinned { Outcome::Wait } else { Outcome::Fail };
    Check::new(NAME, outcome, format!("{text}: the way back is narrower than it was"), evidence)
}

/// Blue runs all its tasks again.
pub(super) fn blue_running(facts: &Facts) -> Check {
    const NAME: &str = "blue-running";
    let Some(blue) = &facts.blue else { return Check::unread(NAME, "the old revision") };
    let (desired, running) = (blue.side.desired, blue.side.running);
    let settled = desired > 0 && running >= desired;
    let evidence = json!({"desired": desired, "running": running});
    let outcome = if settled { Outcome::Pass } else { Outcome::Wait };
    Check::new(NAME, outcome, format!("{running} of {desired} tasks run"), evidence)
}

/// Blue's targets are healthy.
pub(super) fn blue_targets(facts: &Facts) -> Check {
    const NAME: &str = "blue-targets-healthy";
    match &facts.blue {
        None => Check::unread(NAME, "the old revision"),
        Some(blue) => healthy_targets(NAME, blue),
    }
}
