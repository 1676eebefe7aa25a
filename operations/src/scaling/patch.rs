//! What to change in the files of a tool that owns a service's autoscaling.

use crate::proposal::{Scheduled, Settings};

/// The change as text for a person: what to set in the tool's files. `resource` is the scalable target's id.
pub fn text(tool: &str, resource: &str, current: &Settings, proposed: &Settings) -> String {
    let names = match tool.to_ascii_lowercase().as_str() {
        "terraform" | "opentofu" => &TERRAFORM,
        "cloudformation" | "cdk" | "sam" => &CLOUDFORMATION,
        _ => &PLAIN,
    };
    let mut lines = Vec::new();
    let limits = block(
        names.target,
        resource,
        &[
            difference(names.min, current.min_capacity, proposed.min_capacity),
            difference(names.max, current.max_capacity, proposed.max_capacity),
        ],
    );
    let policy = proposed.policy_name.as_deref().unwrap_or("the policy");
    let percent =
        |settings: &Settings| settings.target.map_or_else(|| "absent".to_owned(), |target| target.to_string());
    let tracking = block(
        names.policy,
        policy,
        &[
            difference(names.value, percent(current), percent(proposed)),
            difference(names.out, current.scale_out_cooldown, proposed.scale_out_cooldown),
            difference(names.within, current.scale_in_cooldown, proposed.scale_in_cooldown),
        ],
    );
    lines.extend(limits);
    lines.extend(tracking);
    for action in proposed.scheduled.iter().filter(|action| !current.scheduled.contains(action)) {
        let there = current.scheduled.iter().any(|other| other.name == action.name);
        lines.push(format!("{} {}: {}", names.action, action.name, if there { "change" } else { "add" }));
        lines.extend(scheduled(names, action));
    }
    for action in &current.scheduled {
        if proposed.scheduled.iter().all(|kept| kept.name != action.name) {
            lines.push(format!("{} {}: remove", names.action, action.name));
        }
    }
    lines.join("\n")
}

struct Names {
    target: &'static str,
    min: &'static str,
    max: &'static str,
    policy: &'static str,
    value: &'static str,
    out: &'static str,
    within: &'static str,
    action: &'static str,
    schedule: &'static str,
}

const TERRAFORM: Names = Names {
    target: "aws_appautoscaling_target",
    min: "min_capacity",
    max: "max_capacity",
    policy: "aws_appautoscaling_policy",
    value: "target_tracking_scaling_policy_configuration.target_value",
    out: "target_tracking_scaling_policy_configuration.scale_out_cooldown",
    within: "target_tracking_scaling_policy_configuration.scale_in_cooldown",
    action: "aws_appautoscaling_scheduled_action",
    schedule: "schedule",
};

const CLOUDFORMATION: Names = Names {
    target: "AWS::ApplicationAutoScaling::ScalableTarget",
    min: "MinCapacity",
    max: "MaxCapacity",
    policy: "AWS::ApplicationAutoScaling::ScalingPolicy",
    value: "TargetTrackingScalingPolicyConfiguration.TargetValue",
    out: "TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown",
    within: "TargetTrackingScalingPolicyConfiguration.ScaleInCooldown",
    action: "AWS::ApplicationAutoScaling::ScalableTarget ScheduledActions",
    schedule: "Schedule",
};

const PLAIN: Names = Names {
    target: "scalable target",
    min: "MinCapacity",
    max: "MaxCapacity",
    policy: "scaling policy",
    value: "TargetValue",
    out: "ScaleOutCooldown",
    within: "ScaleInCooldown",
    action: "scheduled action",
    schedule: "Schedule",
};

fn difference(name: &str, before: impl ToString, after: impl ToString) -> Option<String> {
    let (before, after) = (before.to_string(), after.to_string());
    (before != after).then(|| format!("  {name}: {before} -> {after}"))
}

fn block(kind: &str, name: &str, lines: &[Option<String>]) -> Vec<String> {
    let lines: Vec<String> = lines.iter().flatten().cloned().collect();
    if lines.is_empty() {
        return lines;
    }
    std::iter::once(format!("{kind} {name}:")).chain(lines).collect()
}

fn scheduled(names: &Names, action: &Scheduled) -> Vec<String> {
    let mut lines = vec![format!("  {}: {}", names.schedule, action.schedule)];
    lines.extend(action.min_capacity.map(|min| format!("  {}: {min}", names.min)));
    lines.extend(action.max_capacity.map(|max| format!("  {}: {max}", names.max)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proposal::tests::settings;

    #[test]
    fn each_tool_is_told_in_its_own_words() {
        let longer = Settings { scale_in_cooldown: 450, ..settings() };
        assert_eq!(
            text("terraform", "service/production/api", &settings(), &longer),
            "aws_appautoscaling_policy api-cpu:\n  target_tracking_scaling_policy_configuration.scale_in_cooldown: \
             300 -> 450"
        );
        let more = Settings { max_capacity: 15, ..settings() };
        assert_eq!(
            text("CloudFormation", "service/production/api", &settings(), &more),
            "AWS::ApplicationAutoScaling::ScalableTarget service/production/api:\n  MaxCapacity: 12 -> 15"
        );
        let action = Scheduled {
            name: "night".to_owned(),
            schedule: "cron(50 1 * * ? *)".to_owned(),
            min_capacity: Some(8),
            max_capacity: None,
        };
        let nightly = Settings { scheduled: vec![action], ..settings() };
        assert_eq!(
            text("pulumi", "service/production/api", &settings(), &nightly),
            "scheduled action night: add\n  Schedule: cron(50 1 * * ? *)\n  MinCapacity: 8"
        );
        assert_eq!(text("pulumi", "r", &nightly, &settings()), "scheduled action night: remove");
    }
}
