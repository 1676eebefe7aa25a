//! The fuzzers' functions on random bytes and on random changes of good ones: they return.

use proptest::prelude::*;

const DEFINITIONS: [&str; 2] = [include_str!("../src/jsonpath.asl.json"), include_str!("../src/jsonata.asl.json")];
const PATHS: [&str; 7] = [
    "$.a.b[?(@.c == 'd' && @.n > 1)]..x[0:2]",
    "$$.Execution.Name",
    "$x.a[-1]",
    "States.Format('{} \\{\\}', $.a, States.ArrayLength($.list))",
    "States.ArrayPartition(States.ArrayRange(1, 9, 2), 2)",
    "States.JsonMerge($.a, $.n, false)",
    "$['a']['b'][0,1,2].length()",
];
const EXPRESSIONS: [&str; 6] = [
    "$states.input.objects[n > 1].{'k': k, 'all': $sum(%.n)}",
    "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $map($list.list, $f))",
    "$states.input.list^(>$) ~> $join(',') ~> $replace(/[0-9]+/, function($m) { $m.match & '!' })",
    "$formatNumber($states.input.n / 3, '#,##0.00') & $now('[Y]-[M01]-[D01]', '+0200')",
    "$toMillis('13:45', '[H]:[m]') + $parse('{\"a\": 1}').a",
    "$states.input ~> |a|{'b': $partition(b, 2)}, ['c']|",
];

/// One of the texts with a few pieces cut, doubled or replaced.
fn changed(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0..12_usize, "[\\PC]{0,3}|\\$|\\(|\\[|\\{|'|\\.\\.|\\*|0|-1|1e9|\\\\");
    (prop::sample::select(texts), prop::collection::vec(change, 0..5)).prop_map(|(text, changes)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (place, length, new) in changes {
            let start = place.index(letters.len() + 1);
            let end = (start + length).min(letters.len());
            letters.splice(start..end, new.chars());
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::definition(&bytes);
        fuzzing::path(&bytes);
        fuzzing::expression(&bytes);
        fuzzing::input(&bytes);
    }

    #[test]
    fn changed_definitions(text in changed(&DEFINITIONS)) {
        fuzzing::definition(text.as_bytes());
    }

    #[test]
    fn changed_paths(text in changed(&PATHS)) {
        fuzzing::path(text.as_bytes());
    }

    #[test]
    fn changed_expressions(text in changed(&EXPRESSIONS)) {
        fuzzing::expression(text.as_bytes());
    }

    #[test]
    fn any_input(text in "[\\[\\]{}\",:0-9a.e+-]{0,40}|\\{\"a\":(\\[[0-9,]{0,9}\\]|[0-9]{1,20}|\"[\\PC]{0,9}\")\\}") {
        fuzzing::input(text.as_bytes());
    }
}
