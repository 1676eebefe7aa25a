"""Every documented error that a caller can provoke, and requests that no client library makes."""

import json

from api import ROLE, arn
from successes import PASS, task

# Errors that need what is not there: a KMS, a full account, a machine in the middle of its deletion, more pollers or
# executions than an account may have. Tests beside the code provoke those that the engine knows.
UNPROVOKED = {
    "ActivityLimitExceeded", "ActivityWorkerLimitExceeded", "ExecutionLimitExceeded",
    "InvalidTracingConfiguration", "KmsAccessDeniedException",
    "KmsInvalidStateException", "KmsThrottlingException", "ServiceQuotaExceededException", "StateMachineDeleting",
    "StateMachineLimitExceeded", "TaskDoesNotExist",
}


def walk(api):
    for part in (names_and_arns, machines, resources, tasks, odd_requests):
        api.part(part)


def completeness(api):
    """Every documented error was answered by now."""
    for operation in api.model.operation_names:
        shapes = api.model.operation_model(operation).error_shapes
        for code in {shape.name for shape in shapes} - UNPROVOKED:
            if (operation, code) not in api.refused and (operation, code) not in NOT_HERE:
                api.wrong(operation, f"{code} was never provoked")


# Modelled for an operation, and not provoked by anything that a caller can say.
NOT_HERE = {
    ("CreateStateMachine", "ConflictException"), ("UpdateStateMachine", "ConflictException"),
    ("CreateStateMachineAlias", "InvalidName"), ("DeleteStateMachineAlias", "ConflictException"),
    ("UpdateStateMachineAlias", "ConflictException"), ("CreateStateMachine", "StateMachineTypeNotSupported"),
    ("ListExecutions", "StateMachineTypeNotSupported"), ("ListStateMachineAliases", "ResourceNotFound"),
}

RESOURCES = {
    "activityArn": "activity", "executionArn": "execution", "stateMachineArn": "stateMachine", "mapRunArn": "mapRun",
    "stateMachineAliasArn": "stateMachine", "stateMachineVersionArn": "stateMachine", "resourceArn": "stateMachine",
}
# What else an operation needs.
MORE = {
    "TagResource": {"tags": []}, "UntagResource": {"tagKeys": []}, "UpdateStateMachine": {"roleArn": ROLE},
    "UpdateStateMachineAlias": {"description": "d"},
}


def names_and_arns(api):
    for name in ("a b", "a*", "a?", "<a>", "a{b}", 'a"b', "a#b", "a%b", "a\\b", "a^b", "a|b", "a~b", "a`b", "a$b", "a&b",
                 "a,b", "a;b", "a:b", "a/b", "a\u0001b", "a\u009fb"):
        message = f"Invalid Name: '{name}'"
        api.refusal("CreateActivity", "InvalidName", message, name=name)
        api.refusal("CreateStateMachine", "InvalidName", message, name=name, definition=PASS, roleArn=ROLE)
        for operation, machine in (("StartExecution", "plain"), ("StartSyncExecution", "quick")):
            api.refusal(operation, "InvalidName", message, name=name, stateMachineArn=arn("stateMachine", machine))
    for operation in api.model.operation_names:
        members = api.model.operation_model(operation).input_shape.members
        for member in members:
            if member in RESOURCES:
                more = MORE.get(operation, {})
                other = "activity" if RESOURCES[member] != "activity" else "stateMachine"
                api.refusal(operation, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: nonsense'", **{member: "nonsense"}, **more)
                if member != "resourceArn":
                    api.refusal(operation, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: ",
                                **{member: arn(other, "x")}, **more)
    api.refusal("CreateStateMachine", "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: role'", name="x", definition=PASS,
                roleArn="role")
    api.refusal("CreateStateMachineAlias", "InvalidArn", name="x", routingConfiguration=[
        {"stateMachineVersionArn": "nonsense", "weight": 100}])
    api.refusal("TestState", "InvalidArn", definition=PASS, stateName="P", roleArn="role")


def machines(api):
    api.refusal("CreateStateMachine", "InvalidDefinition",
                "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'",
                name="bad", definition='{"StartAt": "A"}', roleArn=ROLE)
    api.refusal("TestState", "InvalidDefinition", definition='{"Type": "Pas"}')
    plain = arn("stateMachine", "plain")
    api.refusal("UpdateStateMachine", "InvalidDefinition", stateMachineArn=plain, definition="{}")
    api.refusal("UpdateStateMachine", "MissingRequiredParameter", "Either the definition, the role ARN", stateMachineArn=plain)
    for operation, more in (("CreateStateMachine", {"name": "bad", "definition": PASS, "roleArn": ROLE}),
                            ("UpdateStateMachine", {"stateMachineArn": plain})):
        api.refusal(operation, "InvalidLoggingConfiguration", "Must specify exactly one Log Destination.",
                    loggingConfiguration={"level": "ALL"}, **more)
        api.refusal(operation, "ValidationException", "Version description can only be set when publish is true",
                    versionDescription="x", **more)
    for operation, more in (("CreateStateMachine", {"name": "bad", "definition": PASS, "roleArn": ROLE}),
                            ("UpdateStateMachine", {"stateMachineArn": plain}), ("CreateActivity", {"name": "bad"})):
        api.refusal(operation, "InvalidEncryptionConfiguration", **more,
                    encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY"})
    other = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}
    api.refusal("CreateActivity", "ActivityAlreadyExists", name="walk", encryptionConfiguration=other)
    tags = [{"key": str(number), "value": ""} for number in range(51)]
    api.refusal("CreateStateMachine", "TooManyTags", name="tagged", definition=PASS, roleArn=ROLE, tags=tags)
    api.refusal("CreateActivity", "TooManyTags", name="tagged", tags=tags)
    api.refusal("TagResource", "TooManyTags", resourceArn=plain, tags=tags)
    api.refusal("StartSyncExecution", "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine",
                stateMachineArn=plain)
    for operation, machine in (("StartExecution", "plain"), ("StartSyncExecution", "quick")):
        api.refusal(operation, "InvalidExecutionInput",
                    "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, "
                    "Array, Object or token 'null', 'true' or 'false')'", stateMachineArn=arn("stateMachine", machine), input="not")
    api.refusal("TestState", "InvalidExecutionInput", definition=PASS, stateName="P", input="not")
    api.refusal("PublishStateMachineVersion", "ConflictException", stateMachineArn=plain, revisionId="other")
    version = f"{plain}:2"
    for routes, message in (
        ([(version, 99)], "Sum of routing configuration weights must equal 100. Received: [99]"),
        ([(version, 50), (version, 50)], "Routing configuration must contain distinct state machine version ARNs."),
    ):
        configuration = [{"stateMachineVersionArn": resource, "weight": weight} for resource, weight in routes]
        api.refusal("CreateStateMachineAlias", "ValidationException", message, name="bad", routingConfiguration=configuration)
    api.refusal("CreateStateMachineAlias", "ResourceNotFound", name="bad", routingConfiguration=[
        {"stateMachineVersionArn": f"{plain}:99", "weight": 100}])
    api.refusal("DeleteStateMachine", "ValidationException", stateMachineArn=version)
    api.refusal("StopExecution", "ValidationException", executionArn=None)
    api.refusal("ListExecutions", "ValidationException")
    run = "arn:aws:states:us-east-1:123456789012:mapRun:mapping/lots:none"
    api.refusal("ListExecutions", "ValidationException", stateMachineArn=plain, mapRunArn=run)
    api.refusal("ListExecutions", "ResourceNotFound", mapRunArn=run)


def resources(api):
    """Nothing of this name is there."""
    for operation, code, message, more in (
        ("DescribeActivity", "ActivityDoesNotExist", "Activity Does Not Exist: '", {"activityArn": arn("activity", "none")}),
        ("GetActivityTask", "ActivityDoesNotExist", "Activity Does Not Exist: '", {"activityArn": arn("activity", "none")}),
    ):
        api.refusal(operation, code, message, **more)
    execution = arn("execution", "plain:none")
    for operation in ("DescribeExecution", "DescribeStateMachineForExecution", "GetExecutionHistory", "ListMapRuns",
                      "RedriveExecution", "StopExecution"):
        api.refusal(operation, "ExecutionDoesNotExist", f"Execution Does Not Exist: '{execution}'", executionArn=execution)
    machine = arn("stateMachine", "none")
    for operation in ("DescribeStateMachine", "ListExecutions", "ListStateMachineAliases", "PublishStateMachineVersion",
                      "StartExecution", "StartSyncExecution", "UpdateStateMachine"):
        more = MORE.get(operation, {})
        message = f"State Machine Does Not Exist: '{machine}'"
        api.refusal(operation, "StateMachineDoesNotExist", message, stateMachineArn=machine, **more)
    alias = arn("stateMachine", "plain:none")
    for operation in ("DescribeStateMachineAlias", "DeleteStateMachineAlias", "UpdateStateMachineAlias"):
        api.refusal(operation, "ResourceNotFound", stateMachineAliasArn=alias, **MORE.get(operation, {}))
    for operation in ("ListTagsForResource", "TagResource", "UntagResource"):
        api.refusal(operation, "ResourceNotFound", resourceArn=machine, **MORE.get(operation, {}))
    for operation in ("DescribeMapRun", "UpdateMapRun"):
        run = "arn:aws:states:us-east-1:123456789012:mapRun:plain/none:none"
        api.refusal(operation, "ResourceNotFound", mapRunArn=run)
    done = api.call("ListExecutions", stateMachineArn=arn("stateMachine", "worker"), statusFilter="SUCCEEDED")
    done = done["executions"][0]["executionArn"]
    api.refusal("RedriveExecution", "ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven", executionArn=done)


def tasks(api):
    for operation, more in (("SendTaskSuccess", {"output": "1"}), ("SendTaskFailure", {}), ("SendTaskHeartbeat", {})):
        api.refusal(operation, "InvalidToken", "Invalid Token: 'Invalid token'", taskToken="nonsense", **more)
    api.call("CreateActivity", name="odd")
    machine = api.call("CreateStateMachine", name="odd", definition=task(arn("activity", "odd")), roleArn=ROLE)
    execution = api.call("StartExecution", stateMachineArn=machine["stateMachineArn"])["executionArn"]
    token = api.call("GetActivityTask", activityArn=arn("activity", "odd"))["taskToken"]
    api.refusal("SendTaskSuccess", "InvalidOutput", taskToken=token, output="{")
    api.call("StopExecution", executionArn=execution)
    api.refusal("UpdateMapRun", "ValidationException", mapRunArn="")


def odd_requests(api):
    """What no client library sends is refused by its name, and the server lives on."""
    deep = "[" * 100_000
    for operation, body, headers, status, code in (
        ("ListActivities", "{", {}, 400, "SerializationException"),
        ("ListActivities", "[]", {}, 400, "SerializationException"),
        ("ListActivities", '{"maxResults": "many"}', {}, 400, "SerializationException"),
        ("ListActivities", deep, {}, 400, "SerializationException"),
        ("ListActivities", '{"nextToken": ' + deep, {}, 400, "SerializationException"),
        ("ListActivities", b"\xff\xfe", {}, 400, "SerializationException"),
        ("Fly", "{}", {}, 400, "UnknownOperationException"),
        ("ListActivities", "{}", {"X-Amz-Target": "S3.Get"}, 400, "UnknownOperationException"),
        ("ListActivities", " " * 3_000_000, {}, 413, "SerializationException"),
    ):
        got, answer = api.post(operation, body, **headers)
        name = answer["__type"].rsplit("#", 1)[-1]
        if (got, name) != (status, code):
            api.wrong(operation, f"{body[:40]!r} is answered {got} {name}, not {status} {code}")
    plain, quick = arn("stateMachine", "plain"), arn("stateMachine", "quick")
    for opening in ("[", '{"a":'):
        nested = opening * 40_000
        api.refusal("StartExecution", "InvalidExecutionInput", stateMachineArn=plain, input=nested)
        api.refusal("StartSyncExecution", "InvalidExecutionInput", stateMachineArn=quick, input=nested)
        api.refusal("CreateStateMachine", "InvalidDefinition", name="deep", definition=nested, roleArn=ROLE)
        api.refusal("UpdateStateMachine", "InvalidDefinition", stateMachineArn=plain, definition=nested)
        api.refusal("TestState", "InvalidDefinition", definition=nested)
        api.refusal("SendTaskSuccess", "InvalidOutput", taskToken="x", output=nested)
        api.call("ValidateStateMachineDefinition", definition=nested)
        for field in ("context", "variables"):
            api.refusal("TestState", "ValidationException", definition=PASS, stateName="P", **{field: nested})
        api.refusal("TestState", "ValidationException", mock={"result": nested}, definition=json.dumps(
            {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}))
    whole = "[" * 40_000 + "]" * 40_000
    api.refusal("StartExecution", "InvalidExecutionInput", stateMachineArn=plain, input=whole)
    api.call("ListActivities")
