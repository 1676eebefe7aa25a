//! W3: what real definitions do with their data.

use serde_json::Value as Json;

use crate::bench::Bench;
use crate::definition;
use crate::drive::Until;
use crate::failure::Failure;

const WARM: usize = 20;

/// A name, a definition, and whether an output is right.
type Case = (&'static str, Json, fn(&Json) -> bool);

pub(super) async fn run(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let cases: [Case; 2] = [
        ("jsonpath", definition::order_by_paths(), by_paths),
        ("jsonata", definition::order_by_expressions(), by_expressions),
    ];
    for (name, definition, right) in cases {
        let machine = bench.client.create(name, &definition, false).await?;
        let input = definition::order();
        bench.run(&machine, &input, 1, Until::operations(WARM), right).await?;
        let before = bench.process.cpu()?;
        let drive = bench.run(&machine, &input, 1, Until::time(bench.size.time), right).await?;
        bench.drive("w3", name, &drive);
        let used = bench.process.cpu()? - before;
        bench.figure(&format!("w3.cpu.{name}"), used * 1e6 / drive.sample.len() as f64);
    }
    Ok(())
}

fn by_paths(output: &Json) -> bool {
    let all = &output["all"];
    output["label"] == "17 for ada" && output["lines"] == 3 && all["fast"] == true && all["k"] == 1
}

fn by_expressions(output: &Json) -> bool {
    let all = &output["all"];
    output["label"] == "17 for ada" && output["total"] == 36 && all["dear"] == "pen" && all["loud"] == "17 FOR ADA"
}
