//! Items read from S3, and results written there.

use super::*;

const READ: &str = r#","ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
        "Parameters":{"Bucket":"b","Key.$":"$.key"},"ReaderConfig":{CONFIG}}"#;

async fn engine(bucket: &Bucket) -> Engine {
    open(None, &bucket.url(), &Clock::manual(START)).await
}

async fn read(bucket: &Bucket, key: &str, config: &str) -> ExecutionDescription {
    let engine = engine(bucket).await;
    let definition = standard(&READ.replace("CONFIG", config), ECHO);
    run(&engine, &definition, &format!(r#"{{"key":"{key}","most":2}}"#)).await
}

fn failure(ended: &ExecutionDescription) -> (String, String) {
    let failure = ended.failure.as_ref().unwrap();
    (failure.error.as_ref().unwrap().to_string(), failure.cause.as_ref().unwrap().to_string())
}

#[tokio::test]
async fn files_are_read_in_every_format() {
    let bucket = Bucket::start().await;
    bucket.put("a/x.csv", "H1,H2\n1,2\n3,4\n5,6\n");
    bucket.put("x.json", r#"[{"a":1},2]"#);
    bucket.put("deep.json", r#"{"x":{"y":[1,2,3]}}"#);
    bucket.put("x.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    let first_row = r#""InputType":"CSV","CSVHeaderLocation":"FIRST_ROW""#;
    let rows = read(&bucket, "a/x.csv", first_row).await;
    assert_eq!(output(&rows), r#"[{"H1":"1","H2":"2"},{"H1":"3","H2":"4"},{"H1":"5","H2":"6"}]"#);
    let limited = read(&bucket, "a/x.csv", &format!(r#"{first_row},"MaxItemsPath":"$.most""#)).await;
    assert_eq!(output(&limited), r#"[{"H1":"1","H2":"2"},{"H1":"3","H2":"4"}]"#);
    assert_eq!(output(&read(&bucket, "x.json", r#""InputType":"JSON""#).await), r#"[{"a":1},2]"#);
    let deep = read(&bucket, "deep.json", r#""InputType":"JSON","ItemsPointer":"/x/y""#).await;
    assert_eq!(output(&deep), "[1,2,3]");
    assert_eq!(output(&read(&bucket, "x.jsonl", r#""InputType":"JSONL""#).await), r#"[{"a":1},{"a":2}]"#);
    let state = r#"{"Type":"Pass","Parameters":{"s.$":"$$.Map.Item.Source"},"End":true}"#;
    let definition = standard(&READ.replace("CONFIG", r#""InputType":"JSON","MaxItems":1"#), state);
    let source = run(&engine(&bucket).await, &definition, r#"{"key":"x.json"}"#).await;
    assert_eq!(output(&source), r#"[{"s":"S3://b/x.json"}]"#);
}

#[tokio::test]
async fn what_cannot_be_read_fails_the_run() {
    let bucket = Bucket::start().await;
    bucket.put("x.json", r#"{"a":1}"#);
    let none = read(&bucket, "x.json", r#""InputType":"JSON""#).await;
    let expected = ("States.ItemReaderFailed".to_owned(), "Attempting to map over non-iterable node.".to_owned());
    assert_eq!(failure(&none), expected);
    let (error, cause) = failure(&read(&bucket, "none", r#""InputType":"JSON""#).await);
    assert_eq!(error, "States.ItemReaderFailed");
    assert!(cause.contains("Error Code: NoSuchKey"), "{cause}");
    bucket.put("twice.csv", "H,H\n1,2\n");
    let twice = read(&bucket, "twice.csv", r#""InputType":"CSV","CSVHeaderLocation":"FIRST_ROW""#).await;
    assert_eq!(failure(&twice).1, "CSV headers cannot contain duplicates.");
    let definition = standard(&READ.replace("CONFIG", r#""InputType":"JSON","MaxItemsPath":"$.most""#), ECHO);
    let negative = run(&engine(&bucket).await, &definition, r#"{"key":"x.json","most":-1}"#).await;
    assert_eq!(failure(&negative).1, "field MaxItems must be positive");
}

#[tokio::test]
async fn an_object_that_changed_is_not_read_on_after_a_crash() {
    let bucket = Bucket::start().await;
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START);
    bucket.put("x.json", "[1,2,3]");
    for changed in [false, true] {
        let engine = open(Some(directory.path()), &bucket.url(), &clock).await;
        let fields = format!(r#"{},"MaxConcurrency":1"#, READ.replace("CONFIG", r#""InputType":"JSON""#));
        let machine = create(&engine, "m", &standard(&fields, PATIENT)).await;
        let input = Value::parse(r#"{"key":"x.json"}"#).unwrap();
        let arn = engine.start_execution(&machine, Some(changed.to_string()), input).await.unwrap().arn;
        until_open(&engine, &arn, 1).await;
        engine.update_map_run(&only_run(&engine, &arn).arn, MapRunChange::default()).await.unwrap();
        drop(engine);
        if changed {
            bucket.put("x.json", "[1,2,34]");
        }
        let engine = open(Some(directory.path()), &bucket.url(), &clock).await;
        for _ in 0..3 {
            clock.advance(60_000);
            while !changed && engine.idle().is_none() {
                tokio::task::yield_now().await;
            }
        }
        let ended = engine.ended(&arn).await.unwrap();
        if changed {
            assert!(failure(&ended).1.contains("has changed"), "{ended:?}");
        } else {
            assert_eq!(output(&ended), "[1,2,3]");
        }
    }
}

#[tokio::test]
async fn a_listing_has_all_its_pages() {
    let bucket = Bucket::start().await;
    for number in 0..5 {
        bucket.put(&format!("p/{number}.jsonl"), &format!("{{\"n\":{number}}}\n[{number}]\n"));
    }
    bucket.put("q", "");
    let reader = |config: &str| {
        format!(
            r#","ItemReader":{{"Resource":"arn:aws:states:::s3:listObjectsV2",
                    "Parameters":{{"Bucket":"b","Prefix":"p/"}}{config}}}"#
        )
    };
    let ended = run(&engine(&bucket).await, &standard(&reader(""), ECHO), "{}").await;
    let objects = ended.output.unwrap();
    let objects = objects.as_array().unwrap();
    assert_eq!(objects.len(), 5, "pages of two");
    assert_eq!(objects[4].get("Key").unwrap().as_str(), Some("p/4.jsonl"));
    let names: Vec<&str> = objects[0].as_object().unwrap().keys().map(|name| &**name).collect();
    assert_eq!(names, ["Etag", "Key", "LastModified", "Size", "StorageClass"]);
    let load = r#","ReaderConfig":{"Transformation":"LOAD_AND_FLATTEN","InputType":"JSONL","MaxItems":3}"#;
    let ended = run(&engine(&bucket).await, &standard(&reader(load), ECHO), "{}").await;
    assert_eq!(output(&ended), r#"[{"n":0},[0],{"n":1}]"#);
}

#[tokio::test]
async fn a_manifest_names_files() {
    let bucket = Bucket::start().await;
    bucket.put("1.csv", "\"b\",\"k%20one\"\n");
    bucket.put("2.csv", "\"b\",\"two\"\n");
    let manifest = r#"{"destinationBucket":"arn:aws:s3:::b","fileFormat":"CSV","fileSchema":"Bucket, Key",
            "files":[{"key":"1.csv"},{"key":"2.csv"}]}"#;
    bucket.put("manifest.json", manifest);
    let ended = read(&bucket, "manifest.json", r#""InputType":"MANIFEST""#).await;
    assert_eq!(output(&ended), r#"[{"Bucket":"b","Key":"k%20one"},{"Bucket":"b","Key":"two"}]"#);
    bucket.put("athena.csv", "s3://b/1.csv\ns3://b/2.csv\n");
    let config = r#""InputType":"CSV","ManifestType":"ATHENA_DATA","CSVHeaderLocation":"GIVEN","CSVHeaders":["B","K"]"#;
    let ended = read(&bucket, "athena.csv", config).await;
    assert_eq!(output(&ended), r#"[{"B":"b","K":"k%20one"},{"B":"b","K":"two"}]"#);
}

#[tokio::test]
async fn results_are_written_and_named_in_a_manifest() {
    let bucket = Bucket::start().await;
    let engine = engine(&bucket).await;
    let fields = r#","Label":"l","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"out/"}}"#;
    let ended = run(&engine, &standard(fields, ECHO), r#"[{"a":1},2]"#).await;
    let result = ended.output.unwrap();
    let run = only_run(&engine, &ended.arn);
    assert_eq!(result.get("MapRunArn").unwrap().as_str(), Some(&*run.arn));
    let id = run.arn.rsplit(':').next().unwrap();
    let key = format!("out/{id}/manifest.json");
    let details = format!(r#"{{"Bucket":"b","Key":"{key}"}}"#);
    assert_eq!(result.get("ResultWriterDetails").unwrap().to_string(), details);
    let manifest = Value::parse(&bucket.get(&key)).unwrap();
    let succeeded = bucket.get(&format!("out/{id}/SUCCEEDED_0.json"));
    let files = format!(
        r#"{{"FAILED":[],"PENDING":[],"SUCCEEDED":[{{"Key":"out/{id}/SUCCEEDED_0.json","Size":{}}}]}}"#,
        succeeded.len()
    );
    assert_eq!(manifest.get("ResultFiles").unwrap().to_string(), files);
    let results = Value::parse(&succeeded).unwrap();
    let first = &results.as_array().unwrap()[0];
    let names: Vec<&str> = first.as_object().unwrap().keys().map(|name| &**name).collect();
    let expected = [
        "ExecutionArn",
        "Input",
        "InputDetails",
        "Name",
        "Output",
        "OutputDetails",
        "RedriveCount",
        "RedriveStatus",
        "RedriveStatusReason",
        "StartDate",
        "StateMachineArn",
        "Status",
        "StopDate",
    ];
    assert_eq!(names, expected);
    assert_eq!(first.get("Output").unwrap().as_str(), Some(r#"{"a":1}"#));
    assert_eq!(run.executions.results_written, 2);
}

#[tokio::test]
async fn a_failed_run_and_its_redrive_write_what_each_has() {
    let bucket = Bucket::start().await;
    let engine = engine(&bucket).await;
    engine.create_activity("a", Vec::new()).await.unwrap();
    let fields = r#","MaxConcurrency":1,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b"}}"#;
    let arn = begin(&engine, &standard(fields, WORK), "[1,2,3]").await;
    engine.send_task_success(&until_given(&engine).await, Value::from(1_i64)).await.unwrap();
    engine.send_task_failure(&until_given(&engine).await, Failure::default()).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().status, Status::Failed);
    let id = only_run(&engine, &arn).arn.rsplit(':').next().unwrap().to_owned();
    let count = |name: &str| Value::parse(&bucket.get(&format!("{id}/{name}"))).unwrap().as_array().unwrap().len();
    assert_eq!((count("SUCCEEDED_0.json"), count("FAILED_0.json"), count("PENDING_0.json")), (1, 1, 1));
    let pending = bucket.get(&format!("{id}/PENDING_0.json"));
    assert_eq!(pending, r#"[{"Input":"3","InputDetails":{"Included":true},"Status":"PENDING"}]"#);
    engine.redrive_execution(&arn, None).await.unwrap();
    for _ in 0..2 {
        engine.send_task_success(&until_given(&engine).await, Value::Null).await.unwrap();
    }
    let ended = engine.ended(&arn).await.unwrap();
    let key =
        ended.output.unwrap().get("ResultWriterDetails").unwrap().get("Key").unwrap().as_str().unwrap().to_owned();
    assert_eq!(key, format!("{id}/Redrive-1/manifest.json"));
    assert_eq!(count("Redrive-1/SUCCEEDED_0.json"), 1 + 1);
    assert_eq!(count("SUCCEEDED_0.json"), 1, "what was written stays");
    let manifest = Value::parse(&bucket.get(&key)).unwrap();
    let succeeded = manifest.get("ResultFiles").unwrap().get("SUCCEEDED").unwrap().as_array().unwrap().len();
    assert_eq!(succeeded, 2, "the files of both attempts");
}

#[tokio::test]
async fn a_writers_settings_shape_the_results() {
    let bucket = Bucket::start().await;
    let config = |config: &str| format!(r#","ResultWriter":{{"WriterConfig":{{{config}}}}}"#);
    let flat = config(r#""Transformation":"FLATTEN","OutputType":"JSON""#);
    let ended = run(&engine(&bucket).await, &standard(&flat, ECHO), "[[1,2],3]").await;
    assert_eq!(output(&ended), "[1,2,3]");
    let whole = config(r#""Transformation":"NONE","OutputType":"JSON""#);
    let ended = run(&engine(&bucket).await, &standard(&whole, ECHO), "[1]").await;
    assert_eq!(ended.output.unwrap().as_array().unwrap()[0].get("Output").unwrap().as_str(), Some("1"));
    let engine = engine(&bucket).await;
    let lines = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"b","Prefix":"x"},
            "WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}}"#;
    let ended = run(&engine, &standard(lines, ECHO), "[1,[2]]").await;
    let id = only_run(&engine, &ended.arn).arn.rsplit(':').next().unwrap().to_owned();
    assert_eq!(bucket.get(&format!("x/{id}/SUCCEEDED_0.jsonl")), "1\n[2]\n");
}

#[tokio::test]
async fn results_that_cannot_be_written_fail_the_run() {
    let fields = r#","ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"none"}}"#;
    let bucket = Bucket::start().await;
    let ended = run(&engine(&bucket).await, &standard(fields, ECHO), "[1]").await;
    assert_eq!(error_of(&ended), "States.ResultWriterFailed");
}
