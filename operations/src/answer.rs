//! What an AWS service's answer means: from its error code and HTTP status to a kind of error.

use crate::error::Kind;

/// Error codes that say so, by the kind they mean. The codes are those of the AWS common errors page and of the
/// services that Lambdas and workers call.
const CODES: [(Kind, &[&str]); 7] = [
    (
        Kind::Throttled,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "Throttled",
            "RequestThrottled",
            "RequestThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "PriorRequestNotComplete",
            "SlowDown",
        ],
    ),
    (Kind::DependencyTimeout, &["RequestTimeout", "RequestTimeoutException", "GatewayTimeout"]),
    (
        Kind::AccessDenied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "NotAuthorized",
            "AuthorizationError",
            "AuthorizationErrorException",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "IncompleteSignature",
            "ExpiredToken",
            "ExpiredTokenException",
            "OptInRequired",
        ],
    ),
    (
        Kind::ResourceBusy,
        &[
            "InvalidDBInstanceState",
            "InvalidDBInstanceStateFault",
            "InvalidReplicationGroupState",
            "InvalidReplicationGroupStateFault",
            "InvalidCacheClusterState",
            "ConcurrentUpdateException",
            "UpdateInProgressException",
        ],
    ),
    (
        Kind::ConfigInvalid,
        &[
            "ClusterNotFoundException",
            "ServiceNotFoundException",
            "DBInstanceNotFound",
            "DBInstanceNotFoundFault",
            "ReplicationGroupNotFoundFault",
            "TargetGroupNotFound",
            "TargetGroupNotFoundException",
            "ObjectNotFoundException",
            "NotFound",
            "NotFoundException",
        ],
    ),
    (
        Kind::DependencyUnavailable,
        &[
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "InternalFailure",
            "InternalError",
            "InternalErrorException",
            "InternalServerError",
            "InternalServiceFault",
            "ServerException",
        ],
    ),
    (
        Kind::InvalidInput,
        &[
            "ValidationError",
            "ValidationException",
            "InvalidParameter",
            "InvalidParameterException",
            "InvalidParameterValue",
            "InvalidParameterCombination",
        ],
    ),
];

/// The kind of error that an answer with this code and HTTP status is.
///
/// The code decides where it is known; else 408, 429, 504 and 5xx are the dependency's fault, 401 and 403 the
/// credentials', and any other status means that we asked for something that cannot be.
pub fn kind(code: Option<&str>, status: Option<u16>) -> Kind {
    let known = code.and_then(|code| {
        // JSON protocols may put the shape's namespace before the code.
        let code = code.rsplit('#').next().unwrap_or(code);
        CODES.iter().find(|(_, codes)| codes.contains(&code)).map(|(kind, _)| *kind)
    });
    known.unwrap_or(match status {
        Some(408 | 504) => Kind::DependencyTimeout,
        Some(429) => Kind::Throttled,
        Some(401 | 403) => Kind::AccessDenied,
        Some(400..=499) => Kind::PreconditionFailed,
        _ => Kind::DependencyUnavailable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_then_the_status() {
        assert_eq!(kind(Some("ThrottlingException"), Some(400)), Kind::Throttled);
        assert_eq!(kind(Some("com.amazonaws.ecs#AccessDeniedException"), Some(400)), Kind::AccessDenied);
        assert_eq!(kind(Some("InvalidDBInstanceState"), Some(400)), Kind::ResourceBusy);
        assert_eq!(kind(Some("SomethingNew"), Some(503)), Kind::DependencyUnavailable);
        assert_eq!(kind(Some("SomethingNew"), Some(400)), Kind::PreconditionFailed);
        assert_eq!(kind(None, Some(429)), Kind::Throttled);
        assert_eq!(kind(None, None), Kind::DependencyUnavailable);
    }

    #[test]
    fn no_code_means_two_things() {
        let mut codes: Vec<_> = CODES.iter().flat_map(|(_, codes)| codes.iter()).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
