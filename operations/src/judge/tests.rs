//! The judge as its callers see it.

use super::*;
use proptest::prelude::*;

/// A level around `middle` without any autocorrelation, the same for the same arguments.
fn level(middle: f64, minutes: usize) -> Vec<Option<f64>> {
    const WAVES: [f64; 8] = [0.0, 0.08, -0.05, 0.03, -0.09, 0.06, -0.02, 0.05];
    (0..minutes).map(|minute| Some(middle * (1.0 + WAVES[minute * 3 % 8]))).collect()
}

fn latency(green: Vec<Option<f64>>, blue: Vec<Option<f64>>) -> Metric {
    Metric::new("p95 latency", "ms", Kind::Latency(Latency::new(green, Baseline::Concurrent(blue))))
}

fn minutes(count: usize, errors: u64, total: u64) -> Vec<Option<Requests>> {
    vec![Some(Requests { errors, total }); count]
}

fn errors(green: Vec<Option<Requests>>, blue: Vec<Option<Requests>>) -> Metric {
    Metric::new("5xx", "%", Kind::Ratio(Ratio::new(green, Baseline::Concurrent(blue))))
}

fn at(look: u32, metrics: Vec<Metric>) -> Report {
    judge(&Request { metrics, look, looks: 4 }).unwrap()
}

/// The verdict on one metric at the last look, and its line.
fn last(metric: Metric) -> (Verdict, String) {
    let mut report = at(4, vec![metric]);
    (report.verdict, report.metrics.remove(0).reason)
}

#[test]
fn a_slower_revision_fails_and_an_equal_one_passes() {
    let (verdict, reason) = last(latency(level(300.0, 30), level(200.0, 30)));
    assert_eq!(verdict, Verdict::Fail);
    let words =
        "p95 latency: 304 ms against 203 ms of blue, shift +50.7 % (98.6 % interval +44.8 % to +55.2 %), allowed +20 %";
    assert_eq!(reason, words);
    let report =
        at(4, vec![latency(level(206.0, 30), level(200.0, 30)), errors(minutes(30, 1, 900), minutes(30, 1, 900))]);
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!(report.reasons, ["no metric is worse than allowed (p95 latency, 5xx)"]);
}

#[test]
fn a_shift_that_is_significant_but_small_passes() {
    let report = at(4, vec![latency(level(230.0, 60), level(200.0, 60))]);
    let metric = &report.metrics[0];
    assert!(metric.p.unwrap() < metric.alpha.unwrap() && metric.interval.unwrap().low.unwrap() > 0.0);
    assert_eq!(report.verdict, Verdict::Pass, "15 % are allowed");
}

#[test]
fn less_can_be_worse() {
    let orders = |green| {
        let level = Latency::new(green, Baseline::Concurrent(level(50.0, 30)));
        Metric::new("orders", "/min", Kind::Latency(Latency { direction: Direction::LowerIsWorse, ..level }))
    };
    assert_eq!(last(orders(level(35.0, 30))).0, Verdict::Fail);
    assert_eq!(last(orders(level(70.0, 30))).0, Verdict::Pass);
    let level =
        Latency { direction: Direction::LowerIsWorse, ..Latency::new(level(9.0, 30), Baseline::Concurrent(vec![])) };
    let floor = Latency { limit: Some(HardLimit::new(10.0)), ..level };
    let report = at(1, vec![Metric::new("orders", "", Kind::Latency(floor))]);
    assert_eq!(report.reasons, ["orders: below its limit of 10 for 2 periods in a row, 9.27 in the last"]);
}

#[test]
fn more_errors_fail_by_difference_floor_and_factor() {
    let fails = |green, blue| last(errors(minutes(15, green, 2000), minutes(15, blue, 2000)));
    let (verdict, reason) = fails(10, 2);
    assert_eq!(verdict, Verdict::Fail);
    let words = "5xx: 0.5 % of 30000 requests against 0.1 % of 30000 of blue, +0.4 points \
                 (98.6 % interval +0.294 points to +0.516 points), allowed +0.1 points or 1.5×";
    assert_eq!(reason, words);
    assert_eq!(fails(28, 20).0, Verdict::Pass, "1.4 times");
    let small = last(errors(minutes(15, 3, 20_000), minutes(15, 1, 20_000)));
    assert_eq!(small.0, Verdict::Pass, "0.01 points");
}

#[test]
fn a_hard_limit_stops_at_the_first_look() {
    let mut green = minutes(4, 0, 40);
    green[2] = Some(Requests { errors: 3, total: 40 });
    assert_eq!(at(1, vec![errors(green.clone(), minutes(4, 0, 40))]).verdict, Verdict::Continue, "one minute");
    green[3] = Some(Requests { errors: 4, total: 40 });
    let report = at(1, vec![errors(green, minutes(4, 0, 40))]);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reasons, ["5xx: above its limit of 5 % for 2 periods in a row: 7 of 80 requests, 8.75 %"]);
    let quiet = |count| errors(minutes(count, 2, 12), minutes(count, 0, 12));
    assert_eq!(at(1, vec![quiet(4)]).verdict, Verdict::Continue, "48 requests");
    assert_eq!(at(1, vec![quiet(5)]).verdict, Verdict::Fail, "60 requests");
}

#[test]
fn what_is_unknown_never_passes_and_never_fails() {
    let mut gaps = level(900.0, 30);
    gaps[3..10].fill(None);
    let cases = [
        (latency(level(900.0, 11), level(200.0, 11)), "only 11 periods of green are known, at least 12 are needed"),
        (latency(gaps, level(200.0, 30)), "only 23 of 30 periods of green are known, 80 % are needed"),
        (latency(level(900.0, 30), vec![None; 30]), "no period of blue is known"),
        (latency(level(900.0, 30), vec![Some(f64::NAN); 30]), "a value is no finite number"),
        (latency(vec![Some(f64::INFINITY); 30], level(200.0, 30)), "a value is no finite number"),
        (errors(minutes(15, 1, 19), minutes(15, 0, 900)), "only 285 requests of green, at least 300 are needed"),
        (errors(minutes(15, 1, 900), minutes(15, 0, 0)), "only 0 requests of blue, at least 300 are needed"),
        (errors(minutes(15, 3, 2), minutes(15, 0, 900)), "a period has more errors than requests"),
    ];
    for (metric, words) in cases {
        let metric = match metric.kind {
            Kind::Ratio(ratio) => Metric { kind: Kind::Ratio(Ratio { limit: None, ..ratio }), ..metric },
            kind => Metric { kind, ..metric },
        };
        assert_eq!(at(1, vec![metric.clone()]).verdict, Verdict::Continue, "{words}");
        let report = at(4, vec![metric, latency(level(200.0, 30), level(200.0, 30))]);
        assert_eq!(report.verdict, Verdict::Inconclusive, "{words}");
        assert!(report.reasons.len() == 1 && report.reasons[0].ends_with(words), "{:?}", report.reasons);
    }
    assert_eq!(at(4, Vec::new()).verdict, Verdict::Inconclusive);
    assert_eq!(at(3, Vec::new()).verdict, Verdict::Continue);
}

#[test]
fn a_failure_outweighs_what_is_unknown() {
    let report = at(4, vec![latency(vec![], vec![]), latency(level(300.0, 30), level(200.0, 30))]);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.reasons.len(), 1);
}

#[test]
fn early_looks_fail_only_what_is_clear() {
    let shifted = |minutes| latency(level(300.0, minutes), level(200.0, minutes));
    let at_look = |look| at(look, vec![shifted(15 * look as usize)]).verdict;
    assert_eq!([1, 2].map(at_look), [Verdict::Continue, Verdict::Fail], "of an hour");
    let report = at(2, vec![latency(level(200.0, 30), level(200.0, 30))]);
    assert_eq!(report.verdict, Verdict::Continue);
    assert_eq!(report.reasons, ["look 2 of 4: nothing has failed so far (p95 latency)"]);
}

#[test]
fn metrics_share_the_level_unless_they_are_critical() {
    let same = || latency(level(200.0, 30), level(200.0, 30));
    let worse = |factor| latency(level(200.0 * factor, 30), level(200.0, 30));
    let report = at(4, vec![same(), same().critical(), worse(1.3), worse(2.0)]);
    let alphas: Vec<f64> = report.metrics.iter().map(|metric| metric.alpha.unwrap()).collect();
    let whole = alpha::at_look(alpha::ALPHA, 4, 4);
    // The second is critical, the last one's shift is; the other two share, the smaller p value first.
    assert_eq!(alphas, [whole, whole, whole / 2.0, whole]);
    assert_eq!(report.metrics.iter().map(|metric| metric.critical).collect::<Vec<_>>(), [false, true, false, true]);
    let alphas: Vec<f64> = at(4, vec![same(), same()]).metrics.iter().map(|metric| metric.alpha.unwrap()).collect();
    assert_eq!(alphas, [whole / 2.0; 2], "the first is not below its level, so the second gets no more");
}

fn memory(series: Vec<Option<f64>>) -> Metric {
    let gauge = Gauge::new(series, 60, HardLimit::new(90.0));
    Metric::new("memory", "%", Kind::Gauge(Gauge { leak: Some(Leak::default()), ..gauge }))
}

#[test]
fn a_leak_is_a_rise_that_reaches_the_limit_soon() {
    let rising = |per_hour: f64| {
        let noise = level(1.0, 30);
        let value =
            |(minute, noise): (usize, Option<f64>)| noise.map(|noise| 60.0 + noise + per_hour * minute as f64 / 60.0);
        memory(noise.into_iter().enumerate().map(value).collect())
    };
    let (verdict, reason) = last(rising(12.0));
    assert_eq!(verdict, Verdict::Fail);
    assert!(reason.ends_with("its limit of 90 % reached in 1.99 h, allowed +1.8 %/h or 6 h"), "{reason}");
    assert_eq!(last(rising(4.0)).0, Verdict::Pass, "in seven hours only");
    let full = memory(vec![Some(95.0); 30]);
    assert_eq!(last(full).1, "memory: above its limit of 90 % for 2 periods in a row, 95 % in the last");
    assert_eq!(last(memory(level(60.0, 5))).0, Verdict::Inconclusive);
}

#[test]
fn a_warm_up_is_no_leak() {
    for time in [2.0, 5.0, 10.0, 18.0] {
        let warm = |minute: u32| Some(70.0 - 20.0 * (-f64::from(minute) / time).exp());
        let report = at(4, vec![memory((0..30).map(warm).collect())]);
        assert_eq!(report.verdict, Verdict::Pass, "{:?}", report.metrics);
        let half = at(2, vec![memory((0..15).map(warm).collect())]);
        assert_eq!(half.verdict, Verdict::Continue, "half of it looks like a leak: {:?}", half.metrics);
    }
}

#[test]
fn a_gauge_without_a_search_for_leaks_has_its_limit_only() {
    let gauge = Gauge::new((0..30).map(|minute| Some(f64::from(minute))).collect(), 60, HardLimit::new(90.0));
    let (verdict, reason) = last(Metric::new("CPU", "%", Kind::Gauge(gauge)));
    assert_eq!((verdict, reason.as_str()), (Verdict::Pass, "CPU: 14.5 %, its limit is 90 %"));
}

#[test]
fn counts_are_compared_by_their_rates() {
    let minutes = |events| vec![Some(Events { events, exposure: 10.0 }); 15];
    let count = |green, blue| Count::new(minutes(green), Baseline::Concurrent(minutes(blue)));
    let metric = |count| Metric::new("restarts", "", Kind::Count(count));
    let (verdict, reason) = last(metric(count(3, 1)));
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        reason.starts_with("restarts: 45 in 150 against 15 in 150 of blue, 3× (98.6 % interval 1.48× to 6.56×)"),
        "{reason}"
    );
    assert_eq!(last(metric(count(0, 0))).0, Verdict::Pass);
    let fewer = |green| Count { direction: Direction::LowerIsWorse, allowed: 0.3, ..count(green, 20) };
    assert_eq!([12, 16, 40].map(|green| last(metric(fewer(green))).0), [Verdict::Fail, Verdict::Pass, Verdict::Pass]);
    let idle = Count::new(vec![Some(Events { events: 0, exposure: 0.0 }); 15], Baseline::Concurrent(minutes(1)));
    assert_eq!(last(metric(idle)), (Verdict::Inconclusive, "restarts: green had no exposure".to_owned()));
}

#[test]
fn earlier_weeks_are_a_baseline() {
    let weeks = Baseline::History(vec![level(190.0, 30), level(200.0, 30), level(900.0, 30)]);
    let report = at(4, vec![Metric::new("p95 latency", "ms", Kind::Latency(Latency::new(level(300.0, 30), weeks)))]);
    assert_eq!(report.verdict, Verdict::Fail, "the strange week is outvoted");
    assert!(report.reasons[0].contains("against 203 ms of the earlier weeks"), "{:?}", report.reasons);
    let weeks = Baseline::History(vec![minutes(15, 1, 1000), vec![None; 15], minutes(15, 1, 1000)]);
    let report = at(4, vec![Metric::new("5xx", "%", Kind::Ratio(Ratio::new(minutes(15, 1, 1000), weeks)))]);
    assert_eq!((report.verdict, report.metrics[0].blue.as_ref().unwrap().exposure), (Verdict::Pass, Some(30_000.0)));
}

#[test]
fn a_request_that_makes_no_sense_names_its_field() {
    let fault = |metric: Metric, look, looks| judge(&Request { metrics: vec![metric], look, looks }).unwrap_err();
    let fine = || Latency::new(level(200.0, 30), Baseline::Concurrent(level(200.0, 30)));
    let metric = |latency| Metric::new("p95", "ms", Kind::Latency(latency));
    assert_eq!(fault(metric(fine()), 5, 4).message(), "look must be from 1 to looks (4), not 5");
    assert_eq!(fault(metric(fine()), 0, 0).message(), "look must be from 1 to looks (0), not 0");
    let error = fault(metric(Latency { allowed: f64::NAN, ..fine() }), 1, 4);
    assert_eq!(error.name(), "Ops.InvalidInput");
    assert!(error.message().starts_with("metric \"p95\": allowed must be a finite number from 0 on"));
    let limit = HardLimit { periods: 0, ..HardLimit::new(5.0) };
    assert!(fault(metric(Latency { limit: Some(limit), ..fine() }), 1, 4).message().contains("at least one period"));
    let gauge = Gauge::new(vec![], 0, HardLimit::new(90.0));
    assert!(fault(Metric::new("CPU", "%", Kind::Gauge(gauge)), 1, 4).message().contains("period_seconds"));
}

#[test]
fn a_report_is_camel_case_json_and_reads_back() {
    let report = at(4, vec![latency(level(300.0, 30), level(200.0, 30)), latency(vec![], vec![])]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["verdict"], &json["metrics"][1]["verdict"]), (&"FAIL".into(), &"INCONCLUSIVE".into()));
    assert_eq!(json["metrics"][0]["kind"], "latency");
    assert_eq!(json["metrics"][0]["baseline"], "concurrent");
    assert!(json["metrics"][1].get("interval").is_none(), "what is not known is absent");
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);
}

fn sample() -> impl Strategy<Value = Vec<Option<f64>>> {
    let point = prop_oneof![9 => (20u32..400).prop_map(|value| Some(f64::from(value))), 1 => Just(None)];
    prop::collection::vec(point, 12..40)
}

fn verdicts(report: &Report) -> Vec<Verdict> {
    report.metrics.iter().map(|metric| metric.verdict).collect()
}

fn times(series: &[Option<f64>], factor: f64) -> Vec<Option<f64>> {
    series.iter().map(|point| point.map(|value| value * factor)).collect()
}

proptest! {
    #[test]
    fn the_unit_changes_no_verdict(green in sample(), blue in sample(), look in 1u32..=4, shift in 1u32..4) {
        let green = times(&green, f64::from(shift));
        let plain = at(look, vec![latency(green.clone(), blue.clone())]);
        for exponent in -6..=6 {
            let factor = 10f64.powi(exponent);
            let scaled = at(look, vec![latency(times(&green, factor), times(&blue, factor))]);
            prop_assert_eq!(verdicts(&plain), verdicts(&scaled), "10^{}", exponent);
            prop_assert_eq!((plain.metrics[0].p, plain.metrics[0].rho), (scaled.metrics[0].p, scaled.metrics[0].rho));
        }
    }

    #[test]
    fn swapped_sides_fail_the_other_way(green in sample(), blue in sample()) {
        let judged = |green: &[Option<f64>], blue: &[Option<f64>], direction| {
            let level = Latency::new(green.to_vec(), Baseline::Concurrent(blue.to_vec()));
            // Without an allowance, which is a part of the one side's median only.
            let level = Latency { direction, allowed: 0.0, ..level };
            at(4, vec![Metric::new("level", "", Kind::Latency(level))])
        };
        let (one, other) =
            (judged(&green, &blue, Direction::HigherIsWorse), judged(&blue, &green, Direction::LowerIsWorse));
        prop_assert_eq!(verdicts(&one), verdicts(&other));
        prop_assert_eq!(one.metrics[0].p, other.metrics[0].p);
        prop_assert_eq!(one.metrics[0].estimate.map(|shift| -shift), other.metrics[0].estimate);
        let back = judged(&blue, &green, Direction::HigherIsWorse);
        prop_assert!(!(one.verdict == Verdict::Fail && back.verdict == Verdict::Fail), "both are worse");
    }

    #[test]
    fn the_same_request_gets_the_same_report(green in sample(), blue in sample(), look in 1u32..=4) {
        let request = Request { metrics: vec![latency(green, blue)], look, looks: 4 };
        prop_assert_eq!(judge(&request).unwrap(), judge(&request.clone()).unwrap());
    }

    #[test]
    fn a_slower_green_is_never_judged_better(
        green in sample(), blue in sample(), more in 0.0f64..200.0, look in 1u32..=4
    ) {
        let slower = green.iter().map(|point| point.map(|value| value + more)).collect();
        let before = at(look, vec![latency(green, blue.clone())]);
        if before.verdict == Verdict::Fail {
            prop_assert_eq!(at(look, vec![latency(slower, blue)]).verdict, Verdict::Fail);
        }
    }

    #[test]
    fn more_errors_are_never_judged_better(
        green in prop::collection::vec((0u64..20, 20u64..400), 15),
        blue in prop::collection::vec((0u64..20, 20u64..400), 15),
        minute in 0usize..15
    ) {
        let side = |periods: &[(u64, u64)]| -> Vec<Option<Requests>> {
            periods.iter().map(|(errors, total)| Some(Requests { errors: *errors, total: *total })).collect()
        };
        let (mut worse, blue) = (green.clone(), side(&blue));
        worse[minute].0 = (worse[minute].0 + 5).min(worse[minute].1);
        if at(4, vec![errors(side(&green), blue.clone())]).verdict == Verdict::Fail {
            prop_assert_eq!(at(4, vec![errors(side(&worse), blue)]).verdict, Verdict::Fail);
        }
    }
}
