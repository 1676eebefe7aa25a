use asl::Object;
use proptest::prelude::*;

use super::*;

const INPUT: &str = r#"{"n":5,"f":1.0,"big":9007199254740993,"s":"abc","arr":[1,2,3],"objs":[{"o":{"z":1}},{"o":{"z":2}}],
    "items":[{"sku":"a","price":5},{"sku":"b","price":15}],"null":null,"empty":[],"one":[7]}"#;

fn with<T>(look: impl FnOnce(&Scope<'_>) -> T) -> T {
    let input = Value::parse(INPUT).unwrap();
    let context = Value::parse(r#"{"Execution":{"Name":"run-1"}}"#).unwrap();
    let result = Value::parse(r#"{"Payload":{"ok":true}}"#).unwrap();
    let variables: Object = [
        ("x".into(), Value::from(41_i64)),
        ("list".into(), Value::parse(r#"[{"a":1},{"a":2}]"#).unwrap()),
        ("hash".into(), Value::from("mine")),
    ]
    .into();
    look(&Scope {
        input: &input,
        result: Some(&result),
        error_output: None,
        context: &context,
        variables: &variables,
        now: 1_700_000_000_123,
        seed: 3,
    })
}

fn run(source: &str) -> Result<Value, Failure> {
    with(|scope| template("Output", &Value::from(format!("{{% {source} %}}")), scope))
}

fn given(source: &str) -> String {
    run(source).map_or_else(|failure| failure.cause, |value| value.to_string())
}

#[test]
fn expressions_give_values_with_integers_kept() {
    let table = [
        ("$states.input.n", "5"),
        ("$states.input.f", "1.0"),
        ("$states.input.big", "9007199254740993"),
        ("$states.input.n + 2", "7"),
        ("$states.input.n / 2", "2.5"),
        ("{'n': $states.input.n, 'm': -0.0}", r#"{"n":5,"m":0}"#),
        ("$states.input.arr", "[1,2,3]"),
        ("$states.input.one", "[7]"),
        ("$states.input.empty", "[]"),
        ("$states.input.`null`", "null"),
        ("$states.input.objs.o.z", "[1,2]"),
        ("$states.input.items[price > 10].sku", r#""b""#),
        ("$states.input.items{sku: price}", r#"{"a":5,"b":15}"#),
        ("$states.input.items^(>price).sku", r#"["b","a"]"#),
        ("$states.result.Payload.ok", "true"),
        ("$states.context.Execution.Name & '!'", r#""run-1!""#),
        ("$x + 1", "42"),
        ("$list.a", "[1,2]"),
        ("$list[1].a", "2"),
        ("$map($states.input.arr, function($v, $i) { $v * $i })", "[0,2,6]"),
        ("($y := $states.input; $y.n)", "5"),
        ("$keys($states)", r#"["input","context","result"]"#),
        ("$hash", r#""mine""#),
        ("$sum($states.input.arr) + $x", "47"),
        ("$string(1e20)", r#""100000000000000000000""#),
        ("1/0", r#""Infinity""#),
        ("$states.input.`s`", r#""abc""#),
        ("$exists($states.input.nope)", "false"),
        ("$contains('hello$world', /^hello\\$/)", "true"),
    ];
    for (source, expected) in table {
        assert_eq!(given(source), expected, "{source}");
    }
}

#[test]
fn the_dialects_functions_are_those_of_aws() {
    let table = [
        (r#"$parse("{\"a\":1}").a"#, "1"),
        ("$partition([1,2,3,4,5], 2)", "[[1,2],[3,4],[5]]"),
        ("$range(0, 6, 2)", "[0,2,4,6]"),
        ("$range(-1.7, 2, 1)", "[-1,0,1,2]"),
        ("$count($range(1, 200000, 1))", "200000"),
        ("$random(42)", "0.7275636800328681"),
        ("$millis()", "1700000000123"),
        ("$now()", r#""2023-11-14T22:13:20.123Z""#),
        ("$now('[Y]-[M01]-[D01]')", r#""2023-11-14""#),
        ("$now('[H01]:[m01]', '+0200')", r#""00:13""#),
        ("$fromMillis($millis())", r#""2023-11-14T22:13:20.123Z""#),
        ("$pad('a', -3, '*')", r#""**a""#),
        ("'a' ~> $pad(3, '-')", r#""a--""#),
        ("['[1]','2'].$parse($)", "[1,2]"),
        ("$map(['[1]','2'], $parse)", "[[1],2]"),
        ("$sort($shuffle([3,1,2]))", "[1,2,3]"),
        ("$uuid() = $uuid()", "false"),
        ("$length($uuid())", "36"),
    ];
    for (source, expected) in table {
        assert_eq!(given(source), expected, "{source}");
    }
    with(|scope| {
        let scope = Scope { variables: &Object::new(), ..*scope };
        let hash = |text: &str| template("Output", &text.into(), &scope).unwrap();
        let expected = "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1";
        assert_eq!(hash("{% $hash('input', 'SHA-1') %}"), expected.into());
        assert_eq!(hash("{% 'input' ~> $hash('SHA-1') %}"), expected.into());
    });
}

#[test]
fn draws_depend_on_the_seed_and_the_field_alone() {
    let expression =
        Value::parse(r#"["{% $uuid() %}","{% $random() %}","{% $shuffle([1..9]) %}","{% $uuid() %}"]"#).unwrap();
    with(|scope| {
        let first = template("Output", &expression, scope).unwrap();
        assert_eq!(first, template("Output", &expression, scope).unwrap());
        assert_ne!(first, template("Assign", &expression, scope).unwrap());
        assert_ne!(first.as_array().unwrap()[0], first.as_array().unwrap()[3]);
    });
}

#[test]
fn what_goes_wrong_is_told_in_awss_words() {
    let nothing = "returned nothing (undefined).";
    let threw = |message: &str| format!("threw an error during evaluation. {message}");
    let table = [
        ("$doesNotExist", nothing.to_owned()),
        ("$states.input.missing.x", nothing.to_owned()),
        ("$states.errorOutput", nothing.to_owned()),
        ("$fn := function($x){$x}", String::from("returned an unsupported result type.")),
        ("{'f': $sum}", String::from("returned an unsupported result type.")),
        ("$sum", String::from("returned an unsupported result type.")),
        ("$x()", threw("T1006: Attempted to invoke a non-function")),
        ("$nope(1)", threw("T1006: Attempted to invoke a non-function")),
        ("$eval('1+1')", threw("T1006: Attempted to invoke a non-function")),
        ("$hash('x', 'MD5')", threw("T1006: Attempted to invoke a non-function")),
        ("'a' + 1", threw("T2001: The left side of the \"+\" operator must evaluate to a number")),
        ("1 * 'a'", threw("T2002: The right side of the \"*\" operator must evaluate to a number")),
        ("$sum(['a'])", threw("T0412: Argument 1 of function \"sum\" must be an array of \"numbers\"")),
        ("$fromMillis(0, '[λ]')", threw("D3132: Unknown component specifier \"λ\" in date/time picture string")),
        ("$fromMillis(0, '[,]')", threw("D3132: Unknown component specifier \",\" in date/time picture string")),
        ("$join([1])", threw("T0412: Argument 1 of function \"join\" must be an array of \"strings\"")),
        ("$join(['a'], 1)", threw("T0410: Argument 2 of function \"join\" does not match function signature")),
        ("$abs('x')", threw("T0410: Argument 1 of function \"abs\" does not match function signature")),
        ("$uppercase(1)", threw("T0410: Argument 1 of function \"uppercase\" does not match function signature")),
        ("$number('abc')", threw("D3030: Unable to cast value to a number: \"abc\"")),
        (
            "[1] < [2]",
            threw("T2010: The expressions either side of operator \"<\" must evaluate to numeric or string values"),
        ),
        ("[1..'a']", threw("T2004: The right side of the range operator (..) must evaluate to an integer")),
        ("$error('boom')", threw("D3137: boom")),
        (
            "$formatNumber(1, 'x')",
            threw(
                "D3086: The sub-picture must not contain a passive character that is preceded by an active character and \
                 that is followed by another active character",
            ),
        ),
        ("1 +", threw("S0207: Unexpected end of expression")),
        ("$x.null", threw("S0213: The literal value null cannot be used as a step within a path expression")),
        (
            "$partition('a', 'b')",
            threw("T0410: Argument 2 of function \"partition\" does not match function signature"),
        ),
    ];
    for (source, said) in table {
        let failure = run(source).unwrap_err();
        assert_eq!(failure.error, "States.QueryEvaluationError");
        let cause = format!("The JSONata expression '{source}' specified for the field 'Output' {said}");
        assert_eq!(failure.cause, cause);
        assert_eq!(failure.location.as_deref(), Some("Output"));
    }
}

#[test]
fn runaway_expressions_meet_the_bounds_of_aws() {
    let memory = convert::MEMORY_EXCEEDED;
    let doubling = |times: u32| {
        format!("($p := function($s, $n) {{ $n = 0 ? $s : $p($s & $s, $n - 1) }}; $length($p('x', {times})))")
    };
    let chain = vec!["1"; 200].join("+");
    let table = [
        (String::from("[1..873783] ~> $count()"), memory),
        (String::from("$range(1, 100000000, 1)"), memory),
        (String::from("$pad('x', 1000000000)"), memory),
        (doubling(23), memory),
        (String::from("($d := function($v, $n) { $n = 0 ? $v : $d([[$v], [$v]], $n - 1) }; $d(1, 40))"), memory),
        (chain, "Stack overflow error: Check for non-terminating recursive function."),
        (String::from("($f := function($n) { 1 + $f($n) }; $f(1))"), "Stack overflow error"),
    ];
    for (source, said) in table {
        let failure = run(&source).unwrap_err();
        assert!(failure.cause.contains(&format!("threw an error during evaluation: {said}")), "{}", failure.cause);
    }
    assert_eq!(given("[1..873782] ~> $count()"), "873782");
    assert_eq!(given(&doubling(22)), "4194304");
    assert_eq!(given("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(30))"), "30");
    assert_eq!(given("($f := function($n, $a) { $n = 0 ? $a : $f($n - 1, $a + 1) }; $f(3000, 0))"), "3000");
}

#[test]
fn a_time_without_a_date_is_of_the_day_of_the_scope() {
    let table = [
        ("$fromMillis($toMillis('13:45', '[H]:[m]'))", r#""2023-11-14T13:45:00.000Z""#),
        ("$fromMillis($toMillis('01:30 PM', '[h#1]:[m01] [P]'))", r#""2023-11-14T13:30:00.000Z""#),
        ("$fromMillis($toMillis('3/7', '[M]/[D]'))", r#""2023-03-07T00:00:00.000Z""#),
        ("$fromMillis($toMillis('20', '[s]'))", r#""2023-11-14T22:13:20.000Z""#),
        ("$fromMillis($toMillis('2001 9', '[Y] [M]'))", r#""2001-09-01T00:00:00.000Z""#),
        ("$toMillis('1970-01-01T00:00:01Z')", "1000"),
        ("$exists($toMillis($states.input.nothing, '[H]'))", "false"),
        ("$count($shuffle([1]))", "1"),
    ];
    for (source, expected) in table {
        assert_eq!(given(source), expected, "{source}");
    }
}

#[test]
fn templates_are_filled_in_whole_texts_only_and_name_their_place() {
    let text =
        r#"{"a":"{% $x %}","b":[1,"{% $states.input.s %}"," {% $x %}","$states.input"],"c.$":"$.a","d":{"e":"{%1%}"}}"#;
    with(|scope| {
        let filled = template("Output", &Value::parse(text).unwrap(), scope).unwrap();
        let expected = r#"{"a":41,"b":[1,"abc"," {% $x %}","$states.input"],"c.$":"$.a","d":{"e":1}}"#;
        assert_eq!(filled.to_string(), expected);
        let bad = Value::parse(r#"{"a":[{"b":"{% $nope %}"}]}"#).unwrap();
        let failure = template("Choices[1]/Output", &bad, scope).unwrap_err();
        assert_eq!(failure.location.as_deref(), Some("Choices[1]/Output/a[0]/b"));
        for literal in ["null", "0.1", "[]", "{}", r#""text""#, r#""{%""#] {
            let literal = Value::parse(literal).unwrap();
            assert_eq!(template("Output", &literal, scope).unwrap(), literal);
        }
    });
}

#[test]
fn a_mistyped_result_is_described_as_aws_does() {
    let value = Value::parse(r#"{"foo":"bar"}"#).unwrap();
    let failure = mistyped("Items", &"{% $ItemsVar %}".into(), "array", &value);
    assert_eq!(
        failure.cause,
        "The JSONata expression '$ItemsVar' specified for the field 'Items' returned an unexpected result type. Expected \
         'array', but was 'object' for value: {\"foo\":\"bar\"}"
    );
}

#[test]
fn only_what_is_read_is_converted() {
    let needs = |source: &str| needs::Needs::of(&program::parse(source).unwrap());
    let of = needs("$states.input.a.b + $sum($states.input.c[d > $y].e)");
    let input = &of.variables["states"].members["input"];
    assert!(!input.whole && input.members["a"].members["b"].whole && input.members["c"].whole);
    assert!(!input.members["a"].whole && of.variables["y"].whole);
    assert!(needs("$states.input.a.%.b").variables["states"].whole);
    assert!(needs("($s := $states; $s.input)").variables["states"].whole);
}

#[test]
fn a_deep_value_is_refused_and_never_overflows() {
    let deep = |levels: usize| format!("$reduce([1..{levels}], function($value, $i) {{ {{'v': $value}} }}, 0)");
    let deepest = run(&deep(900)).unwrap();
    assert!(deepest.to_string().len() > 4_500);
    assert!(given(&deep(5_000)).contains("nests deeper than 1000 levels"));
    let read = with(|scope| {
        let scope = Scope { input: &deepest, ..*scope };
        template("Output", &"{% $string($states.input) = $string($states.input) %}".into(), &scope)
    });
    assert_eq!(read, Ok(true.into()));
}

#[test]
fn a_template_around_a_deep_value_is_refused() {
    let deepest = (0..1000).fold(Value::Null, |value, _| Value::array(vec![value]));
    let around = Value::object([("a", Value::from("{% $states.input %}"))]);
    let refused = with(|scope| template("Output", &around, &Scope { input: &deepest, ..*scope })).unwrap_err();
    assert_eq!((refused.error, refused.location.as_deref()), ("States.QueryEvaluationError", Some("Output")));
    assert!(refused.cause.contains("nests deeper than 1000 levels"), "{}", refused.cause);
}

#[test]
fn what_step_functions_does_not_support_is_found_before_it_runs() {
    let unsupported =
        |name: &str| vec![Finding::Unsupported(format!("Reference to '{name}' at the top level is not supported."))];
    let table = [
        ("phone", unsupported("phone")),
        ("phone.home & phone", unsupported("phone")),
        ("$sum(items.price)", unsupported("items")),
        ("$", unsupported("$")),
        ("*", unsupported("*")),
        ("function($x) { a }", unsupported("a")),
        ("$$", vec![Finding::Unsupported(String::from("Reference to '$$' is not supported."))]),
        ("1 +", vec![Finding::Invalid(String::from("Unexpected end of expression"))]),
        (
            "\"unterminated",
            vec![Finding::Invalid(String::from("String literal must be terminated by a matching quote"))],
        ),
        ("{\"a\":}", vec![Finding::Invalid(String::from("The symbol \"}\" cannot be used as a unary operator"))]),
        ("a[1,2)", vec![Finding::Invalid(String::from("Expected \"]\", got \",\""))]),
        ("$match($x, /abc", vec![Finding::Invalid(String::from("No terminating / in regular expression"))]),
        ("$x.phone", vec![]),
        ("$states.input[phone = 1].{'a': phone, 'b': $}", vec![]),
        ("$states.input.items{sku: price}", vec![]),
        ("$states.input.items^(price)", vec![]),
        ("$x ~> |items|{'a': price}|", vec![]),
        ("$map($states.input.arr, function($v) { $v.a })", vec![]),
    ];
    for (source, findings) in table {
        assert_eq!(inspect(source, false), findings, "{source}");
    }
    assert_eq!(inspect("$states.errorOutput.Cause", true), vec![]);
    assert!(matches!(inspect("$states.errorOutput.Cause", false)[..], [Finding::Unsupported(_)]));
    assert!(matches!(inspect("$eval('1')", false)[..], [Finding::Doomed(_)]));
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0_i64..9).prop_map(Value::from)];
    leaf.prop_recursive(5, 40, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::vec(("[ab]", inner), 0..3).prop_map(Value::object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn lookups_give_what_the_evaluator_gives(input in documents(), path in "(\\.[ab](\\[[0-2]\\])?){0,4}", rest in "|(\\[a\\]\\.b|\\.\\{'x': a\\})?") {
        let source = format!("$states.input{path}{rest}");
        let program = program::compile(&source);
        let Ok(program) = &*program else { return Err(TestCaseError::fail(source)) };
        let draws = Rc::new(RefCell::new(Random::new(0, "")));
        with(|scope| {
            let scope = Scope { input: &input, ..*scope };
            let looked_up = run::run(program, &scope, &draws);
            prop_assert_eq!(&looked_up, &run::interpret(program, &scope, &draws));
            // The same without leaving anything out.
            let whole = program::compile(&format!("($kept := $states; $kept.input{path}{rest})"));
            let Ok(whole) = &*whole else { return Err(TestCaseError::fail(source.clone())) };
            prop_assert_eq!(looked_up, run::interpret(whole, &scope, &draws));
            Ok(())
        })?;
    }

    #[test]
    fn no_expression_panics(source in "[$a-c0-9.()\\[\\]{}:,'\"=<>&|~?*+^@#%/ -]{0,24}") {
        let _ = run(&source);
        let _ = inspect(&source, false);
    }

    #[test]
    fn integers_and_texts_come_back(number in -9_007_199_254_740_992_i64..=9_007_199_254_740_992, text in ".{0,20}") {
        let variables: Object = [("number".into(), Value::from(number)), ("text".into(), Value::from(text.as_str()))].into();
        let given = with(|scope| {
            let scope = Scope { variables: &variables, ..*scope };
            template("Output", &"{% {'n': $number, 't': $text} %}".into(), &scope)
        });
        prop_assert_eq!(given.unwrap(), Value::object([("n", Value::from(number)), ("t", Value::from(text.as_str()))]));
    }
}
