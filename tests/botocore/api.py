"""The client, and the model that every answer is held against."""

import json
import urllib.error
import urllib.request

import botocore.config
import botocore.exceptions
import botocore.session

from shapes import check

REGION = "us-east-1"
ACCOUNT = "123456789012"
# What any operation may answer besides its own errors: of AWS's common errors those that a caller can provoke here.
COMMON = {"ValidationException", "SerializationException", "ThrottlingException"}


def arn(kind, name):
    return f"arn:aws:states:{REGION}:{ACCOUNT}:{kind}:{name}"


ROLE = f"arn:aws:iam::{ACCOUNT}:role/walk"


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Api:
    def __init__(self, url):
        session = botocore.session.get_session()
        session.set_credentials("test", "test")
        config = botocore.config.Config(
            parameter_validation=False, inject_host_prefix=False, retries={"max_attempts": 0}, read_timeout=90
        )
        self.url = url
        self.client = session.create_client("stepfunctions", region_name=REGION, endpoint_url=url, config=config)
        self.client.meta.events.register("after-call.stepfunctions", self.received)
        self.client.meta.events.register("before-parse.stepfunctions", self.raw)
        self.model = self.client.meta.service_model
        self.methods = {name: method for method, name in self.client.meta.method_to_api_mapping.items()}
        self.succeeded, self.refused, self.problems = set(), set(), []
        self.answers = self.constraints = 0
        self.body = None

    def wrong(self, where, problem):
        self.problems.append(f"{where}: {problem}")

    def part(self, walk):
        """A part of the walk; what ends it early is told, and the next one goes on."""
        try:
            walk(self)
        except (Refused, KeyError, IndexError, TimeoutError, urllib.error.URLError, ConnectionError) as problem:
            self.wrong(walk.__name__, f"ended early: {problem!r}")

    def raw(self, operation_model, response_dict, **_):
        self.body = response_dict["body"]

    def received(self, http_response, model, **_):
        self.answers += 1
        kind = http_response.headers.get("content-type")
        if kind != "application/x-amz-json-1.0":
            self.wrong(model.name, f"the content type is {kind}")
        if not http_response.headers.get("x-amzn-requestid"):
            self.wrong(model.name, "no x-amzn-RequestId")

    def call(self, operation, **parameters):
        """The answer, held against the model; raises Refused."""
        try:
            getattr(self.client, self.methods[operation])(**parameters)
        except botocore.exceptions.ClientError as error:
            self.check_refusal(operation, error.response)
            raise Refused(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        self.succeeded.add(operation)
        answer = json.loads(self.body)
        shape = self.model.operation_model(operation).output_shape
        for problem in check(shape, answer) if shape else ([] if answer == {} else ["the answer must be empty"]):
            self.wrong(operation, problem)
        return answer

    def check_refusal(self, operation, response):
        code, status = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
        self.refused.add((operation, code))
        modelled = {shape.name for shape in self.model.operation_model(operation).error_shapes} | COMMON
        if code not in modelled:
            self.wrong(operation, f"{code} is no error of this operation: {response['Error']['Message']}")
        if status != 400:
            self.wrong(operation, f"{code} has the status {status}")
        unknown = set(json.loads(self.body)) - {"__type", "message", "reason", "resourceName", "kmsKeyState"}
        if unknown:
            self.wrong(operation, f"{code} has {sorted(unknown)}")

    def refusal(self, operation, code, message=None, **parameters):
        """Expects this refusal."""
        try:
            self.call(operation, **parameters)
        except Refused as refused:
            if refused.code != code or (message is not None and message not in refused.message):
                self.wrong(operation, f"expected {code} {message or ''}, got {refused.code}: {refused.message}")
            return
        self.wrong(operation, f"expected {code} {message or ''}, got an answer")

    def post(self, operation, body, **headers):
        """Status, and body as it came, of a request that no client library would make."""
        head = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
        head.update(headers)
        request = urllib.request.Request(self.url, body if isinstance(body, bytes) else body.encode(), head)
        try:
            with urllib.request.urlopen(request, timeout=90) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
