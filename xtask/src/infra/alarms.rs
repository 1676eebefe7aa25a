//! Alarms: there is one for everything that can fail silently, and each rings on the right side of its threshold.

use serde_json::Value;

use super::events;
use super::policy::list;
use super::suite::{Suite, pascal};

const ABOVE: [&str; 2] = ["GreaterThanThreshold", "GreaterThanOrEqualToThreshold"];
const BELOW: [&str; 2] = ["LessThanThreshold", "LessThanOrEqualToThreshold"];
/// The longest that an alarm may look back, seconds: with periods of an hour or more, and with shorter ones.
const LONGEST: (u64, u64) = (604_800, 86_400);
/// Milliseconds of an alarm about duration for each second of a function's time-out: 83 %.
const DURATION_PER_SECOND: u64 = 830;

/// All alarms of all templates, and those that are missing.
pub(crate) fn check(suite: &Suite) -> Vec<String> {
    let templates = std::iter::once(&suite.template).chain(suite.others.values());
    let resources = templates.filter_map(|template| template["Resources"].as_object()).flatten();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let mut problems: Vec<String> = alarms.flat_map(|(name, alarm)| judge(name, &alarm["Properties"])).collect();
    problems.extend(suite.handlers.iter().filter_map(|name| of_function(suite, name)));
    problems.extend(suite.definitions.keys().filter_map(|name| of_machine(suite, name)));
    problems.extend(events::schedules(suite).iter().filter_map(|schedule| dead_man(suite, schedule)));
    problems.extend(suite.of_type("AWS::SQS::Queue").filter_map(|(queue, _)| depth(suite, queue)));
    problems
}

fn judge(name: &str, alarm: &Value) -> Vec<String> {
    let metric = alarm["MetricName"].as_str().unwrap_or_default();
    let comparison = alarm["ComparisonOperator"].as_str().unwrap_or_default();
    let good = metric.contains("Succeeded") || metric == "HealthyHostCount";
    let (right, missing) = if good { (BELOW, "breaching") } else { (ABOVE, "notBreaching") };
    let mut problems = Vec::new();
    if !right.contains(&comparison) {
        let side = if good { "too little of it is bad" } else { "too much of it is bad" };
        problems.push(format!("alarm {name} on {metric} compares with {comparison}, but {side}: use {}", right[0]));
    }
    if alarm["TreatMissingData"] != missing {
        let why = if good { "no data is the failure itself" } else { "no data means that nothing happened" };
        problems.push(format!("alarm {name} on {metric}: TreatMissingData must be {missing}: {why}"));
    }
    if list(&alarm["AlarmActions"]).is_empty() {
        problems.push(format!("alarm {name} tells nobody: give it AlarmActions with the topic"));
    }
    let period = alarm["Period"].as_u64().unwrap_or_default();
    let back = period * alarm["EvaluationPeriods"].as_u64().unwrap_or_default();
    let longest = if period >= 3600 { LONGEST.0 } else { LONGEST.1 };
    if back == 0 || back > longest {
        problems
            .push(format!("alarm {name} looks back {back} s: CloudWatch allows at most {longest} s at this Period"));
    }
    problems
}

/// The three alarms of a function.
fn of_function(suite: &Suite, name: &str) -> Option<String> {
    let alarms = format!("{}Alarms", pascal(name));
    let function = format!("{}Function", pascal(name));
    let parameters = &suite.template["Resources"][&alarms]["Properties"]["Parameters"];
    if parameters["FunctionName"]["Ref"] != function.as_str() {
        return Some(format!("{function} has no alarms: add {alarms} with function-alarms.yaml"));
    }
    let timeout = suite.template["Resources"][&function]["Properties"]["Timeout"].as_u64().unwrap_or_default();
    let expected = timeout * DURATION_PER_SECOND;
    (parameters["DurationThreshold"] != expected).then(|| {
        format!("{alarms}.DurationThreshold must be {expected}: 83 % of the time-out of {timeout} s, in milliseconds")
    })
}

fn of_machine(suite: &Suite, name: &str) -> Option<String> {
    let alarms = format!("{}StateMachineAlarms", pascal(name));
    let machine = format!("{}StateMachine", pascal(name));
    let parameters = &suite.template["Resources"][&alarms]["Properties"]["Parameters"];
    let right = parameters["StateMachineArn"]["Ref"] == machine.as_str() && parameters["Name"] == name;
    (!right).then(|| format!("{machine} has no alarms: add {alarms} with state-machine-alarms.yaml"))
}

/// A schedule that leads to nothing must ring.
fn dead_man(suite: &Suite, schedule: &events::Schedule<'_>) -> Option<String> {
    let on_machine = |alarm: &Value| {
        let of_this = list(&alarm["Dimensions"]).iter().any(|it| it["Value"]["Ref"] == schedule.machine);
        of_this && alarm["MetricName"] == "ExecutionsSucceeded"
    };
    let found = suite.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| on_machine(alarm));
    (!found).then(|| {
        format!(
            "{} runs on the schedule {}, and no alarm on its ExecutionsSucceeded would notice if it no longer did: add one",
            schedule.machine, schedule.expression
        )
    })
}

/// Whatever lies in a queue of ours waits for a person.
fn depth(suite: &Suite, queue: &str) -> Option<String> {
    let on_queue = |alarm: &Value| {
        let of_this = list(&alarm["Dimensions"]).iter().any(|it| it["Value"]["Fn::GetAtt"][0] == queue);
        of_this && alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    };
    let found = suite.of_type("AWS::CloudWatch::Alarm").any(|(_, alarm)| on_queue(alarm));
    (!found).then(|| format!("nobody would notice a message in {queue}: add an alarm on its depth"))
}
