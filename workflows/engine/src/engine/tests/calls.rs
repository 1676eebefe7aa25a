//! Functions and callbacks.

use super::*;

#[tokio::test]
async fn a_function_is_called_retried_and_caught() {
    let fails = r#"{"errorMessage":"busy","errorType":"Ops.Busy"}"#;
    let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let server = Server::start(move |_| {
        let first = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        async move {
            if first {
                (200, vec![("x-amz-function-error", "Unhandled")], fails.to_owned())
            } else {
                (200, vec![], "7".to_owned())
            }
        }
    })
    .await;
    let clock = Clock::manual(START);
    let engine = open(None, &server.url, &clock).await;
    let retry = r#","Retry":[{"ErrorEquals":["Ops.Busy"],"IntervalSeconds":30,"MaxAttempts":2}]"#;
    let machine = create(&engine, "m", &task("arn:aws:lambda:us-east-1:123456789012:function:f", retry)).await;
    let arn = start(&engine, &machine, "e").await;
    // The retry is due 30 virtual seconds after the first failure, whenever that is known.
    while !kinds(&engine, &arn).iter().any(|kind| kind == "TaskFailed") {
        tokio::task::yield_now().await;
    }
    clock.advance(30_000);
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(7_i64)));
    assert_eq!(calls.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_callback_ends_the_task() {
    let server = Server::constant(200, vec![], r#"{"MessageId":"m"}"#).await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let arguments = r#","Arguments":{"QueueUrl":"q","MessageBody":{"token":"{% $states.context.Task.Token %}"}}"#;
    let machine = create(&engine, "m", &task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", arguments)).await;
    let arn = start(&engine, &machine, "e").await;
    while !kinds(&engine, &arn).iter().any(|kind| kind == "TaskSubmitted") {
        tokio::task::yield_now().await;
    }
    let sent = Value::parse(&server.received()[0].body).unwrap();
    let message = Value::parse(sent.get("MessageBody").unwrap().as_str().unwrap()).unwrap();
    let token = message.get("token").unwrap().as_str().unwrap().to_owned();
    engine.send_task_success(&token, Value::from("approved")).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from("approved")));
}

#[tokio::test]
async fn a_function_that_calls_back_finishes_what_it_does() {
    let (called, mut tokens) = tokio::sync::mpsc::unbounded_channel();
    let (finish, finishing) = tokio::sync::watch::channel(false);
    let (finished, mut done) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |request| {
        let (called, mut finishing, finished) = (called.clone(), finishing.clone(), finished.clone());
        async move {
            called.send(request.body).unwrap();
            finishing.wait_for(|finish| *finish).await.unwrap();
            finished.send(()).unwrap();
            (200, vec![], "null".to_owned())
        }
    })
    .await;
    let engine = open(None, &server.url, &Clock::manual(START)).await;
    let arguments = r#","Arguments":{"FunctionName":"f","Payload":"{% $states.context.Task.Token %}"}"#;
    let machine = create(&engine, "m", &task("arn:aws:states:::lambda:invoke.waitForTaskToken", arguments)).await;
    let arn = start(&engine, &machine, "e").await;
    let token = tokens.recv().await.unwrap();
    engine.send_task_success(token.trim_matches('"'), Value::from(1_i64)).await.unwrap();
    assert_eq!(engine.ended(&arn).await.unwrap().output, Some(Value::from(1_i64)));
    finish.send(true).unwrap();
    done.recv().await.unwrap();
}
