//! The page: what is measured goes between marks, what is said about it stays.

use super::figures::{Figures, Place};
use super::target::{ROWS, Row, number};
use crate::failure::Failure;

/// Between these lines the figures are written.
const MARKS: [&str; 2] = ["<!-- figures -->", "<!-- /figures -->"];

/// The page with these figures.
pub(super) fn with(page: &str, figures: &Figures) -> Result<String, Failure> {
    let [begin, end] = MARKS;
    let parts = page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) =
        parts.ok_or_else(|| Failure::new(format!("the page's lines {} are missing", MARKS.join(" and "))))?;
    let measured = format!("{}\n{}\n{}", how(figures), table(figures), notes(figures));
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", measured.trim_end()))
}

/// When and where.
fn how(figures: &Figures) -> String {
    let fact = |name| figures.fact(name);
    let quick = fact("quick") == "true";
    let kind = if quick { ", `--quick`: fewer repetitions than what is published" } else { "" };
    let mut text = format!(
        "Measured on {} ({} cores of {}, {}, Linux {}){kind}. Load average {} before, {} after: what is above the number \
         of cores was shared with others, and latencies and rates are then worse than the service is.\n",
        fact("date"),
        fact("cores"),
        fact("processor"),
        fact("memory"),
        fact("kernel"),
        fact("load"),
        fact("load-after"),
    );
    let floor = |name| figures.machine(name).map_or_else(|| "–".to_owned(), number);
    text.push_str(&format!(
        "\nFloors of this machine in the same run: one `fdatasync` {} ms (least {}, p99 {}); an HTTP and JSON echo {} ms \
         with one client, {} /s with 16, {} µs of the echo's CPU.\n",
        floor("sync.p50"),
        floor("sync.min"),
        floor("sync.p99"),
        floor("echo.p50.1"),
        floor("echo.rate.16"),
        floor("echo.cpu.16"),
    ));
    text
}

/// Every figure that was measured, with its target and its ratio to the floor.
pub(super) fn table(figures: &Figures) -> String {
    let mut table =
        "| figure | target in memory | measured | to the floor | target durable | measured | to the floor |\n\
                     |---|---|---|---|---|---|---|\n"
            .to_owned();
    for row in &ROWS {
        if Place::ALL.iter().any(|place| figures.of(*place, row.name).is_some()) {
            let cells = Place::ALL.iter().zip(row.targets).map(|(place, target)| {
                let measured = figures.of(*place, row.name);
                let text = measured.map_or_else(
                    || "–".to_owned(),
                    |value| {
                        let mark = match target.met(value, row, *place, figures) {
                            Some(true) => " ✓",
                            Some(false) => " **✗**",
                            None => "",
                        };
                        format!("{} {}{mark}", number(value), row.unit).trim_end().to_owned()
                    },
                );
                let ratio = ratio(row, *place, figures).unwrap_or_else(|| "–".to_owned());
                format!(" {} | {text} | {ratio} |", target.text(row, *place, figures))
            });
            table.push_str(&format!("| {} |{}\n", row.label, cells.collect::<String>()));
        }
    }
    table
}

/// Rates and processor time stand against the skeleton; latencies against an echo, or against a sync of the disk.
fn ratio(row: &Row, place: Place, figures: &Figures) -> Option<String> {
    let value = figures.of(place, row.name)?;
    if let Some(skeleton) = figures.skeleton(place, row.name) {
        return Some(format!("{:.2} × skeleton", value / skeleton));
    }
    match (row.unit, place) {
        _ if row.name.contains("cpu") => None,
        ("ms", Place::Memory) => Some(format!("{:.1} echoes", value / figures.machine("echo.p50.1")?)),
        ("ms", Place::Durable) => Some(format!("{:.1} syncs", value / figures.machine("sync.p50")?)),
        _ => None,
    }
}

fn notes(figures: &Figures) -> String {
    figures.notes().map(|note| format!("- {note}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURED: &str = r#"{"date": "2026-11-30", "machine": {"cores": 2, "load": 1.5, "quick": true}, "notes": ["cut early"],
        "points": [{"series": "history", "subject": "memory", "x": 100, "step": 2.5}],
        "figures": [
            {"subject": "memory", "name": "w1.cpu.16", "value": 48.25},
            {"subject": "durable", "name": "w1.cpu.16", "value": 130.0},
            {"subject": "skeleton-memory", "name": "w1.rate.16", "value": 10000.0},
            {"subject": "memory", "name": "w1.rate.16", "value": 5000.0},
            {"subject": "machine", "name": "sync.p50", "value": 0.5},
            {"subject": "durable", "name": "w1.p50.1", "value": 1.0}]}"#;

    #[test]
    fn every_figure_stands_beside_its_target() {
        let table = table(&Figures::read(MEASURED.as_bytes()).unwrap());
        let rows = table.lines().skip(2).collect::<Vec<_>>();
        assert_eq!(
            rows,
            [
                "| W1 chain of 10 Pass: server CPU, 16 clients | ≤ 60.0 µs | 48.2 µs ✓ | – | ≤ 120 µs | 130 µs **✗** | – |",
                "| W1 executions, 16 clients | ≥ 6,000 /s (60 % of the skeleton) | 5,000 /s **✗** | 0.50 × skeleton \
                 | ≥ 60 % of the skeleton | – | – |",
                "| W1 p50, one client | ≤ 0.120 ms | – | – | ≤ 1.20 ms (2.2 syncs + 0.1 ms) | 1.00 ms ✓ | 2.0 syncs |",
            ]
        );
    }

    #[test]
    fn what_is_said_beside_the_figures_stays() {
        let figures = Figures::read(MEASURED.as_bytes()).unwrap();
        let page = with("before <!-- figures --> old <!-- /figures --> after", &figures).unwrap();
        assert!(page.starts_with("before <!-- figures -->") && page.ends_with("<!-- /figures --> after"), "{page}");
        assert!(
            page.contains("cut early")
                && page.contains("`--quick`")
                && page.contains("2026-11-30")
                && !page.contains("old"),
            "{page}"
        );
        let failure = with("no marks", &figures).unwrap_err().to_string();
        assert_eq!(failure, "the page's lines <!-- figures --> and <!-- /figures --> are missing");
    }

    #[test]
    fn series_are_found() {
        let figures = Figures::read(MEASURED.as_bytes()).unwrap();
        assert_eq!(figures.series("history", Place::Memory, "step"), [(100.0, 2.5)]);
        assert_eq!(figures.series("history", Place::Durable, "step"), []);
        assert!(Figures::read(b"{}").is_err());
    }
}
