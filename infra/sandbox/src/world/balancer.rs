//! The load balancer's listeners and rules: which share of a service's requests goes to which target group.

/// Who uses a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The users.
    Production,
    /// Those who try a release before the users do.
    Test,
}

impl Purpose {
    /// Its word in control answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

/// A forward action: target group ARNs and their weights, 0 to 999.
pub(crate) type Forward = Vec<(String, u32)>;

/// A rule of a listener.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The last part of its ARN.
    pub(crate) id: String,
    /// Lower comes first.
    pub(crate) priority: u32,
    /// Path patterns; all of the seed's rules match every path.
    pub(crate) paths: Vec<String>,
    /// Where it sends requests.
    pub(crate) forward: Forward,
}

/// A listener of the load balancer.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    /// The last part of its ARN.
    pub(crate) id: String,
    /// The port it listens on, on this machine.
    pub(crate) port: u16,
    /// The service behind it.
    pub(crate) service: String,
    /// Who uses it.
    pub(crate) purpose: Purpose,
    /// Where requests go that no rule matches.
    pub(crate) default: Forward,
    /// In order of priority.
    pub(crate) rules: Vec<Rule>,
}

impl Listener {
    /// What decides about a request: the first rule, or the default action.
    pub(crate) fn forward(&self) -> &Forward {
        self.rules.first().map_or(&self.default, |rule| &rule.forward)
    }

    /// Sends everything to these groups from now on.
    pub(crate) fn set_forward(&mut self, forward: Forward) {
        match self.rules.first_mut() {
            Some(rule) => rule.forward = forward,
            None => self.default = forward,
        }
    }
}

/// Target groups and the share of requests that each gets, adding up to 1; empty when every weight is 0.
pub(crate) fn shares(forward: &Forward) -> Vec<(&str, f64)> {
    let total: u32 = forward.iter().map(|(_, weight)| weight).sum();
    let share = |weight: u32| f64::from(weight) / f64::from(total);
    forward.iter().filter(|(_, weight)| *weight > 0).map(|(group, weight)| (group.as_str(), share(*weight))).collect()
}

/// The listener of a service for a purpose.
pub(crate) fn find<'a>(listeners: &'a [Listener], service: &str, purpose: Purpose) -> Option<&'a Listener> {
    listeners.iter().find(|listener| listener.service == service && listener.purpose == purpose)
}

/// The share of a listener's requests that a target group gets, 0 to 1.
pub(crate) fn share_of(listener: Option<&Listener>, group: &str) -> f64 {
    let forward = listener.map(|listener| shares(listener.forward())).unwrap_or_default();
    forward.into_iter().filter(|(name, _)| *name == group).map(|(_, share)| share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_shares_of_their_sum_and_a_rule_goes_before_the_default() {
        let forward = vec![("blue".to_owned(), 3), ("green".to_owned(), 1), ("none".to_owned(), 0)];
        assert_eq!(shares(&forward), [("blue", 0.75), ("green", 0.25)]);
        assert_eq!(shares(&vec![("blue".to_owned(), 0)]), []);
        let rule = Rule { id: "r".to_owned(), priority: 1, paths: vec!["/*".to_owned()], forward };
        let mut listener = Listener {
            id: "l".to_owned(),
            port: 80,
            service: "orders".to_owned(),
            purpose: Purpose::Test,
            default: vec![("blue".to_owned(), 1)],
            rules: vec![rule],
        };
        assert_eq!(share_of(Some(&listener), "green"), 0.25);
        listener.set_forward(vec![("green".to_owned(), 100)]);
        assert_eq!((share_of(Some(&listener), "green"), listener.default[0].0.as_str()), (1.0, "blue"));
    }
}
