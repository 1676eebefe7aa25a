//! The README of the forecast shows what the example `forecast_table` prints.

#[path = "../examples/forecast_table/table.rs"]
mod table;

#[test]
fn the_readme_shows_what_is_measured() {
    let readme = include_str!("../src/forecast/README.md");
    for part in table::render().split("\n\n") {
        assert!(readme.contains(part.trim_end()), "the README lacks this table:\n{part}");
    }
}
