use super::*;
use operations::error::Kind;
use operations::history::History;
use operations::scaling::gate::Verdict;
use serde_json::json;

fn settings(max: u32, target: f64) -> Value {
    json!({"minCapacity": 2, "maxCapacity": max, "policyName": "api-cpu", "metric": "ECSServiceAverageCPUUtilization",
        "target": target, "scaleOutCooldown": 60, "scaleInCooldown": 300, "cpuUnits": 512, "memoryMib": 1024})
}

fn input() -> Value {
    json!({"target": "api", "at": 1_209_600_000.0, "entry": {"catalogId": "api", "kind": "ecs-service", "arn": "arn",
        "tier": 1, "cluster": "production", "service": "api"}, "proposal": {"id": "raise-maximum", "kind": "scaling",
        "summary": "s", "current": settings(6, 60.0), "proposed": settings(10, 60.0), "capacity": "raises",
        "savingPerMonth": -10.0, "risk": "low", "confidence": 0.9, "reasons": [], "evidence": []}})
}

fn rate() -> operations::price::Rate {
    operations::price::Prices::built_in().unwrap().at_most("", "us-east-1").unwrap()
}

fn request() -> Request {
    Request::parse(&input(), 5).unwrap()
}

/// Days whose mornings need eight tasks, with six of them at 80 %.
fn load(days: usize) -> Load {
    let minutes = days * DAY;
    let history = |of: &dyn Fn(bool) -> f64| {
        let values = (0..minutes).map(|minute| Some(of((480..720).contains(&(minute % DAY)))));
        History::new(0, 60, values.collect())
    };
    let tasks = history(&|busy| if busy { 6.0 } else { 3.0 });
    Load { utilisation: history(&|busy| if busy { 80.0 } else { 50.0 }), running: tasks.clone(), desired: tasks }
}

#[test]
fn an_input_reads_back() {
    let request = request();
    assert_eq!((request.days, request.at, request.current.max_capacity), (14, 1_209_600_000, 6));
    let refused = |field: &str, value: Value| {
        let mut input = input();
        input[field] = value;
        Request::parse(&input, 5).unwrap_err()
    };
    assert_eq!(refused("days", json!(0)).message(), "days must be between 1 and 15: older minutes are not kept");
    assert_eq!(refused("target", json!("web")).kind(), Kind::UnknownTarget);
    assert!(refused("proposal", json!(null)).message().starts_with("proposal is missing"));
    let mut retention = input();
    retention["proposal"]["kind"] = json!("retention");
    assert_eq!(Request::parse(&retention, 5).unwrap_err().kind(), Kind::NotApplicable);
}

#[tokio::test]
async fn a_higher_maximum_passes_where_the_load_needs_it() {
    let found = replay(&request(), &load(14), rate(), &Task::detached()).await.unwrap();
    assert_eq!((found.verdict, found.days, found.coverage), (Verdict::Pass, 14.0, 1.0), "{:?}", found.reasons);
    assert!(found.current.saturation_percent > 10.0 && found.proposed.saturation_percent < 1.0, "{found:?}");
    assert!(found.saving_per_month < 0.0);
}

#[tokio::test]
async fn a_lower_maximum_fails_where_the_load_needs_it() {
    let mut request = request();
    request.proposed.max_capacity = 5;
    let found = replay(&request, &load(14), rate(), &Task::detached()).await.unwrap();
    assert_eq!(found.verdict, Verdict::Fail, "{:?}", found.reasons);
}

#[tokio::test]
async fn too_few_days_are_inconclusive() {
    let found = replay(&request(), &load(3), rate(), &Task::detached()).await.unwrap();
    assert_eq!(found.verdict, Verdict::Inconclusive);
    let nothing = replay(&request(), &Load::of(|_| &EMPTY), rate(), &Task::detached()).await;
    assert_eq!(nothing.unwrap_err().kind(), Kind::DataUnavailable, "no history has no minutes");
}

static EMPTY: std::sync::LazyLock<History> = std::sync::LazyLock::new(History::default);
