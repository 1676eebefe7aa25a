use asl::Object;
use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Value {
    Value::parse(text).unwrap()
}

/// The document and variables that the tables below look at.
fn with<T>(document: &str, look: impl FnOnce(&Scope<'_>) -> T) -> T {
    let (input, context) = (json(document), json(r#"{"Execution":{"Name":"run-1"},"Map":{"Item":{"Index":2}}}"#));
    let variables: Object = [("list".into(), json("[10,20,30]")), ("who".into(), json(r#"{"name":"Ada"}"#))].into();
    let scope = Scope::of(&input, &context, &variables, 1);
    look(&scope)
}

fn found(document: &str, path: &str) -> String {
    with(document, |scope| match select(path, scope) {
        Ok(value) => value.to_string(),
        Err(failure) => format!("{}: {}", failure.error, failure.cause),
    })
}

const STORE: &str = r#"{"store":{"book":[
    {"category":"reference","author":"Rees","title":"Sayings","price":8.95},
    {"category":"fiction","author":"Waugh","title":"Sword","price":12.99},
    {"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553-21311-3","price":8.99},
    {"category":"fiction","author":"Tolkien","title":"Rings","isbn":"0-395-19395-8","price":22.99}],
    "bicycle":{"color":"red","price":19.95}},"expensive":10,"my-key":1,"a b":2}"#;

#[test]
fn paths_find_what_jayway_finds() {
    let table = [
        ("$.expensive", "10"),
        ("$['store']['bicycle'].color", r#""red""#),
        ("$.my-key", "1"),
        ("$['a b']", "2"),
        ("$.store.book[0].title", r#""Sayings""#),
        ("$.store.book[-1].title", r#""Rings""#),
        ("$.store.book[*].price", "[8.95,12.99,8.99,22.99]"),
        ("$.store.book[0,2].author", r#"["Rees","Melville"]"#),
        ("$.store.book[:2].author", r#"["Rees","Waugh"]"#),
        ("$.store.book[-2:].author", r#"["Melville","Tolkien"]"#),
        ("$.store.book[1:3].author", r#"["Waugh","Melville"]"#),
        ("$..isbn", r#"["0-553-21311-3","0-395-19395-8"]"#),
        ("$..book[2].title", r#"["Moby"]"#),
        ("$.store..price", "[8.95,12.99,8.99,22.99,19.95]"),
        ("$.store.bicycle.*", r#"["red",19.95]"#),
        ("$.store.bicycle['color','price']", r#"{"color":"red","price":19.95}"#),
        ("$.store.bicycle['color','none']", r#"{"color":"red"}"#),
        ("$.store.book[?(@.isbn)].title", r#"["Moby","Rings"]"#),
        ("$.store.book[?(!@.isbn)].title", r#"["Sayings","Sword"]"#),
        ("$.store.book[?(@.price < $.expensive)].title", r#"["Sayings","Moby"]"#),
        ("$.store.book[?(@.category == 'fiction' && @.price > 20)].title", r#"["Rings"]"#),
        ("$.store.book[?(@.price > 20 || @.author == 'Rees')].title", r#"["Sayings","Rings"]"#),
        ("$.store.book[?(!(@.price > 10))].title", r#"["Sayings","Moby"]"#),
        ("$.store.book[?(@.author =~ /.*ville/)].title", r#"["Moby"]"#),
        ("$.store.book[?(@.author =~ /ville/)].title", "[]"),
        ("$.store.book[?(@.author =~ /REES/i)].title", r#"["Sayings"]"#),
        ("$.store.book[?(@.author in ['Rees','Waugh'])].title", r#"["Sayings","Sword"]"#),
        ("$.store.book[?(@.author nin ['Rees','Waugh'])].title", r#"["Moby","Rings"]"#),
        ("$.store.book[?(@.title contains 'o')].title", r#"["Sword","Moby"]"#),
        ("$.store.book[?(@.title size 4)].title", r#"["Moby"]"#),
        ("$.store.book[?(@.price == '8.95')].title", r#"["Sayings"]"#),
        ("$.store.book[?(@.author==Rees)].title", r#"["Sayings"]"#),
        ("$.store.book[?(@.price === '8.95')].title", "[]"),
        ("$.store.book.length()", "4"),
        ("$.store.bicycle.keys()", r#"["color","price"]"#),
        ("$.store.book[*].price.sum()", "53.92"),
        ("$.store.book[*].price.min()", "8.95"),
        ("$.store.book[*].price.max()", "22.99"),
        ("$.store.book[*].price.avg()", "13.48"),
        (
            "$.store.book.first().title",
            "States.Runtime: Invalid path '$.store.book.first().title' : could not parse '.title'",
        ),
        ("$", &json(STORE).to_string()),
        ("$$.Execution.Name", r#""run-1""#),
        ("$$.Map.Item['Index']", "2"),
        ("$list[1]", "20"),
        ("$list[*]", "[10,20,30]"),
        ("$list", "[10,20,30]"),
        ("$who.name", r#""Ada""#),
    ];
    for (path, expected) in table {
        assert_eq!(found(STORE, path), expected, "{path}");
    }
}

#[test]
fn statistics_are_of_the_population() {
    assert_eq!(found("[2,4,4,4,5,5,7,9]", "$.stddev()"), "2.0");
    assert_eq!(
        found("[]", "$.sum()"),
        "States.Runtime: Invalid path '$.sum()' : Aggregation function attempted to calculate value using empty array"
    );
}

#[test]
fn a_miss_is_told_in_jayways_words() {
    let table = [
        ("$.NoSuchInputPath", "No results for path: $['NoSuchInputPath']"),
        ("$.a.c", "No results for path: $['a']['c']"),
        ("$.no.such.result.path", "Missing property in path $['no']"),
        ("$.a.no.such", "Missing property in path $['a']['no']"),
        ("$.list[7]", "No results for path: $['list'][7]"),
        ("$.list[7].x", "No results for path: $['list'][7]['x']"),
        (
            "$.a.b.c",
            "Expected to find an object with property ['c'] in path $['a']['b'] but found 'java.lang.Integer'. This is \
             not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
        ),
        ("$.a[0]", "Filter: [0] can only be applied to arrays. Current context is: {b=1}"),
        ("$.null[0]", "The path $['null'] is null"),
        ("$['a','list'].b", "Multi properties can only be used as path leafs: $['a','list']"),
        ("$nobody.x", "The variable $nobody is not assigned"),
    ];
    for (path, message) in table {
        let cause = format!("States.Runtime: Invalid path '{path}' : {message}");
        assert_eq!(found(r#"{"a":{"b":1},"list":[1],"null":null}"#, path), cause);
    }
}

#[test]
fn an_indefinite_path_that_finds_nothing_gives_an_empty_array() {
    for path in
        ["$.items[1:]", "$.item.items[*]", "$.item.items[1:5].itemValue", "$.items[?(@.x == 1)]", "$..x", "$[*]"]
    {
        assert_eq!(found("{}", path), "[]", "{path}");
    }
    assert!(found("{}", "$[1:]").starts_with("States.Runtime"));
}

#[test]
fn a_template_field_names_itself_and_the_input() {
    with(r#"{"int-literal":0}"#, |scope| {
        for path in ["$.no_such_jsonpath", "$$.Execution.Input.no_such_jsonpath", "$nobody"] {
            let failure = select_for("value.$", path, scope).unwrap_err();
            assert_eq!(failure.error, "States.Runtime");
            let cause = format!(
                "The JSONPath '{path}' specified for the field 'value.$' could not be found in the input \
                 '{{\"int-literal\":0}}'"
            );
            assert_eq!(failure.cause, cause);
        }
    });
}

#[test]
fn malformed_paths_are_refused() {
    for path in [
        "",
        "a",
        "@.a",
        "$.",
        "$..",
        "$.a[",
        "$.a]",
        "$['a",
        "$[]",
        "$[?]",
        "$[?(@.a ==)]",
        "$[?(@.a == +)]",
        "$.a b",
        "$[1:2:3]",
        "$.unknown()",
        "$[?(1)]",
        "$1a",
        "$[?(@.a =~ /(/)]",
        "$$$",
    ] {
        assert!(parse::parse(path).is_err(), "{path}");
        assert!(found("{}", path).starts_with("States.Runtime: Invalid path "), "{path}");
    }
    let deep = format!("${}", "[?(@".repeat(200));
    assert!(parse::parse(&deep).is_err());
}

#[test]
fn results_are_placed_at_reference_paths() {
    let table = [
        (r#"{"a":1}"#, "$", r#""r""#),
        (r#"{"a":1}"#, "$.b", r#"{"a":1,"b":"r"}"#),
        (r#"{"a":1}"#, "$.b.c['d e']", r#"{"a":1,"b":{"c":{"d e":"r"}}}"#),
        (r#"{"a":[1,{"b":2}]}"#, "$.a[1].b", r#"{"a":[1,{"b":"r"}]}"#),
        (r#"{"a":[1,2]}"#, "$.a[0]", r#"{"a":["r",2]}"#),
    ];
    for (raw, path, expected) in table {
        assert_eq!(place(&json(raw), path, "r".into()).unwrap().to_string(), expected, "{path}");
    }
    for (raw, path, error) in [
        ("[1]", "$.a", "States.ResultPathMatchFailure"),
        (r#"{"a":1}"#, "$.a.b", "States.ResultPathMatchFailure"),
        (r#"{"a":[1]}"#, "$.a[1]", "States.ResultPathMatchFailure"),
        (r#"{"a":1}"#, "$.a[0]", "States.ResultPathMatchFailure"),
        ("{}", "$.a[*]", "States.Runtime"),
        ("{}", "$..a", "States.Runtime"),
        ("{}", "$$.a", "States.Runtime"),
        ("{}", "$var.a", "States.Runtime"),
    ] {
        assert_eq!(place(&json(raw), path, Value::Null).unwrap_err().error, error, "{path}");
    }
}

#[test]
fn a_loop_that_wraps_its_value_ends_before_the_stack_does() {
    let mut value = json("{}");
    let failure = loop {
        match place(&json("{}"), "$.inner", value.clone()) {
            Ok(deeper) => value = deeper,
            Err(failure) => break failure,
        }
    };
    assert_eq!(failure.error, "States.Runtime");
    assert!(value.to_string().len() > 9_000);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::array),
            prop::collection::vec(("[a-c]", inner), 0..4).prop_map(Value::object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_placed_is_selected(result in values(), names in prop::collection::vec("[a-z]{1,3}|[ '\\\\.]{1,3}", 1..5)) {
        let path: String = names.iter().fold(String::from("$"), |path, name| {
            format!("{path}['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
        });
        let placed = place(&json(r#"{"kept":1}"#), &path, result.clone()).unwrap();
        prop_assert_eq!(placed.get("kept").and_then(Value::as_i64).is_some(), names[0] != "kept");
        let variables = Object::new();
        let scope = Scope::of(&placed, &Value::Null, &variables, 0);
        prop_assert_eq!(select(&path, &scope).unwrap(), result);
    }

    #[test]
    fn no_path_and_no_document_panics(document in values(), path in "\\$[$.a-c\\[\\]*0-9:,'?()@=<>&|!~/ -]{0,24}") {
        let variables = Object::new();
        let scope = Scope::of(&document, &Value::Null, &variables, 0);
        let _ = select(&path, &scope);
        let _ = place(&document, &path, Value::Null);
        let _ = select_for("x.$", &path, &scope);
    }

    #[test]
    fn the_fast_way_finds_what_the_full_one_finds(document in values(), names in prop::collection::vec("[a-d]", 0..4)) {
        let path: String = names.iter().fold(String::from("$"), |path, name| format!("{path}.{name}"));
        let variables = Object::new();
        let scope = Scope::of(&document, &Value::Null, &variables, 0);
        let full = find_parsed(&parse::parse(&path).unwrap(), &scope);
        prop_assert_eq!(reference(&path, &scope).cloned(), full.ok());
    }
}

#[test]
fn a_path_that_multiplies_what_it_looks_at_is_stopped() {
    let deep = (0..100).fold(Value::from(1_i64), |inner, _| Value::array(vec![inner]));
    let wide = Value::array(vec![Value::array((0..10_000_i64).map(Value::from).collect()); 2]);
    for (document, path) in
        [(&deep, "$..*..*..*..*..*"), (&deep, "$..[?(@..[?(@..[?(@..*)])])]"), (&wide, "$[?(@ subsetof @)]")]
    {
        let nothing = Value::Null;
        let variables = asl::Object::new();
        let failure = select(path, &Scope::of(document, &nothing, &variables, 0)).unwrap_err();
        assert!(failure.cause.ends_with("it looks at more than 2000000 values"), "{path}: {}", failure.cause);
    }
}
