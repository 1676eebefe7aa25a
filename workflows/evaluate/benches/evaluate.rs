//! What expressions cost: `cargo bench -p evaluate --bench evaluate`.

use std::hint::black_box;

use asl::{Object, Value};
use criterion::{Criterion, criterion_group, criterion_main};
use evaluate::{Failure, Scope, jsonata, jsonpath, payload_template};

const INPUT: &str = r#"{"id": "17", "customer": "ada", "priority": 7, "extra": "{\"k\":1}", "tags": ["fast", "dry"],
    "lines": [{"name": "pen", "price": 10, "quantity": 2}, {"name": "ink", "price": 3, "quantity": 5}]}"#;

const TEMPLATE: &str = r#"{"label.$": "States.Format('{} for {}', $.id, $.customer)", "fixed": {"a": [1, 2, 3]},
    "next.$": "States.MathAdd($.priority, 1)", "first.$": "$.lines[0].name", "extra.$": "States.StringToJson($.extra)"}"#;

/// What is done with a scope.
type Work<'a> = Box<dyn Fn(&Scope<'_>) -> Result<Value, Failure> + 'a>;

fn value(text: &str) -> Value {
    Value::parse(text).expect("it is JSON")
}

fn evaluate(criterion: &mut Criterion) {
    let (input, context, variables, template) = (value(INPUT), Value::Null, Object::default(), value(TEMPLATE));
    let scope = Scope {
        input: &input,
        result: None,
        error_output: None,
        context: &context,
        variables: &variables,
        now: 1_700_000_000_000,
        seed: 7,
    };
    let expression = |text: &'static str| -> Work<'_> {
        let text = Value::from(text);
        Box::new(move |scope: &Scope<'_>| jsonata::template("Output", &text, scope))
    };
    let cases: Vec<(&str, Work<'_>)> = vec![
        ("path", Box::new(|scope| jsonpath::select("$.lines[1].name", scope))),
        ("path with filter", Box::new(|scope| jsonpath::select("$.lines[?(@.price > 5)].name", scope))),
        ("place", Box::new(|scope| jsonpath::place(scope.input, "$.priced.total", Value::Null))),
        ("payload template", Box::new(|scope| payload_template(&template, scope))),
        ("jsonata path", expression("{% $states.input.lines[1].name %}")),
        ("jsonata arithmetic", expression("{% $states.input.priority + 1 %}")),
        ("jsonata sum", expression("{% $sum($states.input.lines.(price * quantity)) %}")),
        ("jsonata merge", expression("{% $merge([$states.input, {'x': 1}]) %}")),
    ];
    let mut group = criterion.benchmark_group("evaluate");
    for (name, work) in cases {
        if let Err(failure) = work(&scope) {
            panic!("{name}: {failure:?}");
        }
        group.bench_function(name, |bencher| bencher.iter(|| work(black_box(&scope))));
    }
    group.finish();
}

criterion_group!(benches, evaluate);
criterion_main!(benches);
