use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn timetable(expression: &str, zone_name: &str) -> Timetable {
    let expression = Expression::parse(expression).unwrap_or_else(|| panic!("{expression}"));
    let zone = zone(zone_name).unwrap();
    Timetable { expression, zone, anchor: 0, at_once: false, start: None, end: None }
}

/// The first `count` times after `after`, in the zone's local time.
fn times(expression: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let timetable = timetable(expression, zone_name);
    let mut last = at(after);
    let mut all = Vec::new();
    while let Some(next) = timetable.next_after(last).filter(|_| all.len() < count) {
        assert!(next > last);
        last = next;
        all.push(written(next));
    }
    all
}

#[test]
fn every_form_of_a_cron_field_is_understood() {
    for (expression, wanted) in [
        ("cron(0 12 * * ? *)", ["2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z"]),
        ("cron(15 10 ? * MON-FRI *)", ["2026-01-01T10:15:00Z", "2026-01-02T10:15:00Z"]),
        ("cron(0/15 8,9 ? * 2 2026)", ["2026-01-05T08:00:00Z", "2026-01-05T08:15:00Z"]),
        ("cron(50/5 23 31 DEC ? *)", ["2026-12-31T23:50:00Z", "2026-12-31T23:55:00Z"]),
        ("cron(*/30 0-1 1 1/6 ? *)", ["2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z"]),
        ("cron(0 0 L * ? *)", ["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]),
        ("cron(0 0 L-2 * ? *)", ["2026-01-29T00:00:00Z", "2026-02-26T00:00:00Z"]),
        ("cron(0 0 LW * ? *)", ["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02T00:00:00Z", "2026-02-03T00:00:00Z"]),
        ("cron(0 0 1W AUG ? *)", ["2026-08-03T00:00:00Z", "2027-08-02T00:00:00Z"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30T00:00:00Z", "2026-02-27T00:00:00Z"]),
        ("cron(0 0 ? * L *)", ["2026-01-03T00:00:00Z", "2026-01-10T00:00:00Z"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13T00:00:00Z", "2026-02-10T00:00:00Z"]),
        ("cron(0 0 ? * SUN,wed#1 *)", ["2026-01-04T00:00:00Z", "2026-01-07T00:00:00Z"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("cron(0 0 1 1 ? 2030,2040-2050/5)", ["2030-01-01T00:00:00Z", "2040-01-01T00:00:00Z"]),
    ] {
        assert_eq!(times(expression, "UTC", "2026-01-01T00:00:00Z", 2), wanted, "{expression}");
    }
    assert!(times("cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
    assert!(times("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z", 1).is_empty());
}

#[test]
fn what_is_no_expression_is_refused() {
    for text in [
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(0 12 * * ?)",
        "cron(60 12 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)",
        "cron(0 0 ? * 0 *)",
        "cron(0 0 ? * 2#6 *)",
        "cron(0 0 ? 13 1 *)",
        "cron(5-1 0 ? * 1 *)",
        "cron(0/0 0 ? * 1 *)",
        "cron(+1 0 ? * 1 *)",
        "cron(0 0 1 1 ? 2200)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "rate(5minutes)",
        "at(2026-01-01)",
        "at(2026-01-01T00:00:00Z)",
        "at(2026-13-01T00:00:00)",
        "0 12 * * ? *",
        "",
    ] {
        assert_eq!(Expression::parse(text), None, "{text}");
    }
}

#[test]
fn a_time_that_the_clocks_leave_out_is_skipped_and_one_they_repeat_comes_once() {
    // New York: 2026-03-08 02:00 becomes 03:00, 2026-11-01 02:00 becomes 01:00.
    let spring = times("cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00:00Z", 2);
    assert_eq!(spring, ["2026-03-07T07:30:00Z", "2026-03-09T06:30:00Z"]);
    let autumn = times("cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z", 2);
    assert_eq!(autumn, ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    let hourly = times("cron(0 * * * ? *)", "America/New_York", "2026-11-01T04:30:00Z", 2);
    assert_eq!(hourly, ["2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"], "01:00 once, then 02:00");
    // A rate does not care.
    let mut rate = timetable("rate(1 day)", "America/New_York");
    rate.anchor = at("2026-03-07T12:00:00Z");
    assert_eq!(rate.next_after(at("2026-03-08T12:00:00Z")), Some(at("2026-03-09T12:00:00Z")));
}

#[test]
fn one_time_schedules_are_local_and_come_once() {
    assert_eq!(times("at(2026-07-01T09:00:30)", "Europe/Berlin", "2026-01-01T00:00:00Z", 5), ["2026-07-01T07:00:30Z"]);
    assert_eq!(times("at(2026-03-29T02:30:00)", "Europe/Berlin", "2026-01-01T00:00:00Z", 5), ["2026-03-29T01:30:00Z"]);
    assert!(times("at(2025-07-01T09:00:00)", "UTC", "2026-01-01T00:00:00Z", 5).is_empty());
}

#[test]
fn rates_count_from_their_anchor_and_keep_to_start_and_end() {
    let mut rate = timetable("rate(5 minutes)", "UTC");
    rate.anchor = 1000;
    let period = 5 * MINUTE;
    assert_eq!(rate.next_after(999), Some(1000 + period), "a rule's rate begins with a wait");
    assert_eq!(rate.next_after(1000 + period), Some(1000 + 2 * period));
    rate.at_once = true;
    assert_eq!((rate.next_after(999), rate.next_after(1000)), (Some(1000), Some(1000 + period)));
    rate.start = Some(10_000);
    assert_eq!((rate.next_after(0), rate.next_after(10_000)), (Some(10_000), Some(10_000 + period)));
    rate.end = Some(10_000 + period);
    assert_eq!(rate.next_after(10_000 + period), None);
    assert_eq!(timetable("rate(99999999 days)", "UTC").next_after(Millis::MAX - 1), None);
}

/// Whether a local time is one of a cron expression without `L`, `W` and `#`, field by field.
fn naive(fields: &[&str], local: DateTime) -> bool {
    let value = [
        i64::from(local.minute()),
        i64::from(local.hour()),
        i64::from(local.day()),
        i64::from(local.month()),
        i64::from(local.date().weekday().to_sunday_one_offset()),
    ];
    fields.iter().zip(value).all(|(field, value)| {
        field.split(',').any(|part| match part.split_once('/') {
            Some((from, step)) => {
                let (from, step): (i64, i64) = (from.parse().unwrap(), step.parse().unwrap());
                value >= from && (value - from) % step == 0
            }
            None => matches!(part, "*" | "?") || part.parse() == Ok(value),
        })
    })
}

fn field(least: u32, most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        (least..=most, 1..30_u32).prop_map(|(from, step)| format!("{from}/{step}")),
        proptest::collection::vec(least..=most, 1..4).prop_map(|values| values
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(",")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Minute by minute over three days with a change of clocks: what is due is what the calendar on the wall shows, each
    /// local time once.
    #[test]
    fn the_next_time_is_what_looking_at_every_minute_finds(
        minute in field(0, 59),
        hour in field(0, 23),
        weekday in prop_oneof![Just("*".to_owned()), field(1, 7)],
        place in prop_oneof![
            Just(("America/New_York", "2026-03-07T12:00:00Z")),
            Just(("America/New_York", "2026-10-31T12:00:00Z")),
            Just(("Australia/Lord_Howe", "2026-04-04T00:00:00Z")),
            Just(("Australia/Lord_Howe", "2026-10-03T00:00:00Z")),
            Just(("Africa/Cairo", "2026-04-23T12:00:00Z")),
            Just(("UTC", "2026-12-31T12:00:00Z")),
        ],
    ) {
        let (zone_name, begin) = place;
        let timetable = timetable(&format!("cron({minute} {hour} ? * {weekday} *)"), zone_name);
        let (begin, mut shown) = (at(begin), std::collections::HashSet::new());
        let mut wanted = Vec::new();
        for instant in (1..=3 * 24 * 60).map(|minutes| begin + minutes * MINUTE) {
            let local = timetable.zone.to_datetime(Timestamp::from_millisecond(instant).unwrap());
            let fields = [minute.as_str(), hour.as_str(), "*", "*", weekday.as_str()];
            if shown.insert(local) && naive(&fields, local) {
                wanted.push(instant);
            }
        }
        let mut found = Vec::new();
        let mut last = begin;
        while let Some(next) = timetable.next_after(last).filter(|next| *next <= begin + 3 * 24 * 60 * MINUTE) {
            found.push(next);
            last = next;
        }
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(cron|rate|at)\\([0-9*?LW#,/ A-Z:-]{0,30}\\)") {
        if let Some(expression) = Expression::parse(&text) {
            let mut timetable = timetable("rate(1 day)", "UTC");
            timetable.expression = expression;
            let _ = timetable.next_after(0);
        }
    }
}
