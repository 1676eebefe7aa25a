//! Shapes that were dangerous somewhere: each is answered, with an error where it wants too much.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use asl::Value;
use fuzzing::{definition, evaluate_expression, expression, input, path, with};

fn given(source: &str) -> Result<Value, String> {
    with(&Value::parse(r#"{"list": [1, 2, 3], "text": "abc"}"#).unwrap(), |scope| evaluate_expression(source, scope))
}

fn nested(open: &str, core: &str, close: &str, times: usize) -> String {
    open.repeat(times) + core + &close.repeat(times)
}

#[test]
fn expressions_that_nest_without_end_are_refused() {
    for (open, core, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a':", "1", "}"),
        ("-", "1", ""),
        ("$f(", "1", ")"),
        ("$not(", "true", ")"),
        ("$string(", "1", ")"),
        ("function($x){", "1", "}"),
        ("true ? (", "1", ") : 2"),
        ("$x[", "1", "]"),
        ("$x.(", "1", ")"),
        ("1 + (", "1", ")"),
        ("($a := ", "1", ")"),
        ("$x ~> |$|", "{}", "|"),
        ("$x^(", "$", ")"),
        ("/* ", "1", " */"),
    ] {
        let _ = given(&nested(open, core, close, 20_000));
        let _ = given(&nested(open, core, "", 20_000));
    }
    assert!(given(&nested("[", "1", "]", 20_000)).is_err());
    assert!(given(&nested("$not(", "true", ")", 20_000)).is_err());
    let _ = given(&vec!["1"; 20_000].join(" + "));
    let _ = given(&vec!["$x"; 20_000].join("."));
    let _ = given(&vec!["$string"; 20_000].join(" ~> "));
    let _ = given(&vec!["true ? 1"; 20_000].join(" : "));
}

/// The evaluator's own defects are errors of the expression.
#[test]
fn pictures_of_times_that_mean_nothing_are_refused() {
    for picture in ["[fNn,3-3]", "[λ]", "[,]", "[", "[]", "[Y,-]", "[M01,9-1]", "[Z99999]"] {
        let _ = given(&format!("$toMillis('1', '{picture}')"));
        let _ = given(&format!("$fromMillis(1521801216617, '{picture}')"));
    }
    assert!(given("$fromMillis(1521801216617, '[fNn,3-3]')").is_err());
}

#[test]
fn recursion_without_end_is_stopped() {
    for source in [
        "($f := function() { $f() }; $f())",
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "($f := function($n) { [$f($n)] }; $f(0))",
        "($f := function() { $g() }; $g := function() { $f() }; $f())",
        "($y := function($f) { $f($f) }; $y($y))",
        "$map([1..800000], function($v) { $map([1..800000], function($w) { $w * $v }) })",
        "$reduce([1..800000], function($a, $b) { $reduce([1..800000], function($c, $d) { $c + $d }) + $a })",
        "($f := function($n) { $map([1, 2], $f) }; $f(0))",
        "$sort([1..100000], function($a, $b) { $count([1..1000]) > $a - $b })",
    ] {
        assert!(given(source).is_err(), "{source}");
    }
}

#[test]
fn texts_and_arrays_that_double_are_stopped() {
    let sixty = "[1..60]";
    for body in [
        format!("$reduce({sixty}, function($a, $i) {{ $a & $a }}, 'xxxxxxxx')"),
        format!("$reduce({sixty}, function($a, $i) {{ $join([$a, $a]) }}, 'xxxxxxxx')"),
        format!("$reduce({sixty}, function($a, $i) {{ $replace($a, 'x', 'xx') }}, 'xxxxxxxx')"),
        format!("$reduce({sixty}, function($a, $i) {{ $append($a, $a) }}, [1, 2])"),
        format!("$reduce({sixty}, function($a, $i) {{ [$a, $a] }}, 1)"),
        format!("$reduce({sixty}, function($a, $i) {{ {{'a': $a, 'b': $a}} }}, 1)"),
        format!("$reduce({sixty}, function($a, $i) {{ $string([$a, $a]) }}, 'x')"),
        format!("$reduce({sixty}, function($a, $i) {{ $encodeUrlComponent($a & '%') & $a }}, '%%%%')"),
        format!("$reduce({sixty}, function($a, $i) {{ $base64encode($a) & $base64encode($a) }}, 'x')"),
        String::from("($f := function($s, $x) { $x > 0 ? $f([$s, $s], $x) : $s }; $f('a', 2))"),
        String::from("($f := function($s, $x) { ($t := [$s, $s]; $f($t, $x)) }; $f('a', 2))"),
        String::from("($f := function($s) { $f({'a': [$s.a, $s.a]}) }; $f({'a': [1]}))"),
        String::from("($f := function($s) { $f([[$s[0], $s[0]]]) }; $f([[1]]))"),
        String::from("$pad('x', 1000000000)"),
        String::from("$pad('x', -9e15)"),
        String::from("[1..1e15]"),
        String::from("$range(0, 9e15, 1)"),
        String::from("$formatBase(1e300, 2) & $power(10, 400)"),
        String::from("$map([1..1000], function($v) { $pad('x', 4000000) })"),
        String::from("$join($split($pad('x', 100000), ''), $pad('y', 4000000))"),
        String::from("$merge($map([1..100000], function($v) { {$string($v): [1..1000]} }))"),
        String::from("[1..10000].{'a': [1..1000]}"),
        String::from("[1..800000].[1..800000]"),
        String::from("[1..800000][$count([1..1000]) > $]"),
        String::from("$distinct([1..100000])"),
    ] {
        assert!(given(&body).is_err(), "{body}");
    }
}

#[test]
fn patterns_that_backtrace_do_not_hang() {
    let long = "a".repeat(50_000);
    for pattern in
        ["(a+)+$", "(a|a)*b", "(a*)*b", "(.*a){20}b", "^(([a-z])+.)+[A-Z]([a-z])+$", "a{1000}{1000}", "(a{500}){500}"]
    {
        for call in ["$contains", "$match", "$split"] {
            let _ = given(&format!("{call}('{long}!', /{pattern}/)"));
        }
        let _ = given(&format!("$replace('{long}!', /{pattern}/, '$0$0')"));
    }
}

#[test]
fn paths_that_nest_or_branch_without_end_are_answered() {
    for text in [
        nested("$[?(", "@.a", ")]", 20_000),
        nested("States.Array(", "$", ")", 20_000),
        nested("$..", "a", "", 20_000),
        "$".to_owned() + &"[*]".repeat(20_000),
        "$".to_owned() + &".a".repeat(20_000),
        "$".to_owned() + &"..a".repeat(5_000),
        format!("$[?({})]", vec!["@.a"; 20_000].join(" && ")),
        format!("$[?({})]", nested("!", "@.a", "", 20_000)),
        format!("$[?({})]", nested("(", "@.a", ")", 20_000)),
        "States.ArrayRange(0, 9223372036854775807, 1)".to_owned(),
        "States.ArrayRange(0, 1000000000, 1)".to_owned(),
        "States.MathRandom(-9223372036854775808, 9223372036854775807)".to_owned(),
        "States.ArrayPartition($.list, 0)".to_owned(),
        "States.ArrayPartition($.list, -1)".to_owned(),
        "$[-9223372036854775808:9223372036854775807:-1]".to_owned(),
        "$.list[9223372036854775807]".to_owned(),
        "$[?(@.a =~ /(a+)+$/)]".to_owned(),
    ] {
        path(text.as_bytes());
    }
    let wide = format!("$..*..*..*..*..*\n{}", nested("[", "1", "]", 100));
    path(wide.as_bytes());
    let bushy = (0..6).fold("1".to_owned(), |inner, _| format!("[{inner},{inner},{inner},{inner}]"));
    path(format!("$..*..*..*..*\n{bushy}").as_bytes());
}

#[test]
fn definitions_that_nest_or_repeat_without_end_are_answered() {
    let machine = |inner: &str| {
        format!(r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Parallel", "End": true, "Branches": [{inner}]}}}}}}"#)
    };
    let deep = (0..200).fold(String::from("{}"), |inner, _| machine(&inner));
    definition(deep.as_bytes());
    let rules = nested(r#"{"Not":"#, r#"{"Variable":"$.a","IsNull":true}"#, "}", 100);
    definition(format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Choice","Choices":[{rules}]}}}}}}"#).as_bytes());
    for text in ["[", "{\"a\":", "\"", "{\"States\":{"] {
        definition(text.repeat(100_000).as_bytes());
    }
    let many: Vec<String> = (0..2_000)
        .map(|number| format!(r#""S{number}":{{"Type":"Pass","Next":"S{}"}}"#, (number + 1) % 2_000))
        .collect();
    definition(format!(r#"{{"StartAt":"S0","States":{{{}}}}}"#, many.join(",")).as_bytes());
}

#[test]
fn inputs_of_every_shape_are_answered() {
    for text in [
        "null".to_owned(),
        "1e308".to_owned(),
        "-0.0".to_owned(),
        "18446744073709551616".to_owned(),
        "\"\"".to_owned(),
        nested("[", "1", "]", 120),
        nested("[", "1", "]", 100_000),
        nested(r#"{"a":"#, "1", "}", 120),
        format!("[{}]", vec!["{\"a\": [1, {}]}"; 50].join(",")),
        format!("{{\"a\": {}}}", u64::MAX),
        format!("{{\"a\": [{}]}}", vec!["1"; 200].join(",")),
        format!("\"{}\"", "x".repeat(300_000)),
    ] {
        input(text.as_bytes());
    }
}

#[test]
fn bytes_that_are_no_text_are_passed_over() {
    for act in [definition, path, expression, input] {
        act(&[0xff, 0xfe, 0x00]);
        act(b"");
    }
}
