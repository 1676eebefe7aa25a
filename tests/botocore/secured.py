"""Calls a server that wants signatures, encrypts and throttles, with botocore as it is.

    python secured.py URL CERTIFICATE LAMBDA-URL SANDBOX-URL

CERTIFICATE is `-` where the server does not encrypt. The server has the key AKIDWALK with the secret `walk-secret`, and throttles ListStateMachines to two at once.
"""

import hashlib
import ssl
import sys
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import botocore.session

problems = []


def client(service, url, key="AKIDWALK", secret="walk-secret", token=None, region="us-east-1", verify=None):
    session = botocore.session.get_session()
    session.set_credentials(key, secret, token)
    config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=60)
    return session.create_client(service, region_name=region, endpoint_url=url, verify=verify, config=config)


def expect(what, call, code, message=""):
    """Expects this error code, or None for an answer."""
    try:
        call()
        got, told = None, ""
    except botocore.exceptions.ClientError as error:
        got, told = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if got != code or message not in told:
        problems.append(f"{what}: expected {code}, got {got}: {told}")


def step_functions(url, certificate):
    good = client("stepfunctions", url, verify=certificate)
    expect("a signed request", good.list_activities, None)
    expect("one with a body", lambda: good.create_activity(name="größe"), None)
    expect("an invalid one", lambda: good.create_activity(name="a b"), "InvalidName")
    stranger = client("stepfunctions", url, key="AKIDOTHER", verify=certificate)
    expect("an unknown key", stranger.list_activities, "UnrecognizedClientException",
           "The security token included in the request is invalid.")
    guess = client("stepfunctions", url, secret="guess", verify=certificate)
    expect("a wrong secret", guess.list_activities, "InvalidSignatureException",
           "The request signature we calculated does not match the signature you provided.")
    session = client("stepfunctions", url, token="token", verify=certificate)
    expect("a token that the key has not", session.list_activities, "UnrecognizedClientException")
    elsewhere = client("stepfunctions", url, region="eu-west-1", verify=certificate)
    expect("another region", elsewhere.list_activities, "InvalidSignatureException", "valid region")
    for _ in range(2):
        expect("within the bucket", good.list_state_machines, None)
    expect("beyond the bucket", good.list_state_machines, "ThrottlingException", "Rate exceeded")
    if certificate is None:
        return
    try:
        client("stepfunctions", url).list_activities()
        problems.append("the certificate is trusted by those who do not know it")
    except botocore.exceptions.SSLError:
        pass


class WithBody(botocore.auth.SigV4QueryAuth):
    """botocore presigns requests without a body only."""

    def payload(self, request):
        return hashlib.sha256(b"{}").hexdigest()


def presigned(url, certificate):
    body = b"{}"
    request = botocore.awsrequest.AWSRequest("POST", url + "/", {
        "Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.ListActivities"})
    credentials = botocore.credentials.Credentials("AKIDWALK", "walk-secret")
    WithBody(credentials, "states", "us-east-1", expires=60).add_auth(request)
    context = ssl.create_default_context(cafile=certificate) if certificate else None

    def send(target, data):
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}
        try:
            with urllib.request.urlopen(urllib.request.Request(request.url, data, headers), context=context) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    for what, target, data, wanted in (
        ("a presigned request", "AWSStepFunctions.ListActivities", body, 200),
        ("one for another operation", "AWSStepFunctions.ListStateMachines", body, 400),
        ("one with another body", "AWSStepFunctions.ListActivities", b'{"maxResults": 1}', 400),
    ):
        if (got := send(target, data)) != wanted:
            problems.append(f"{what} is answered {got}")


def others(functions, sandbox):
    expect("Lambda, signed", client("lambda", functions).list_functions, None)
    expect("Lambda, a wrong secret", client("lambda", functions, secret="guess").list_functions, "InvalidSignatureException")
    expect("the sandbox, a wrong secret", client("ecs", sandbox, secret="guess").list_clusters, "InvalidSignatureException")
    for url in (functions + "/_host/functions", sandbox + "/_sandbox/state"):
        try:
            urllib.request.urlopen(url)
            problems.append(f"{url} is open to anybody")
        except urllib.error.HTTPError as error:
            if error.code != 403:
                problems.append(f"{url} is answered {error.code}")


if __name__ == "__main__":
    address, trusted, lambda_url, sandbox_url = sys.argv[1:]
    trusted = None if trusted == "-" else trusted
    step_functions(address, trusted)
    presigned(address, trusted)
    others(lambda_url.replace("https:", "http:"), sandbox_url)
    for problem in problems:
        print(problem)
    print(f"secured: {len(problems)} problems")
    sys.exit(1 if problems else 0)
