//! How good the forecasts are: `cargo run -p operations --example forecast_table` prints the tables of
//! `operations/src/forecast/README.md`. Every run prints the same.

mod table;

fn main() {
    print!("{}", table::render());
}
