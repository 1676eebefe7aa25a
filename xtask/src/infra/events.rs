//! Rules, schedules and queues: an event that cannot be delivered is kept, and what keeps it may be written to.

use serde_json::Value;

use super::policy::{self, list};
use super::suite::Suite;

/// A schedule of a state machine: its resource, the event's name, its expression.
pub(crate) struct Schedule<'a> {
    /// The state machine's resource.
    pub(crate) machine: &'a str,
    /// The expression.
    pub(crate) expression: &'a str,
}

/// All events and queues.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let mut problems = Vec::new();
    for (machine, name, event) in events(suite) {
        let properties = &event["Properties"];
        let place = format!("event {name} of {machine}");
        problems.extend(delivery(suite, &place, properties));
        if event["Type"] == "Schedule" {
            let expression = properties["Schedule"].as_str().unwrap_or_default();
            problems
                .extend(wrong_expression(expression).map(|cure| format!("{place}: Schedule {expression:?}: {cure}")));
        }
    }
    for (path, template) in &suite.others {
        for (name, resource) in template["Resources"].as_object().into_iter().flatten() {
            if resource["Type"] == "AWS::Events::Rule" {
                let targets = list(&resource["Properties"]["Targets"]);
                problems.extend(targets.iter().flat_map(|target| outside(&format!("{path}: {name}"), target)));
            }
        }
    }
    problems.extend(subscriptions(suite));
    problems
}

/// The schedules of all state machines.
pub(crate) fn schedules(suite: &Suite) -> Vec<Schedule<'_>> {
    let schedules = events(suite).into_iter().filter(|(_, _, event)| event["Type"] == "Schedule");
    schedules
        .map(|(machine, _, event)| Schedule {
            machine,
            expression: event["Properties"]["Schedule"].as_str().unwrap_or_default(),
        })
        .collect()
}

fn events(suite: &Suite) -> Vec<(&str, &str, &Value)> {
    let mut all = Vec::new();
    for (machine, properties) in suite.of_type("AWS::Serverless::StateMachine") {
        let events = properties["Events"].as_object().into_iter().flatten();
        all.extend(events.map(|(name, event)| (machine, name.as_str(), event)));
    }
    all
}

/// What every delivery needs: retries that end, a queue for what could not be delivered, and leave to write to it.
fn delivery(suite: &Suite, place: &str, properties: &Value) -> Vec<String> {
    let mut problems = outside(place, properties);
    let Some(queue) = properties["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].as_str() else { return problems };
    if !may_send(suite, queue, "events.amazonaws.com") {
        problems.push(format!(
            "{place}: {queue} has no AWS::SQS::QueuePolicy that lets events.amazonaws.com send to it, so events would be \
             lost: add sqs:SendMessage for it"
        ));
    }
    problems
}

fn outside(place: &str, properties: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let retry = &properties["RetryPolicy"];
    if retry["MaximumEventAgeInSeconds"].as_u64().is_none() || retry["MaximumRetryAttempts"].as_u64().is_none() {
        problems.push(format!(
            "{place}: RetryPolicy must say MaximumEventAgeInSeconds and MaximumRetryAttempts: the default is a day, after \
             which an incident is another one"
        ));
    }
    if properties["DeadLetterConfig"]["Arn"].is_null() {
        problems.push(format!("{place}: DeadLetterConfig is missing: name the queue UndeliveredEvents"));
    }
    problems
}

fn may_send(suite: &Suite, queue: &str, service: &str) -> bool {
    let mut policies = suite.of_type("AWS::SQS::QueuePolicy");
    policies.any(|(_, policy)| {
        let of_queue = list(&policy["Queues"]).iter().any(|it| it["Ref"] == queue);
        let by_service = |statement: &&Value| statement["Principal"]["Service"] == service;
        let statements = list(&policy["PolicyDocument"]["Statement"]).iter().filter(by_service);
        let allows = |statement: &Value| {
            let document = serde_json::json!({"Statement": [statement]});
            policy::of_document(&document).iter().any(|grant| grant.action == "sqs:SendMessage")
        };
        of_queue && statements.into_iter().any(allows)
    })
}

/// SNS keeps what it cannot deliver only where it may write.
fn subscriptions(suite: &Suite) -> Vec<String> {
    let subscriptions = suite.of_type("AWS::SNS::Subscription");
    let check = |(name, properties): (&str, &Value)| {
        let queue = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0].as_str();
        match queue {
            None => Some(format!("{name} has no RedrivePolicy: name the queue UndeliveredMessages")),
            Some(queue) if !may_send(suite, queue, "sns.amazonaws.com") => Some(format!(
                "{name}: {queue} has no AWS::SQS::QueuePolicy that lets sns.amazonaws.com send to it: add sqs:SendMessage for it"
            )),
            Some(_) => None,
        }
    };
    subscriptions.filter_map(check).collect()
}

/// Why a schedule's expression is none that EventBridge takes, and what to write.
fn wrong_expression(expression: &str) -> Option<&'static str> {
    let inside = |kind: &str| expression.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(rate) = inside("rate") {
        let cure = "write rate(1 hour) or rate(4 hours): a number above 0 and minute, hour or day, plural above 1";
        let Some((number, unit)) = rate.split_once(' ') else { return Some(cure) };
        let plural = number.parse::<u32>().ok().filter(|number| *number > 0).map(|number| number > 1);
        let known = match plural {
            Some(true) => ["minutes", "hours", "days"].contains(&unit),
            Some(false) => ["minute", "hour", "day"].contains(&unit),
            None => false,
        };
        return (!known).then_some(cure);
    }
    let Some(fields) = inside("cron").map(|fields| fields.split(' ').collect::<Vec<_>>()) else {
        return Some("write rate(...) or cron(...)");
    };
    match fields.as_slice() {
        [_, _, day, _, weekday, _] if (*day == "?") != (*weekday == "?") => None,
        [_, _, _, _, _, _] => Some("one of day-of-month and day-of-week must be ?, and only one"),
        _ => Some("cron has six fields: minutes, hours, day of month, month, day of week, year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_eventbridge_refuses_are_refused() {
        for right in ["rate(1 hour)", "rate(4 hours)", "cron(0 6 * * ? *)", "cron(0 6 ? * MON-FRI *)"] {
            assert_eq!(wrong_expression(right), None, "{right}");
        }
        for wrong in
            ["rate(4 hour)", "rate(1 hours)", "rate(0 hours)", "rate(4h)", "every 4 hours", "cron(0 6 * * * *)"]
        {
            assert!(wrong_expression(wrong).is_some(), "{wrong}");
        }
        assert!(wrong_expression("cron(0 6 * * ?)").is_some_and(|cure| cure.contains("six fields")));
    }
}
