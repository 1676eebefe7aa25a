use http::{HeaderValue, Request};

use super::*;

const NOW: u64 = 1_800_000_000;
const SCOPE: Scope<'_> = Scope { region: "us-east-1", service: Some("states") };

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn key(token: Option<&str>) -> Key {
    Key {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
        session_token: token.map(str::to_owned),
    }
}

fn keys(token: Option<&str>) -> Keys {
    let mut keys = Keys::default();
    keys.add(key(token));
    keys
}

/// A request as an SDK makes it, signed at `NOW` for the service and in the place given.
fn signed(uri: &str, key: &Key, service: &str, presigned: Option<Duration>) -> Request<&'static [u8]> {
    let mut request = Request::post(uri)
        .header("host", "127.0.0.1:8083")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AWSStepFunctions.ListActivities")
        .header("user-agent", "curl")
        .body(&b"{}"[..])
        .unwrap();
    let token = key.session_token.clone();
    let identity = Credentials::new(&*key.access_key_id, &*key.secret_access_key, token, None, "test").into();
    let mut settings = SigningSettings::default();
    if presigned.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = presigned;
    }
    let params = v4::SigningParams::builder();
    let params = params.identity(&identity).region("us-east-1").name(service).time(at(NOW)).settings(settings);
    let params = params.build().unwrap().into();
    let headers: Vec<(String, String)> =
        request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    let full = format!("http://127.0.0.1:8083{uri}");
    let headers = headers.iter().map(|(name, value)| (&**name, &**value));
    let signable = SignableRequest::new("POST", full.clone(), headers, SignableBody::Bytes(b"{}")).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    *request.uri_mut() = full.parse().unwrap();
    instructions.apply_to_request_http1x(&mut request);
    let target = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
    *request.uri_mut() = target;
    request
}

fn check(request: Request<&'static [u8]>, keys: &Keys, now: u64) -> Result<(), Refused> {
    let (head, body) = request.into_parts();
    keys.check_at(&head, body, SCOPE, at(now))
}

fn refusal(request: Request<&'static [u8]>, now: u64) -> (&'static str, String) {
    let refused = check(request, &keys(None), now).unwrap_err();
    (refused.code, refused.message)
}

#[test]
fn a_signed_request_passes_in_the_header_and_in_the_query() {
    let good = |uri: &str, token: Option<&str>, presigned| {
        check(signed(uri, &key(token), "states", presigned), &keys(token), NOW + 30)
    };
    for uri in ["/", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=1&a=b%20c", "/a//b/../c?x"] {
        good(uri, None, None).unwrap();
        good(uri, None, Some(Duration::from_secs(60))).unwrap();
        good(uri, Some("token/with+signs=="), None).unwrap();
        good(uri, Some("token/with+signs=="), Some(Duration::from_secs(60))).unwrap();
    }
}

#[test]
fn what_is_changed_on_the_way_is_refused() {
    let change = |change: &dyn Fn(&mut Request<&'static [u8]>)| {
        let mut request = signed("/?a=b", &key(None), "states", None);
        change(&mut request);
        refusal(request, NOW)
    };
    let mismatch = Refused::mismatch();
    let insert = |name: &'static str, value: &'static str| {
        change(&|request| {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        })
    };
    for refused in [
        change(&|request| *request.body_mut() = b"{ }"),
        change(&|request| *request.method_mut() = http::Method::PUT),
        change(&|request| *request.uri_mut() = "/?a=c".parse().unwrap()),
        change(&|request| *request.uri_mut() = "/b?a=b".parse().unwrap()),
        insert("x-amz-target", "AWSStepFunctions.DeleteActivity"),
        insert("host", "elsewhere"),
        change(&|request| {
            let value = request.headers()["authorization"].to_str().unwrap().replace("Signature=", "Signature=0");
            request.headers_mut().insert("authorization", value.parse().unwrap());
        }),
    ] {
        assert_eq!(refused, (mismatch.code, mismatch.message.clone()));
    }
    let (code, message) = insert("x-amz-more", "1");
    assert_eq!(code, "InvalidSignatureException");
    assert_eq!(message, "'x-amz-more' must be a 'SignedHeader' in the AWS Authorization.");
    assert!(check(signed("/", &key(None), "states", None), &keys(None), NOW).is_ok(), "a user agent may change");
}

#[test]
fn who_has_no_key_or_another_is_refused() {
    let unsigned = Request::post("/").header("host", "x").body(&b"{}"[..]).unwrap();
    let missing = ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned());
    assert_eq!(refusal(unsigned, NOW), missing);
    let unknown = ("UnrecognizedClientException", "The security token included in the request is invalid.".to_owned());
    let stranger = Key { access_key_id: "AKIDOTHER".to_owned(), ..key(None) };
    assert_eq!(refusal(signed("/", &stranger, "states", None), NOW), unknown);
    let wrong = Key { secret_access_key: "guess".to_owned(), ..key(None) };
    assert_eq!(refusal(signed("/", &wrong, "states", None), NOW).0, "InvalidSignatureException");
    let of_session = signed("/", &key(Some("mine")), "states", None);
    assert_eq!(refusal(of_session, NOW), unknown, "a token that the key has not");
    let refused = check(signed("/", &key(None), "states", None), &keys(Some("mine")), NOW).unwrap_err();
    assert_eq!(refused.code, "UnrecognizedClientException", "no token with a session's key");
}

#[test]
fn a_signature_is_good_for_five_minutes_or_as_long_as_it_says() {
    let header = || signed("/", &key(None), "states", None);
    assert!(check(header(), &keys(None), NOW + 300).is_ok() && check(header(), &keys(None), NOW - 300).is_ok());
    let (code, message) = refusal(header(), NOW + 301);
    assert_eq!(code, "InvalidSignatureException");
    let wanted = "Signature expired: 20270115T080000Z is now earlier than 20270115T080001Z (20270115T080501Z - 5 min.)";
    assert_eq!(message, wanted);
    let (_, message) = refusal(header(), NOW - 301);
    let wanted =
        "Signature not yet current: 20270115T080000Z is still later than 20270115T075959Z (20270115T075459Z + 5 min.)";
    assert_eq!(message, wanted);
    let presigned = || signed("/", &key(None), "states", Some(Duration::from_secs(3600)));
    assert!(check(presigned(), &keys(None), NOW + 3600).is_ok());
    assert!(refusal(presigned(), NOW + 3601).1.starts_with("Signature expired: 20270115T090000Z is now earlier than "));
}

#[test]
fn a_signature_is_good_for_one_region_and_service() {
    let (_, message) = refusal(signed("/", &key(None), "lambda", None), NOW);
    assert_eq!(message, "Credential should be scoped to correct service: 'states'. ");
    let (head, body) = signed("/", &key(None), "lambda", None).into_parts();
    keys(None).check_at(&head, body, Scope { service: None, ..SCOPE }, at(NOW)).unwrap();
    let refused = keys(None).check_at(&head, body, Scope { region: "eu-west-1", service: None }, at(NOW)).unwrap_err();
    assert_eq!(refused.message, "Credential should be scoped to a valid region, not 'us-east-1'. ");
}

#[test]
fn what_is_no_signature_is_refused_with_what_is_missing() {
    for (authorization, wanted) in [
        ("Bearer abc", "Unsupported AWS 'algorithm': 'Bearer'. "),
        ("AWS4-HMAC-SHA256", "requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "),
        ("AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x", "exactly 5 slash-delimited elements"),
        ("AWS4-HMAC-SHA256 Credential=a/20270115/us-east-1/states/aws4_request, Signature=x", "'SignedHeaders' param"),
        (
            "AWS4-HMAC-SHA256 Credential=a/20270114/us-east-1/states/aws4_request, SignedHeaders=host, Signature=x",
            "Date",
        ),
        ("AWS4-HMAC-SHA256 Credential=a/20270115/us-east-1/states/x, SignedHeaders=host, Signature=x", "terminator"),
        (
            "AWS4-HMAC-SHA256 Credential=a/20270115/us-east-1/states/aws4_request, SignedHeaders=x, Signature=x",
            "'Host'",
        ),
    ] {
        let request = Request::post("/").header("host", "x").header("x-amz-date", "20270115T080000Z");
        let request = request.header("authorization", authorization).body(&b""[..]).unwrap();
        let (code, message) = refusal(request, NOW);
        assert!(["IncompleteSignatureException", "InvalidSignatureException"].contains(&code));
        assert!(message.contains(wanted), "{authorization}: {message}");
    }
    for query in
        ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=0", "X-Amz-Signature=1"]
    {
        let request = Request::post(format!("/?{query}")).header("host", "x").body(&b""[..]).unwrap();
        assert_eq!(refusal(request, NOW).0, "IncompleteSignatureException", "{query}");
    }
    let odd = Request::post("/").header("host", "x").header("x-amz-date", "yesterday");
    let odd = odd.header("authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x");
    assert!(refusal(odd.body(&b""[..]).unwrap(), NOW).1.starts_with("Date must be in ISO-8601"));
}

#[test]
fn what_a_key_signs_its_keys_accept() {
    let mut request =
        Request::post("http://127.0.0.1:8083/").header("host", "127.0.0.1:8083").body(&b"{}"[..]).unwrap();
    key(Some("t")).sign(&mut request, SCOPE);
    let (head, body) = request.into_parts();
    keys(Some("t")).check(&head, body, SCOPE).unwrap();
}
