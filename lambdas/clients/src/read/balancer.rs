//! Listeners, their rules, and target groups.

use crate::failure;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum};
use operations::Error;
use operations::deployment::Route;
use operations::gate::facts::Group;
use std::collections::BTreeMap;

/// Where a listener's default action, or the rule with this ARN, forwards requests; `None` when it does not exist.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn route(client: &Client, arn: &str) -> Result<Option<Route>, Error> {
    let absent = |code: Option<&str>| matches!(code, Some("ListenerNotFound" | "RuleNotFound"));
    if arn.contains(":listener-rule/") {
        return match client.describe_rules().rule_arns(arn).send().await {
            Ok(answer) => Ok(answer.rules().first().map(|rule| forwarded(rule.actions()))),
            Err(error) if absent(error.code()) => Ok(None),
            Err(error) => Err(failure::of_sdk("elasticloadbalancing:DescribeRules", &error)),
        };
    }
    match client.describe_listeners().listener_arns(arn).send().await {
        Ok(answer) => Ok(answer.listeners().first().map(|listener| forwarded(listener.default_actions()))),
        Err(error) if absent(error.code()) => Ok(None),
        Err(error) => Err(failure::of_sdk("elasticloadbalancing:DescribeListeners", &error)),
    }
}

fn forwarded(actions: &[Action]) -> Route {
    let mut route = Route { other_actions: actions.len() != 1, ..Route::default() };
    for action in actions {
        if action.r#type() != Some(&ActionTypeEnum::Forward) {
            route.other_actions = true;
            continue;
        }
        let config = action.forward_config();
        for group in config.map(|config| config.target_groups()).unwrap_or_default() {
            let weight = u32::try_from(group.weight().unwrap_or(1)).unwrap_or(0);
            route.weights.insert(group.target_group_arn().unwrap_or_default().to_owned(), weight);
        }
        // An action with one target group may name it in either place.
        if let (true, Some(group)) = (route.weights.is_empty(), action.target_group_arn()) {
            route.weights.insert(group.to_owned(), 1);
        }
        let sticky = config.and_then(|config| config.target_group_stickiness_config());
        let sticky =
            sticky.filter(|sticky| sticky.enabled() == Some(true)).and_then(|sticky| sticky.duration_seconds());
        route.stickiness_seconds = sticky.and_then(|seconds| u32::try_from(seconds).ok());
    }
    route
}

/// Those of the target groups that exist, by ARN.
///
/// # Errors
/// As [`failure::of_sdk`].
pub async fn groups(client: &Client, arns: &[&str]) -> Result<BTreeMap<String, Group>, Error> {
    let mut groups = BTreeMap::new();
    // One by one: a single missing one fails a request for several.
    for arn in arns {
        match client.describe_target_groups().target_group_arns(*arn).send().await {
            Ok(answer) => groups.extend(answer.target_groups().first().map(|group| {
                let asks = group.health_check_enabled().unwrap_or(true);
                let path = group.health_check_path().filter(|path| asks && !path.is_empty());
                ((*arn).to_owned(), Group { health_check_path: path.map(str::to_owned) })
            })),
            Err(error) if matches!(error.code(), Some("TargetGroupNotFound" | "TargetGroupNotFoundException")) => {}
            Err(error) => return Err(failure::of_sdk("elasticloadbalancing:DescribeTargetGroups", &error)),
        }
    }
    Ok(groups)
}
