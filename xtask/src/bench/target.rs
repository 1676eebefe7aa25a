//! What is promised of each figure.

use super::figures::{Figures, Place};

/// A bound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    /// No more.
    Most(f64),
    /// No less.
    Least(f64),
    /// No less than this share of the skeleton's figure in the same run.
    Share(f64),
    /// No more than so many syncs of this disk, and so much.
    Syncs(f64, f64),
    /// Told, not promised.
    None,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) label: &'static str,
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// In memory and durable.
    pub(super) targets: [Target; 2],
}

const fn row(label: &'static str, name: &'static str, unit: &'static str, targets: [Target; 2]) -> Row {
    Row { label, name, unit, targets }
}

use Target::{Least, Most, None as Told, Share, Syncs};

/// The table.
pub(super) const ROWS: [Row; 33] = [
    row("W1 chain of 10 Pass: server CPU, 16 clients", "w1.cpu.16", "µs", [Most(60.0), Most(120.0)]),
    row("W1 server CPU, 64 clients", "w1.cpu.64", "µs", [Most(60.0), Most(120.0)]),
    row("W1 executions, 16 clients", "w1.rate.16", "/s", [Share(0.6), Share(0.6)]),
    row("W1 executions, 64 clients", "w1.rate.64", "/s", [Share(0.6), Share(0.6)]),
    row("W1 p50, one client", "w1.p50.1", "ms", [Most(0.12), Syncs(2.2, 0.1)]),
    row("W1 p99, one client", "w1.p99.1", "ms", [Told, Told]),
    row("W2 synchronous express: p50, one client", "w2.p50.1", "ms", [Most(0.08), Most(0.08)]),
    row("W2 executions, 16 clients", "w2.rate.16", "/s", [Share(0.6), Share(0.6)]),
    row("W2 executions, 64 clients", "w2.rate.64", "/s", [Share(0.6), Share(0.6)]),
    row("W2 server CPU, 16 clients", "w2.cpu.16", "µs", [Told, Told]),
    row("W3 choice, paths, intrinsics: p50", "w3.p50.jsonpath", "ms", [Most(0.3), Told]),
    row("W3 server CPU", "w3.cpu.jsonpath", "µs", [Told, Told]),
    row("W3 JSONata: p50", "w3.p50.jsonata", "ms", [Most(0.5), Told]),
    row("W3 JSONata: server CPU", "w3.cpu.jsonata", "µs", [Told, Told]),
    row("W4 inline Map of 1,000: p50", "w4.p50.1000", "ms", [Most(3.0), Most(8.0)]),
    row("W4 inline Map of 10,000: p50", "w4.p50.10000", "ms", [Most(30.0), Most(60.0)]),
    row("W4 inline Map of 10,000: server CPU", "w4.cpu.10000", "ms", [Told, Told]),
    row("W5 a waiting worker has its task: p50", "w5.p50.waiting", "ms", [Most(0.4), Syncs(2.2, 0.0)]),
    row("W5 tasks, 8 workers", "w5.rate.8", "/s", [Least(4_000.0), Least(1_500.0)]),
    row("W5 server CPU per execution with a task", "w5.cpu", "µs", [Told, Told]),
    row("W6 5,000 transitions: p50", "w6.p50.1", "ms", [Most(20.0), Most(40.0)]),
    row("W6 5,000 transitions: least", "w6.min.1", "ms", [Told, Told]),
    row("W6 server CPU", "w6.cpu", "ms", [Told, Told]),
    row("W7 start: median", "w7.start", "ms", [Most(50.0), Most(50.0)]),
    row("W7 start: least", "w7.start-min", "ms", [Told, Told]),
    row("W7 idle memory", "w7.idle", "MiB", [Most(20.0), Most(20.0)]),
    row("W7 memory of a parked execution", "w7.parked-memory", "KiB", [Most(3.0), Told]),
    row("W7 threads more with parked executions", "w7.parked-threads", "", [Most(0.0), Told]),
    row("W7 disk of a parked execution", "w7.parked-disk", "KiB", [Told, Most(1.0)]),
    row("W7 starts of executions that park", "w7.park-rate", "/s", [Told, Told]),
    row("W7 parked executions recovered", "w7.recovery", "s", [Told, Most(2.0)]),
    row("W7 server CPU of their recovery", "w7.recovery-cpu", "s", [Told, Told]),
    row("W1 server CPU, one client", "w1.cpu.1", "µs", [Told, Told]),
];

impl Target {
    /// The bound in numbers of this run; none where there is none or where its yardstick was not measured.
    fn bound(self, row: &Row, place: Place, figures: &Figures) -> Option<(f64, bool)> {
        match self {
            Self::Most(most) => Some((most, true)),
            Self::Least(least) => Some((least, false)),
            Self::Share(share) => Some((figures.skeleton(place, row.name)? * share, false)),
            Self::Syncs(times, plus) => Some((figures.machine("sync.p50")? * times + plus, true)),
            Self::None => None,
        }
    }

    /// As the table says it.
    pub(super) fn text(self, row: &Row, place: Place, figures: &Figures) -> String {
        let bound = self.bound(row, place, figures).map(|(bound, most)| {
            let sign = if most { "≤" } else { "≥" };
            format!("{sign} {} {}", number(bound), row.unit).trim_end().to_owned()
        });
        match self {
            Self::None => "–".to_owned(),
            Self::Share(share) => match bound {
                Some(bound) => format!("{bound} ({:.0} % of the skeleton)", share * 100.0),
                None => format!("≥ {:.0} % of the skeleton", share * 100.0),
            },
            Self::Syncs(times, plus) => {
                let plus = if plus > 0.0 { format!(" + {plus} ms") } else { String::new() };
                let formula = format!("{times} syncs{plus}");
                bound.map_or_else(|| format!("≤ {formula}"), |bound| format!("{bound} ({formula})"))
            }
            Self::Most(_) | Self::Least(_) => bound.unwrap_or_default(),
        }
    }

    /// Whether the figure keeps to it; none where there is nothing to keep to.
    pub(super) fn met(self, value: f64, row: &Row, place: Place, figures: &Figures) -> Option<bool> {
        self.bound(row, place, figures).map(|(bound, most)| if most { value <= bound } else { value >= bound })
    }
}

/// Three digits that count.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => thousands(value),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
