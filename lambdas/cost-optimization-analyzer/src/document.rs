//! Documents of task definitions, as JSON and whole.
//!
//! The SDK's types have the fields of its day. What ECS has learnt since would be lost when a revision is made of another
//! one, so both calls are sent by the SDK but carry the JSON of the API.

use crate::CostOptimizationAnalyzer;
use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_types::body::SdkBody;
use clients::failure;
use operations::Error;
use operations::error::Kind;
use operations::sizing::Document;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
struct Keep(Arc<Mutex<Vec<u8>>>);

impl Intercept for Keep {
    fn name(&self) -> &'static str {
        "Keep"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        Ok(())
    }
}

/// Sends this body in place of what the SDK made.
#[derive(Debug, Clone)]
struct Instead(String);

impl Intercept for Instead {
    fn name(&self) -> &'static str {
        "Instead"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.as_str());
        Ok(())
    }
}

impl CostOptimizationAnalyzer {
    /// The document of a revision, or of the newest of a family, with its tags.
    pub(crate) async fn document(&self, name: &str) -> Result<Document, Error> {
        let kept = Keep::default();
        let request = self.ecs.describe_task_definition().task_definition(name).include(TaskDefinitionField::Tags);
        let call = format!("ecs:DescribeTaskDefinition of {name}");
        let sent = request.customize().interceptor(kept.clone()).send().await;
        sent.map_err(|error| failure::of_sdk(&call, &error))?;
        let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer: Value = serde_json::from_slice(&bytes).map_err(|problem| {
            Error::new(Kind::DependencyUnavailable, format!("{call}: the answer is no JSON: {problem}"))
        })?;
        Document::of_answer(&answer)
    }

    /// Registers a document as a new revision; answers its ARN.
    pub(crate) async fn register(&self, document: &Value) -> Result<String, Error> {
        let family = document["family"].as_str().unwrap_or_default();
        let call = format!("ecs:RegisterTaskDefinition of {family}");
        let request = self.ecs.register_task_definition().family(family).set_container_definitions(Some(Vec::new()));
        let sent = request.customize().interceptor(Instead(document.to_string())).send().await;
        let answer = sent.map_err(|error| failure::of_sdk(&call, &error))?;
        let arn = answer.task_definition().and_then(|definition| definition.task_definition_arn());
        let missing = || Error::new(Kind::DependencyUnavailable, format!("{call}: the answer names no revision"));
        arn.map(str::to_owned).ok_or_else(missing)
    }
}
