//! The plots of growth. Both axes are logarithmic: what is linear in the whole is level for one.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::figures::{Figures, Place};
use crate::failure::Failure;

/// Width and height of a panel, pixels.
const PANEL: (u32, u32) = (480, 300);
const MEMORY: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const DURABLE: RGBColor = RGBColor(0xd6, 0x45, 0x3d);

/// A picture.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) file: &'static str,
    /// What grows.
    title: &'static str,
    /// A value of the points and what it is.
    panels: &'static [(&'static str, &'static str)],
}

/// All of them.
pub(super) const PLOTS: &[Plot] = &[
    Plot {
        file: "executions",
        title: "Executions in the store",
        panels: &[
            ("cpu", "server CPU per execution, µs"),
            ("rate", "starts a second, 32 clients"),
            ("list", "ListExecutions of 100, ms"),
            ("list-none", "ListExecutions, none match, ms"),
            ("describe", "DescribeExecution, ms"),
            ("memory", "memory per execution, bytes"),
            ("disk", "disk per execution, bytes"),
            ("recovery", "start after a crash, ms"),
            ("recovery-cpu", "its server CPU, ms"),
        ],
    },
    Plot {
        file: "history",
        title: "Events of a history",
        panels: &[
            ("step", "in one step: server CPU an event, µs"),
            ("least", "in one step: least time an event, µs"),
            ("task", "task after task: server CPU an event, µs"),
            ("read", "GetExecutionHistory: server CPU an event, µs"),
        ],
    },
    Plot {
        file: "workers",
        title: "Workers",
        panels: &[
            ("rate", "tasks a second"),
            ("cpu", "server CPU per execution, µs"),
            ("wait", "start to task, ms"),
            ("task", "task to acknowledgement, ms"),
        ],
    },
];

type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Draws it; what was not measured stays empty.
pub(super) fn draw(plot: &Plot, figures: &Figures, path: &Path) -> Result<(), Failure> {
    drawn(plot, figures, path).map_err(|problem| Failure::new(format!("{}: {problem}", path.display())))
}

fn drawn<'a>(plot: &Plot, figures: &Figures, path: &'a Path) -> Drawn<SVGBackend<'a>> {
    let rows = plot.panels.len().div_ceil(2);
    let height = PANEL.1 * u32::try_from(rows).unwrap_or(1) + 40;
    let root = SVGBackend::new(path, (PANEL.0 * 2, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(&format!("{}: in memory (blue), durable (red)", plot.title), ("sans-serif", 20))?;
    for (area, (value, label)) in root.split_evenly((rows, 2)).iter().zip(plot.panels) {
        let lines = Place::ALL.map(|place| figures.series(plot.file, place, value));
        panel(area, label, &lines)?;
    }
    root.present()
}

fn panel<B: DrawingBackend>(area: &DrawingArea<B, Shift>, label: &str, lines: &[Vec<(f64, f64)>; 2]) -> Drawn<B> {
    let points = || lines.iter().flatten().filter(|(_, y)| *y > 0.0);
    if points().next().is_none() {
        return Ok(());
    }
    let (x, y) = (span(points().map(|(x, _)| *x), 1.2), span(points().map(|(_, y)| *y), 3.0));
    let mut chart = ChartBuilder::on(area)
        .caption(label, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(56)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart.configure_mesh().light_line_style(WHITE).x_labels(6).y_labels(6).draw()?;
    for (line, colour) in lines.iter().zip([MEMORY, DURABLE]) {
        let points = || line.iter().copied().filter(|(_, y)| *y > 0.0);
        chart.draw_series(LineSeries::new(points(), colour.stroke_width(2)))?;
        chart.draw_series(points().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    Ok(())
}

/// From the least to the greatest, with a margin by this factor.
fn span(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (least, greatest) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(a, b), value| (a.min(value), b.max(value)));
    least / margin..greatest * margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_becomes_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let measured = br#"{"figures": [], "points": [
            {"series": "history", "subject": "memory", "x": 100, "step": 2.5},
            {"series": "history", "subject": "memory", "x": 1000, "step": 2.0},
            {"series": "history", "subject": "durable", "x": 100, "step": 0}]}"#;
        let figures = Figures::read(measured).unwrap();
        for plot in PLOTS {
            let path = folder.path().join(plot.file);
            draw(plot, &figures, &path).unwrap();
            let picture = std::fs::read_to_string(path).unwrap();
            assert_eq!(picture.matches("<circle").count(), if plot.file == "history" { 2 } else { 0 });
        }
    }
}
