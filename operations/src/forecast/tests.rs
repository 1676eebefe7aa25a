//! What a forecast promises, whatever the load.

use super::experiment::series;
use super::{Forecast, Gate, HORIZON, Method, Request, ahead, backtest, forecast};
use crate::history::{HOUR_MS, HOURS_OF_WEEK, History, WEEK_MS};
use proptest::prelude::*;

fn history(values: &[f64]) -> History {
    History::new(0, 3_600, values.iter().copied().map(Some).collect())
}

/// The answer for a history where a task takes a load of 20.
fn answer(load: &History) -> Forecast {
    forecast(&Request::new(load, 20.0)).unwrap()
}

fn with_gaps(values: &[f64], gap: impl Fn(usize) -> bool) -> History {
    let value = |(hour, value): (usize, &f64)| (!gap(hour)).then_some(*value);
    History::new(0, 3_600, values.iter().enumerate().map(value).collect())
}

#[test]
fn a_weekly_pattern_opens_the_gate() {
    let answer = answer(&history(&series("weekly")));
    assert_eq!((answer.champion, answer.gate), (Some(Method::HoltWinters), Gate::Open));
    assert_eq!(
        answer.reasons,
        ["holt-winters: MASE 0.86, short in 3.0 % of 336 hours, with 1.12 times the task-hours needed"]
    );
    assert_eq!(answer.hours[0].at, 42 * 24 * HOUR_MS);
    assert_eq!(answer.hours.len(), HORIZON);
    for hour in &answer.hours {
        assert!(hour.planned > hour.expected && f64::from(hour.tasks) >= hour.planned / 20.0, "{hour:?}");
    }
    let day = answer.last_day.unwrap();
    assert_eq!(day.hours, 24);
    assert!((day.expected / day.actual - 1.0).abs() < 0.1, "{day:?}");
}

#[test]
fn the_champion_is_the_best_that_passes() {
    let load = history(&series("bursty"));
    let answer = answer(&load);
    let of = |method: Method| answer.backtests.iter().find(|backtest| backtest.method == method).unwrap();
    assert_eq!((answer.champion, answer.gate), (Some(Method::HoltWinters), Gate::Open));
    assert!(of(Method::WeeklyMedian).mase < of(Method::HoltWinters).mase, "more precise, but short too often");
    assert!(of(Method::WeeklyMedian).under_provisioned_percent > 5.0);
}

#[test]
fn where_no_method_passes_nothing_is_planned() {
    let answer = answer(&history(&series("shift")));
    assert_eq!((answer.champion, answer.gate), (Some(Method::WeeklyMedian), Gate::ReactiveOnly));
    assert_eq!(
        answer.reasons[1],
        "reactive only: no method passes, the champion's plan is short in 9.8 % of the hours, above 5 %"
    );
    assert_eq!(answer.hours.len(), HORIZON, "a report still says what was expected");
}

#[test]
fn a_load_that_never_differs_is_forecast_exactly() {
    let values: Vec<f64> = (0..5 * HOURS_OF_WEEK).map(|hour| (hour % HOURS_OF_WEEK) as f64).collect();
    let answer = answer(&history(&values));
    assert_eq!((answer.champion, answer.gate), (Some(Method::WeeklyNaive), Gate::Open));
    assert_eq!((answer.mase, answer.under_provisioned_percent), (Some(0.0), Some(0.0)));
    assert_eq!(answer.hours[3].tasks, 1);
}

#[test]
fn gaps_are_said_and_cost_little() {
    let values = series("weekly");
    let answer = answer(&with_gaps(&values, |hour| hour % 19 == 7));
    let whole = self::answer(&history(&values));
    assert_eq!(answer.gate, Gate::Open);
    assert!((answer.mase.unwrap() - whole.mase.unwrap()).abs() < 0.05, "{:?}", answer.mase);
    assert!(answer.reasons[1].starts_with("53 of 1008 hours are unknown or touched"), "{:?}", answer.reasons);
    assert_eq!(answer.backtests[0].hours, 336 - 18, "what is unknown is not tested on");
}

#[test]
fn what_an_incident_did_is_not_learned() {
    let values = series("weekly");
    let mut hurt = values.clone();
    let hours = 1_008 - 30..1_008 - 8;
    hours.clone().for_each(|hour| hurt[hour] *= 6.0);
    let touched = [(hours.start as i64 * HOUR_MS + 1, hours.end as i64 * HOUR_MS)];
    let load = history(&hurt);
    let masked = forecast(&Request { touched: &touched, ..Request::new(&load, 20.0) }).unwrap();
    assert_eq!(masked.gate, Gate::ReactiveOnly, "8 of the last 24 hours are known");
    assert!(masked.reasons.iter().any(|reason| reason.starts_with("Ops.InsufficientSamples: 33 % of the last day")));
    let (unhurt, hurt) = (self::answer(&history(&values)), self::answer(&load));
    let sum = |answer: &Forecast| answer.hours.iter().map(|hour| hour.expected).sum::<f64>();
    assert!((sum(&masked) / sum(&unhurt) - 1.0).abs() < 0.1, "{} {}", sum(&masked), sum(&unhurt));
    assert!((masked.mase.unwrap() - unhurt.mase.unwrap()).abs() < 0.05 && hurt.mase.unwrap() < 1.0);
    assert!(masked.backtests[4].margin < hurt.backtests[4].margin, "an incident is no reason for more tasks");
}

#[test]
fn too_little_is_said_and_never_guessed() {
    let values = series("weekly");
    let of_days = |days: usize| answer(&history(&values[..days * 24]));
    for days in [0, 1, 10, 14] {
        let answer = of_days(days);
        assert_eq!((answer.champion, answer.gate, answer.mase), (None, Gate::ReactiveOnly, None));
        assert!(answer.hours.is_empty() && answer.backtests.is_empty());
        let wait = 15 - days;
        let expected = format!(
            "Ops.InsufficientSamples: the history has {days}.0 days, a forecast needs 15.0: wait {wait}.0 days more"
        );
        assert_eq!(answer.reasons, [expected]);
    }
    let three_weeks = of_days(21);
    assert!(three_weeks.champion.is_some() && three_weeks.gate == Gate::ReactiveOnly);
    let last = three_weeks.reasons.last().unwrap();
    assert_eq!(last, "Ops.InsufficientSamples: the history has 21.0 days, the gate needs 28.0: wait 7.0 days more");
    assert!(!of_days(28).reasons.iter().any(|reason| reason.contains("Insufficient")));
}

#[test]
fn a_method_names_what_it_lacks() {
    let values = series("weekly");
    let week = history(&values[..HOURS_OF_WEEK]);
    for method in Method::ALL {
        let answer = ahead(&Request::new(&week, 20.0), method);
        if method == Method::LastValue {
            assert_eq!(answer.unwrap(), [values[HOURS_OF_WEEK - 1]; HORIZON]);
            continue;
        }
        let error = answer.unwrap_err();
        let expected = format!("the history has 7.0 days, {method} needs 14.0: wait 7.0 days more");
        assert_eq!((error.name(), error.message()), ("Ops.InsufficientSamples", expected.as_str()));
    }
}

#[test]
fn what_was_hardly_measured_is_not_trusted() {
    let values = series("weekly");
    let answer = answer(&with_gaps(&values, |hour| hour % 4 == 1));
    assert_eq!(answer.gate, Gate::ReactiveOnly);
    assert!(
        answer.reasons.contains(
            &"Ops.InsufficientSamples: 75 % of the history is known and untouched, the gate needs 80 %".to_owned()
        ),
        "{:?}",
        answer.reasons
    );
    let load = with_gaps(&values, |hour| hour >= 28 * 24);
    assert!(self::answer(&load).reasons[0].contains("nothing was measured in the 336 hours to be tested"));
    assert!(self::answer(&history(&[0.0; 1_000])).reasons[0].contains("no load to speak of"));
}

#[test]
fn a_request_that_makes_no_sense_is_refused() {
    let load = history(&series("flat"));
    let request = Request::new(&load, 20.0);
    let refused = |request: Request<'_>| {
        let error = forecast(&request).unwrap_err();
        assert_eq!(error.name(), "Ops.InvalidInput");
        error.message().to_owned()
    };
    for load_per_task in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refused(Request { load_per_task, ..request }).starts_with("load_per_task must be from 1e-15 to 1e15"));
    }
    assert!(refused(Request { backtest_days: 0, ..request }).starts_with("backtest_days"));
    assert!(refused(Request { margin_percentile: 49.0, ..request }).starts_with("margin_percentile"));
}

#[test]
fn reports_name_their_fields_as_all_reports_do() {
    let json = serde_json::to_value(answer(&history(&series("weekly")))).unwrap();
    let names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["champion", "gate", "mase", "underProvisionedPercent", "capacityFactor"];
    assert_eq!(names[..5], expected);
    assert_eq!(names[5..], ["hours", "lastDay", "reasons", "backtests"]);
    assert_eq!((json["champion"].as_str(), json["gate"].as_str()), (Some("holt-winters"), Some("open")));
    assert!(json["hours"][0]["at"].is_i64() && json["backtests"][3]["capacityFactor"].is_f64());
}

/// Weeks of a pattern with noise and gaps: at least `least` hours.
fn loads(least: usize) -> impl Strategy<Value = Vec<Option<f64>>> {
    let hour = (0.0..1_000.0_f64, prop::bool::weighted(0.9));
    let noise = prop::collection::vec(hour, least..5 * HOURS_OF_WEEK);
    (prop::collection::vec(0.0..1_000.0_f64, HOURS_OF_WEEK), noise, 0.0..1.0_f64).prop_map(|(week, noise, share)| {
        let value = |(hour, (noise, known)): (usize, (f64, bool))| {
            known.then_some((1.0 - share) * week[hour % HOURS_OF_WEEK] + share * noise)
        };
        noise.into_iter().enumerate().map(value).collect()
    })
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-6 * left.abs().max(right.abs()).max(1e-9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn forecasts_are_finite_and_not_negative(values in loads(0), level in -20..12_i32) {
        let load = History::new(0, 3_600, values).map(|value| value * 10_f64.powi(level));
        let request = Request::new(&load, 20.0);
        let answer = forecast(&request).unwrap();
        for hour in &answer.hours {
            prop_assert!(hour.expected.is_finite() && hour.expected >= 0.0, "{hour:?}");
            prop_assert!(hour.planned.is_finite() && hour.planned >= hour.expected, "{hour:?}");
        }
        for backtest in &answer.backtests {
            prop_assert!(backtest.mase.is_finite() && backtest.mase >= 0.0, "{backtest:?}");
            prop_assert!((0.0..=100.0).contains(&backtest.under_provisioned_percent), "{backtest:?}");
            prop_assert!(backtest.margin.is_finite() && backtest.margin >= 0.0, "{backtest:?}");
        }
        for method in Method::ALL {
            if let Ok(ahead) = ahead(&request, method) {
                prop_assert!(ahead.iter().all(|value| value.is_finite() && *value >= 0.0), "{method}: {ahead:?}");
            }
        }
        prop_assert!(!answer.reasons.is_empty());
        prop_assert_eq!(answer.champion.is_none(), answer.hours.is_empty());
        prop_assert_eq!(&answer, &forecast(&request).unwrap(), "the same request gets the same answer");
    }

    #[test]
    fn k_times_the_load_is_k_times_the_forecast(values in loads(15 * 24 + 5), magnitude in -6.0..6.0_f64) {
        let k = 10_f64.powf(magnitude);
        let one = History::new(0, 3_600, values);
        let many = one.map(|value| k * value);
        let (one, many) = (Request::new(&one, 20.0), Request::new(&many, 20.0 * k));
        for method in Method::ALL {
            let (one, many) = (ahead(&one, method), ahead(&many, method));
            for (one, many) in one.into_iter().flatten().zip(many.into_iter().flatten()) {
                prop_assert!((k * one - many).abs() <= 1e-6 * k * 1_000.0, "{method}: {k} times {one} is {many}");
            }
        }
        let (one, many) = (backtest(&one), backtest(&many));
        for (one, many) in one.into_iter().flatten().zip(many.into_iter().flatten()) {
            prop_assert!(near(one.mase, many.mase) && near(one.margin, many.margin), "{one:?} {many:?}");
        }
    }

    #[test]
    fn a_week_later_all_is_a_week_later(values in loads(15 * 24 + 5), weeks in -3_000..3_000_i64) {
        let (now, then) = (History::new(0, 3_600, values.clone()), History::new(weeks * WEEK_MS, 3_600, values));
        let (now, mut then) = (answer(&now), answer(&then));
        then.hours.iter_mut().for_each(|hour| hour.at -= weeks * WEEK_MS);
        prop_assert_eq!(now, then);
    }

    #[test]
    fn a_season_continues_wherever_the_history_is_cut(
        week in prop::collection::vec(0.0..1_000.0_f64, HOURS_OF_WEEK), first in 0..HOURS_OF_WEEK, hours in 336..900_usize
    ) {
        let values: Vec<f64> = (first..first + hours).map(|hour| week[hour % HOURS_OF_WEEK]).collect();
        let load = history(&values);
        for method in [Method::WeeklyNaive, Method::WeeklyMedian, Method::HoltWinters] {
            let ahead = ahead(&Request::new(&load, 20.0), method).unwrap();
            for (hour, value) in ahead.into_iter().enumerate() {
                let expected = week[(first + hours + hour) % HOURS_OF_WEEK];
                prop_assert!((value - expected).abs() < 1e-6, "{method}, hour {hour}: {value}, not {expected}");
            }
        }
    }
}
