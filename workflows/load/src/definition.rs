//! The state machines that the workloads run.

use serde_json::{Map, Value as Json, json};

/// `states` Pass states in a row.
pub(crate) fn chain(states: usize) -> Json {
    let mut named = Map::new();
    for number in 1..=states {
        let state = match number == states {
            true => json!({"Type": "Pass", "End": true}),
            false => json!({"Type": "Pass", "Next": format!("Step{}", number + 1)}),
        };
        named.insert(format!("Step{number}"), state);
    }
    json!({"StartAt": "Step1", "States": named})
}

/// An order is priced: choice rules, paths and intrinsics, in JSONPath.
pub(crate) fn order_by_paths() -> Json {
    json!({"StartAt": "Price", "States": {
        "Price": {"Type": "Pass", "ResultPath": "$.priced", "Next": "Route", "Parameters": {
            "label.$": "States.Format('{} for {}', $.id, $.customer)",
            "next.$": "States.MathAdd($.priority, 1)",
            "lines.$": "States.ArrayLength($.lines)",
            "extra.$": "States.StringToJson($.extra)",
            "tags.$": "States.JsonToString($.tags)",
            "first.$": "$.lines[0].name"}},
        "Route": {"Type": "Choice", "Default": "Wrong", "Choices": [
            {"And": [{"Variable": "$.kind", "StringEquals": "return"},
                     {"Variable": "$.priority", "NumericLessThan": 0}], "Next": "Wrong"},
            {"Variable": "$.customer", "StringMatches": "z*", "Next": "Wrong"},
            {"And": [{"Variable": "$.priced.next", "NumericGreaterThan": 0},
                     {"Variable": "$.kind", "StringEquals": "order"}], "Next": "Both"}]},
        "Both": {"Type": "Parallel", "ResultPath": "$.both", "Next": "Done", "ResultSelector": {
            "fast.$": "$[0].fast", "pair.$": "$[0].pairs[0]", "digest.$": "$[1].digest",
            "code.$": "States.Base64Encode($[1].digest)"},
            "Branches": [
                {"StartAt": "Pairs", "States": {"Pairs": {"Type": "Pass", "End": true, "Parameters": {
                    "pairs.$": "States.ArrayPartition($.lines, 2)",
                    "fast.$": "States.ArrayContains($.tags, 'fast')"}}}},
                {"StartAt": "Digest", "States": {"Digest": {"Type": "Pass", "End": true, "Parameters": {
                    "digest.$": "States.Hash($.priced.label, 'SHA-256')"}}}}]},
        "Done": {"Type": "Pass", "End": true, "Parameters": {
            "label.$": "$.priced.label", "lines.$": "$.priced.lines",
            "all.$": "States.JsonMerge($.priced.extra, $.both, false)"}},
        "Wrong": {"Type": "Fail", "Error": "Wrong"}}})
}

/// The same in JSONata.
pub(crate) fn order_by_expressions() -> Json {
    json!({"QueryLanguage": "JSONata", "StartAt": "Price", "States": {
        "Price": {"Type": "Pass", "Next": "Route", "Assign": {
            "label": "{% $states.input.id & ' for ' & $states.input.customer %}",
            "next": "{% $states.input.priority + 1 %}",
            "total": "{% $sum($states.input.lines.(price * quantity)) %}"},
            "Output": "{% $merge([$states.input, {'extra': $parse($states.input.extra)}]) %}"},
        "Route": {"Type": "Choice", "Default": "Wrong", "Choices": [
            {"Condition": "{% $states.input.kind = 'return' and $next < 0 %}", "Next": "Wrong"},
            {"Condition": "{% $contains($states.input.customer, 'zz') %}", "Next": "Wrong"},
            {"Condition": "{% $next > 0 and $states.input.kind = 'order' %}", "Next": "Both"}]},
        "Both": {"Type": "Parallel", "Next": "Done", "Assign": {"both": "{% $states.result %}"}, "Branches": [
            {"StartAt": "Count", "States": {"Count": {"Type": "Pass", "End": true, "Output": {
                "lines": "{% $count($states.input.lines) %}",
                "fast": "{% 'fast' in $states.input.tags %}"}}}},
            {"StartAt": "Dear", "States": {"Dear": {"Type": "Pass", "End": true, "Output": {
                "dear": "{% $states.input.lines[price > 5].name %}",
                "loud": "{% $uppercase($label) %}"}}}}]},
        "Done": {"Type": "Pass", "End": true, "Output": {
            "label": "{% $label %}", "total": "{% $total %}", "lines": "{% $both[0].lines %}",
            "all": "{% $merge($both) %}"}},
        "Wrong": {"Type": "Fail", "Error": "Wrong"}}})
}

/// What both get.
pub(crate) fn order() -> Json {
    json!({"id": "17", "customer": "ada", "priority": 7, "kind": "order", "tags": ["fast", "dry"],
           "extra": "{\"k\":1,\"z\":[1,2]}", "lines": [
               {"name": "pen", "price": 10, "quantity": 2}, {"name": "ink", "price": 3, "quantity": 5},
               {"name": "pad", "price": 1, "quantity": 1}]})
}

/// An inline Map of one Pass over the input.
pub(crate) fn map() -> Json {
    json!({"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "One", "States": {"One": {"Type": "Pass", "End": true}}}}}})
}

/// A Pass that counts and a Choice that asks whether it has counted enough; with `task`, that Task in between.
pub(crate) fn counter(task: Option<&str>) -> Json {
    let mut machine = json!({"StartAt": "Count", "States": {
        "Count": {"Type": "Pass", "Next": "Enough", "Parameters": {
            "count.$": "States.MathAdd($.count, 1)", "enough.$": "$.enough"}},
        "Enough": {"Type": "Choice", "Default": "Done", "Choices": [
            {"Variable": "$.count", "NumericLessThanPath": "$.enough", "Next": "Count"}]},
        "Done": {"Type": "Succeed"}}});
    if let Some(resource) = task {
        machine["States"]["Count"]["Next"] = json!("Work");
        machine["States"]["Work"] =
            json!({"Type": "Task", "Resource": resource, "ResultPath": null, "TimeoutSeconds": 300, "Next": "Enough"});
    }
    machine
}

/// One task of an activity.
pub(crate) fn task(activity: &str) -> Json {
    json!({"StartAt": "Work", "States": {
        "Work": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 300, "End": true}}})
}

/// A wait of an hour.
pub(crate) fn wait() -> Json {
    json!({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 3600, "End": true}}})
}
