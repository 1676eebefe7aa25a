//! The month as a picture: what each service cost a day, and how much of it was saturated.

use std::path::Path;

use plotters::prelude::*;

use super::report::{Month, Service};
use super::{DAY_MS, DAYS};
use crate::failure::Failure;

/// Width and height, pixels.
const SIZE: (u32, u32) = (1_200, 900);
/// Days before the month that are shown.
const BEFORE: i64 = 14;
const COST: RGBColor = RGBColor(0x1f, 0x6f, 0xb4);
const SATURATION: RGBColor = RGBColor(0xd6, 0x45, 0x3d);

/// Draws it.
pub(super) fn draw(month: &Month, path: &Path) -> Result<(), Failure> {
    drawn(month, path).map_err(|problem| Failure::new(format!("{}: {problem}", path.display())))
}

fn drawn<'a>(
    month: &Month,
    path: &'a Path,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = "USD a day (blue), saturated minutes in percent (red); the optimiser begins at day 0";
    let root = root.titled(title, ("sans-serif", 20))?;
    for (area, service) in root.split_evenly((3, 2)).iter().zip(&month.services) {
        panel(area, service, month.begin)?;
    }
    root.present()?;
    Ok(())
}

fn panel<'a, B: DrawingBackend + 'a>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    service: &Service,
    begin: i64,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let point = |start: i64| (start - begin) as f64 / DAY_MS as f64;
    let shown = || service.days.iter().filter(|day| day.start >= begin - BEFORE * DAY_MS);
    let highest = |of: fn(&super::report::Day) -> f64| shown().map(of).fold(0.1, f64::max) * 1.15;
    let span = -(BEFORE as f64)..DAYS as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(&service.name, ("sans-serif", 18))
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(44)
        .right_y_label_area_size(44)
        .build_cartesian_2d(span.clone(), 0.0..highest(|day| day.cost))?
        .set_secondary_coord(span, 0.0..highest(|day| day.saturation));
    chart.configure_mesh().disable_x_mesh().x_labels(7).y_labels(5).light_line_style(WHITE).draw()?;
    chart.configure_secondary_axes().y_labels(5).draw()?;
    let top = highest(|day| day.cost);
    chart.draw_series(LineSeries::new([(0.0, 0.0), (0.0, top)], BLACK.mix(0.4)))?;
    chart.draw_series(LineSeries::new(shown().map(|day| (point(day.start), day.cost)), COST.stroke_width(2)))?;
    let saturation = shown().map(|day| (point(day.start), day.saturation));
    chart.draw_secondary_series(LineSeries::new(saturation, SATURATION.stroke_width(2)))?;
    Ok(())
}
