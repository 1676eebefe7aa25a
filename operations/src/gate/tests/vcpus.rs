//! The quota of vCPUs.

use super::*;
use crate::gate::quota::Counted;

#[test]
fn the_quota_of_vcpus_fits_the_new_tasks_beside_the_old() {
    let quota = |change: &dyn Fn(&mut Facts)| after(Stage::BeforeInstall, "fargate-quota", change);
    let (result, reason) = quota(&|_| {});
    assert_eq!(result, Outcome::Pass, "all of it may be used");
    assert_eq!(reason, "4 new tasks of 1 vCPU need 4 beside 12 in use, the quota is 16");
    let (result, reason) = quota(&|facts| facts.usage = vec![usage(&json!([12.25, 1.0]), "Complete")]);
    assert_eq!(result, Outcome::Fail, "the newest counts");
    let wanted = "need 4 beside 12.25 in use, the quota is 16: raise quota L-3032A538 of service fargate in Service \
                  Quotas to 16.25 or more";
    assert!(reason.ends_with(wanted), "{reason}");
    let small = |facts: &mut Facts| {
        facts.usage = vec![usage(&json!([12.25]), "Complete")];
        facts.task_definition.as_mut().unwrap().cpu = Some(512);
    };
    assert_eq!(quota(&small).0, Outcome::Pass, "half a vCPU each");
    let elsewhere = |facts: &mut Facts| {
        facts.task_definition.as_mut().unwrap().fargate = false;
        facts.usage.clear();
    };
    assert_eq!(quota(&elsewhere).0, Outcome::Pass, "only Fargate has that quota");
}

#[test]
fn a_quota_or_a_use_that_cannot_be_read_is_unknown() {
    let reason = |change: &dyn Fn(&mut Facts)| {
        let (result, reason) = after(Stage::BeforeInstall, "fargate-quota", change);
        assert_eq!(result, Outcome::Unknown, "{reason}");
        reason
    };
    let answer = |answer: Answer| reason(&move |facts| *answer_of(facts, ReferenceKind::Quota) = answer.clone());
    assert!(answer(Answer::Unknown("denied".into())).ends_with("L-3032A538 could not be looked up: denied"));
    let broken = json!({"Quota": {"Value": 16, "ErrorReason": {"ErrorCode": "DEPENDENCY_THROTTLING_ERROR"}}});
    for silent in [broken, json!({"Quota": {}}), json!({})] {
        assert_eq!(answer(Answer::Found(silent)), "Service Quotas has no value of quota L-3032A538 now");
    }
    let of_use = |usage: Vec<Reading>| reason(&move |facts| facts.usage = usage.clone());
    assert_eq!(of_use(Vec::new()), "the vCPUs in use were not read");
    let denied = Reading { name: quota::ON_DEMAND.into(), answer: Err("denied".into()) };
    assert_eq!(of_use(vec![denied]), "the vCPUs in use could not be read: denied");
    assert!(of_use(vec![usage(&json!([]), "InternalError")]).ends_with("are InternalError"));
    assert!(of_use(vec![usage(&json!(null), "Complete")]).contains("no figures"));
    let other = |facts: &mut Facts| facts.references.retain(|reference| reference.kind != ReferenceKind::Quota);
    assert_eq!(reason(&other), "the quota of vCPUs was not looked up");
    assert_eq!(reason(&|facts| facts.task_definition.as_mut().unwrap().cpu = None), "the size of a task is not known");
}

#[test]
fn where_cloudwatch_has_no_figure_the_tasks_are_counted() {
    let silent = |counted: Option<Counted>| {
        after(Stage::BeforeInstall, "fargate-quota", |facts| {
            assert_eq!(quota::to_count(facts), None, "CloudWatch has a figure");
            facts.usage = vec![usage(&json!([]), "Complete")];
            assert_eq!(quota::to_count(facts), Some(quota::ON_DEMAND));
            facts.counted = counted;
        })
    };
    assert_eq!(silent(Some(Counted::Tasks(12.0))).0, Outcome::Pass);
    assert_eq!(silent(Some(Counted::Tasks(13.0))).0, Outcome::Fail);
    assert_eq!(silent(None).0, Outcome::Unknown);
    let (result, reason) = silent(Some(Counted::Unknown("denied".into())));
    assert_eq!(result, Outcome::Unknown);
    assert!(reason.ends_with("could not be counted: denied"), "{reason}");
    let mut facts = good();
    facts.usage[0].answer = Err("denied".into());
    assert_eq!(quota::to_count(&facts), None, "what could not be read is not guessed");
}
