use super::certificate::MIN_VALIDITY;
use super::comparison::FLOOR_MS;
use super::observed::{Compared, Health};
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

fn input() -> Value {
    json!({"target": "orders", "stage": "test-traffic", "baseUrl": "http://10.0.0.7:9000", "expectVersion": "8",
        "compareUrl": "http://10.0.0.7",
        "entry": {"catalogId": "orders", "deployment": {
            "testUrl": "http://10.0.0.7:9000/", "productionUrl": "http://10.0.0.7"}},
        "smoke": {"versionPath": "/version", "requests": [
            {"name": "list", "path": "/orders?limit=1", "expect": {"status": [200], "json": {"/total": 3}}},
            {"name": "no token", "method": "POST", "path": "/orders", "body": {"item": 1}, "expect": {"status": [401, 403]}}]}})
}

fn refusal(edit: impl FnOnce(&mut Value)) -> Error {
    let mut input = input();
    edit(&mut input);
    Smoke::parse(&input).unwrap_err()
}

#[test]
fn an_input_is_read_with_its_defaults() {
    let smoke = Smoke::parse(&input()).unwrap();
    let plan = &smoke.plan;
    assert_eq!((plan.rounds, plan.concurrency, plan.pairs, plan.max_slowdown), (3, 8, 20, 1.5));
    assert_eq!(plan.timeout, Duration::from_secs(5));
    assert_eq!(plan.requests[1].body.as_deref(), Some("{\"item\":1}"));
    assert_eq!(plan.requests[1].headers, [("content-type".to_owned(), "application/json".to_owned())]);
    let names: Vec<_> = smoke.checks().into_iter().map(|check| check.request.name).collect();
    assert_eq!(names, ["version", "list", "no token"]);
    assert!(smoke.omissions().is_empty());
    let mut bare = input();
    (bare["compareUrl"], bare["expectVersion"]) = (Value::Null, Value::Null);
    // The catalogue's own plan stands in where the input repeats none.
    bare["entry"]["deployment"]["smoke"] = bare["smoke"].take();
    let smoke = Smoke::parse(&bare).unwrap();
    assert_eq!(smoke.checks().len(), 2);
    assert_eq!(smoke.omissions().len(), 2);
}

#[test]
fn only_the_catalogues_urls_are_asked() {
    for field in ["baseUrl", "compareUrl"] {
        for url in ["http://10.0.0.8", "https://10.0.0.7", "http://10.0.0.7/other", "http://10.0.0.7:9001"] {
            let error = refusal(|input| input[field] = json!(url));
            assert_eq!(error.name(), "Ops.InvalidInput");
            let wanted = format!("{field} must be entry.deployment.testUrl or entry.deployment.productionUrl");
            assert!(error.message().starts_with(&wanted), "{error}");
        }
    }
    let error = refusal(|input| {
        input["entry"]["deployment"]["testUrl"] = json!("http://169.254.169.254");
    });
    assert_eq!(error.message(), "entry.deployment.testUrl must not be a link-local or metadata address");
    assert_eq!(error.name(), "Ops.ConfigInvalid");
    let error = refusal(|input| input["compareUrl"] = input["baseUrl"].clone());
    assert!(error.message().starts_with("compareUrl is baseUrl"), "{error}");
    let error = refusal(|input| input["target"] = json!("search"));
    assert_eq!(error.name(), "Ops.UnknownTarget");
}

#[test]
fn what_is_missing_from_the_input_is_named() {
    for (field, kind) in [
        ("target", "Ops.InvalidInput"),
        ("stage", "Ops.InvalidInput"),
        ("baseUrl", "Ops.InvalidInput"),
        ("entry", "Ops.InvalidInput"),
    ] {
        let error = refusal(|input| input[field] = Value::Null);
        assert!(error.message().starts_with(&format!("{field} is missing")), "{error}");
        assert_eq!(error.name(), kind);
    }
    let error = refusal(|input| input["smoke"] = Value::Null);
    assert_eq!(error.message(), "entry.deployment.smoke is missing: add it");
    let error = refusal(|input| input["requestId"] = json!("a\r\nb"));
    assert!(error.message().starts_with("requestId must be"), "{error}");
}

#[test]
fn broken_plans_are_refused_by_field() {
    let cases = [
        ("/requests", json!([]), "smoke.requests is missing or empty"),
        ("/requests", json!(vec![json!({"name": "a", "path": "/"}); 51]), "smoke.requests must have at most 50"),
        ("/requests/1/name", json!("list"), "smoke.requests[1].name is \"list\" a second time"),
        ("/requests/1/name", json!("version"), "smoke.requests[1].name is \"version\" a second time"),
        ("/requests/0/path", json!("orders"), "smoke.requests[0].path must begin with one /"),
        ("/requests/0/path", json!("//evil.example/"), "smoke.requests[0].path must begin with one /"),
        ("/requests/0/path", json!("/a\r\nHost: b"), "smoke.requests[0].path has '\\r'"),
        ("/requests/0/method", json!("get"), "smoke.requests[0].method must be one of GET, HEAD"),
        ("/requests/0/body", json!("x"), "smoke.requests[0].body must be absent: a GET has none"),
        ("/requests/0/headers", json!({"Host": "a"}), "smoke.requests[0].headers.Host is set by the tester"),
        ("/requests/0/headers", json!({"a b": "c"}), "smoke.requests[0].headers.a b is no name"),
        ("/requests/0/headers", json!({"a": "b\r\nc: d"}), "smoke.requests[0].headers.a must have only visible"),
        ("/requests/0/expect", json!({"states": [200]}), "smoke.requests[0].expect.states is no field here"),
        ("/requests/0/expect", json!({"status": []}), "smoke.requests[0].expect.status must be a list"),
        ("/requests/0/expect", json!({"status": [99]}), "smoke.requests[0].expect.status must be a list"),
        (
            "/requests/0/expect",
            json!({"json": {"total": 3}}),
            "smoke.requests[0].expect.json.total must be a JSON pointer",
        ),
        ("/rounds", json!(0), "smoke.rounds must be between 1 and 20"),
        ("/concurrency", json!(65), "smoke.concurrency must be between 1 and 64"),
        ("/pairs", json!(6), "smoke.pairs must be between 7 and 200"),
        ("/timeoutMs", json!(1), "smoke.timeoutMs must be between 50 and 60000"),
        ("/maxSlowdown", json!(1), "smoke.maxSlowdown must be more than 1"),
        ("/versionPath", Value::Null, "smoke.versionPath is missing: versionPointer needs it"),
        ("/roundz", json!(3), "smoke.roundz is no field here"),
    ];
    for (pointer, value, wanted) in cases {
        let error = refusal(|input| {
            input["smoke"]["versionPointer"] = json!("/version");
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            input["smoke"].pointer_mut(parent).unwrap()[field] = value;
        });
        assert_eq!(error.name(), "Ops.ConfigInvalid");
        assert!(error.message().starts_with(wanted), "{error}, not {wanted}");
    }
}

fn answered(status: u16, body: &str) -> Result<Exchange, String> {
    timed(status, body, 10.0)
}

fn timed(status: u16, body: &str, total_ms: f64) -> Result<Exchange, String> {
    let answer = Answer { status, location: None, body: body.as_bytes().to_vec() };
    Ok(Exchange { answer, timing: Timing { total_ms, ..Timing::default() }, validity: None })
}

fn list() -> Check {
    Smoke::parse(&input()).unwrap().checks().remove(1)
}

fn version_check() -> Check {
    Smoke::parse(&input()).unwrap().checks().remove(0)
}

fn failure(check: &Check, outcome: Result<Exchange, String>) -> Option<String> {
    Attempt::judged(check, Side::Green, outcome).failure
}

#[test]
fn an_answer_must_be_as_expected_in_everything() {
    let mut check = list();
    check.request.expect.contains = Some("open".into());
    assert_eq!(failure(&check, answered(200, r#"{"total": 3.0, "state": "open"}"#)), None);
    let cases = [
        (answered(500, ""), "answered 500, not 200"),
        (answered(200, "<html>"), "the body is no JSON"),
        (answered(200, "{}"), "/total is not in the body"),
        (answered(200, r#"{"total": 4}"#), "/total is 4, not 3"),
        (answered(200, r#"{"total": 3}"#), "the body does not contain \"open\""),
        (Err("no connection".into()), "no connection"),
    ];
    for (outcome, wanted) in cases {
        assert_eq!(failure(&check, outcome).as_deref(), Some(wanted));
    }
    let negative = Smoke::parse(&input()).unwrap().checks().remove(2);
    assert_eq!(failure(&negative, answered(403, "")), None);
    assert_eq!(failure(&negative, answered(200, "")).as_deref(), Some("answered 200, not 401 or 403"));
}

#[test]
fn a_redirect_is_an_answer_to_be_judged() {
    let mut check = list();
    check.request.expect.json.clear();
    let mut redirect = answered(302, "");
    if let Ok(exchange) = &mut redirect {
        exchange.answer.location = Some("http://169.254.169.254/".into());
    }
    let wanted = "answered 302, a redirect to \"http://169.254.169.254/\", not 200: redirects are not followed";
    assert_eq!(failure(&check, redirect.clone()).as_deref(), Some(wanted));
    check.request.expect.status = vec![302];
    assert_eq!(failure(&check, redirect), None);
}

#[test]
fn a_certificate_must_be_valid_for_more_than_two_weeks() {
    let mut check = list();
    check.request.expect.json.clear();
    let with = |validity| answered(200, "").map(|exchange| Exchange { validity: Some(validity), ..exchange });
    assert_eq!(failure(&check, with(Some(MIN_VALIDITY + Duration::from_secs(1)))), None);
    let wanted = "the TLS certificate expires in 14 days: more than 14 are needed";
    assert_eq!(failure(&check, with(Some(MIN_VALIDITY))).as_deref(), Some(wanted));
    assert!(failure(&check, with(None)).is_some(), "what is not known never passes");
    // Blue's certificate is not green's fault.
    assert!(Attempt::judged(&check, Side::Blue, with(None)).passed());
}

#[test]
fn the_old_side_is_named_and_fails_even_once() {
    let check = version_check();
    let mut observed = Observed::new(check.clone());
    for _ in 0..9 {
        observed.round(Attempt::judged(&check, Side::Green, answered(200, r#"{"version": 8}"#)));
    }
    assert_eq!(observed.health(), Health::Healthy);
    let old = Attempt::judged(&check, Side::Green, answered(200, r#"{"version": "7"}"#));
    assert_eq!(old.failure.as_deref(), Some("answered by the old side: its version is \"7\", not \"8\""));
    observed.round(old);
    assert_eq!(observed.health(), Health::Unhealthy);
    let silent = failure(&check, answered(200, r#"{"version": null}"#));
    assert_eq!(silent.as_deref(), Some("/version is no text and no number"));
}

fn rounds(pattern: &[bool]) -> Observed {
    let check = list();
    let mut observed = Observed::new(check.clone());
    for good in pattern {
        observed.round(Attempt::judged(
            &check,
            Side::Green,
            answered(if *good { 200 } else { 500 }, r#"{"total": 3}"#),
        ));
    }
    observed
}

#[test]
fn three_passes_are_needed() {
    let cases = [
        (vec![true, true, true], Health::Healthy, Verdict::Pass),
        (vec![true, false, true], Health::Degraded, Verdict::Inconclusive),
        (vec![false, false, true], Health::Unhealthy, Verdict::Fail),
        (vec![false, false, false], Health::Unhealthy, Verdict::Fail),
        (vec![], Health::Unhealthy, Verdict::Fail),
    ];
    for (pattern, health, verdict) in cases {
        let found = rounds(&pattern).health();
        assert_eq!((found, found.verdict()), (health, verdict), "{pattern:?}");
    }
}

/// Pairs with these times and blue answers, as long as they are wanted.
fn paired(check: &Check, green_ms: f64, blue: impl Fn() -> Result<Exchange, String>) -> (Observed, Smoke) {
    let smoke = Smoke::parse(&input()).unwrap();
    let body = if check.version.is_some() { r#"{"version": "8"}"# } else { r#"{"total": 3}"# };
    let mut observed = Observed::new(check.clone());
    let green = || Attempt::judged(check, Side::Green, timed(200, body, green_ms));
    (0..3).for_each(|_| observed.round(green()));
    while observed.wants_pair(&smoke.plan) {
        observed.pair(green(), Attempt::judged(check, Side::Blue, blue()));
    }
    (observed, smoke)
}

fn verdict_of(observed: Observed, smoke: &Smoke) -> (Value, String) {
    let report = report(smoke, &[observed], 0);
    let reasons: Vec<_> = report["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    (report["verdict"].clone(), reasons.join("; "))
}

#[test]
fn pairs_take_turns_and_decide_by_the_difference() {
    let (observed, smoke) = paired(&list(), 40.0, || timed(200, r#"{"total": 3}"#, 20.0));
    assert_eq!((observed.green.len(), observed.blue.len()), (23, 20));
    let (verdict, reasons) = verdict_of(observed, &smoke);
    assert_eq!(verdict, "FAIL");
    assert!(reasons.starts_with("list: slower than blue: +20.0 ms"), "{reasons}");
    let (observed, smoke) = paired(&list(), 20.0 + FLOOR_MS / 2.0, || timed(200, r#"{"total": 3}"#, 20.0));
    assert_eq!(verdict_of(observed, &smoke), (json!("PASS"), String::new()));
    let mut turns = Observed::new(list());
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(turns.green_first());
        let answer = || Attempt::judged(&list(), Side::Blue, answered(200, r#"{"total": 3}"#));
        turns.pair(answer(), answer());
    }
    assert_eq!(order, [true, false, true, false]);
}

#[test]
fn the_way_to_the_load_balancer_is_not_compared() {
    let smoke = Smoke::parse(&input()).unwrap();
    let mut observed = Observed::new(list());
    while observed.wants_pair(&smoke.plan) || observed.green.is_empty() {
        let far = timed(200, r#"{"total": 3}"#, 300.0).map(|mut exchange| {
            let timing = &mut exchange.timing;
            (timing.dns_ms, timing.connect_ms, timing.tls_ms) = (90.0, 100.0, Some(100.0));
            exchange
        });
        let near = timed(200, r#"{"total": 3}"#, 10.0);
        observed.pair(Attempt::judged(&list(), Side::Green, far), Attempt::judged(&list(), Side::Blue, near));
    }
    let Compared::Made(difference) = observed.compared(true, &smoke.plan) else { panic!("it was wanted") };
    assert_eq!((difference.pairs, difference.green, difference.blue), (20, Some(10.0), Some(10.0)));
    assert_eq!(verdict_of(observed, &smoke).0, "PASS");
}

#[test]
fn a_blue_that_cannot_be_compared_with_is_told_apart() {
    let (observed, smoke) = paired(&list(), 20.0, || Err("no connection".into()));
    assert_eq!(observed.blue.len(), 3, "the rest is spared");
    let (verdict, reasons) = verdict_of(observed, &smoke);
    assert_eq!(verdict, "INCONCLUSIVE");
    assert_eq!(reasons, "list: 0 pairs of answers are too few to compare: 7 are needed; blue: no connection");
    let (observed, smoke) = paired(&list(), 20.0, || answered(404, ""));
    let (verdict, reasons) = verdict_of(observed, &smoke);
    assert_eq!((verdict, reasons.as_str()), (json!("PASS"), "list: not compared: blue does not know this request yet"));
    let post = Smoke::parse(&input()).unwrap().checks().remove(2);
    let mut observed = Observed::new(post.clone());
    (0..3).for_each(|_| observed.round(Attempt::judged(&post, Side::Green, answered(401, ""))));
    assert!(!observed.wants_pair(&smoke.plan), "blue serves people");
    let (verdict, reasons) = verdict_of(observed, &smoke);
    assert_eq!(verdict, "PASS");
    assert!(reasons.contains("no token: not compared: a POST is not sent to blue"), "{reasons}");
}

#[test]
fn a_comparison_of_green_with_itself_never_passes() {
    let (observed, smoke) = paired(&version_check(), 10.0, || answered(200, r#"{"version": "8"}"#));
    let (verdict, reasons) = verdict_of(observed, &smoke);
    assert_eq!(verdict, "INCONCLUSIVE");
    assert!(reasons.contains("compareUrl answers with the new version too"), "{reasons}");
    let (observed, smoke) = paired(&version_check(), 10.0, || answered(200, r#"{"version": "7"}"#));
    assert_eq!(verdict_of(observed, &smoke), (json!("PASS"), String::new()));
}

#[test]
fn without_a_comparison_the_report_says_so() {
    let mut input = input();
    input["compareUrl"] = Value::Null;
    let smoke = Smoke::parse(&input).unwrap();
    let observed = rounds(&[true, true, true]);
    assert_eq!(observed.compared(false, &smoke.plan), Compared::Not(None));
    let report = report(&smoke, &[observed], 1_780_000_000_000);
    assert_eq!(report["verdict"], "PASS");
    assert_eq!(report["reasons"], json!(["no comparison: compareUrl is missing"]));
    let endpoint = &report["endpoints"][0];
    assert_eq!(endpoint["url"], "http://10.0.0.7:9000/orders?limit=1");
    assert_eq!((&endpoint["attempts"], &endpoint["passed"], &endpoint["p95Ms"]), (&json!(3), &json!(3), &json!(10.0)));
    assert_eq!((&endpoint["blue"], &endpoint["difference"]), (&Value::Null, &Value::Null));
    assert_eq!(report["evidence"][0]["ref"], "GET http://10.0.0.7:9000/orders?limit=1");
}

#[test]
fn the_worst_report_fits_into_a_states_data() {
    let mut input = input();
    let long = "x".repeat(60);
    let request = |index: usize| json!({"name": format!("{index}-{long}"), "path": format!("/{long}{long}")});
    input["smoke"]["requests"] = (0..50).map(request).collect();
    let smoke = Smoke::parse(&input).unwrap();
    let observed: Vec<_> = smoke
        .checks()
        .into_iter()
        .map(|check| {
            let mut observed = Observed::new(check.clone());
            for index in 0..20 {
                let outcome = Err(format!("{index}: {}", "broken ".repeat(1_000)));
                observed.round(Attempt::judged(&check, Side::Green, outcome.clone()));
                observed.pair(
                    Attempt::judged(&check, Side::Green, outcome.clone()),
                    Attempt::judged(&check, Side::Blue, outcome),
                );
            }
            observed
        })
        .collect();
    let length = report(&smoke, &observed, 0).to_string().len();
    assert!(length < 256 * 1024, "{length} bytes");
}

proptest! {
    #[test]
    fn nothing_passes_with_a_failure_in_it(pattern in proptest::collection::vec(any::<bool>(), 0..12)) {
        let good = !pattern.is_empty() && pattern.iter().all(|passed| *passed);
        let smoke = Smoke::parse(&{ let mut input = input(); input["compareUrl"] = Value::Null; input }).unwrap();
        let report = report(&smoke, &[rounds(&pattern)], 0);
        prop_assert_eq!(report["verdict"] == "PASS", good);
        prop_assert_eq!(pattern.iter().all(|passed| !passed), report["endpoints"][0]["passed"] == 0);
    }

    #[test]
    fn the_verdict_is_the_worst_of_the_endpoints(
        first in proptest::collection::vec(any::<bool>(), 1..5), second in proptest::collection::vec(any::<bool>(), 1..5)
    ) {
        let smoke = Smoke::parse(&{ let mut input = input(); input["compareUrl"] = Value::Null; input }).unwrap();
        let (first, second) = (rounds(&first), rounds(&second));
        let worst = first.health().verdict().max(second.health().verdict());
        prop_assert_eq!(&report(&smoke, &[first, second], 0)["verdict"], worst.name());
    }

    #[test]
    fn no_input_breaks_the_reader(pointer in 0usize..8, text in ".{0,20}") {
        let mut input = input();
        let pointers = ["/baseUrl", "/compareUrl", "/smoke/requests/0/path", "/smoke/requests/0/name",
            "/smoke/versionPath", "/expectVersion", "/requestId", "/smoke/requests/0/method"];
        match input.pointer_mut(pointers[pointer]) {
            Some(value) => *value = json!(text),
            None => input["requestId"] = json!(text),
        }
        let _ = Smoke::parse(&input);
    }
}

#[test]
fn a_test_of_nothing_never_passes() {
    assert_eq!(report(&Smoke::parse(&input()).unwrap(), &[], 0)["verdict"], "INCONCLUSIVE");
}
