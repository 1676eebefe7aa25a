"""Every constraint of every input field, violated: the refusal must name the field and the constraint in AWS's words."""

from api import ROLE, Refused, arn
from successes import PASS

VERSION = f"{arn('stateMachine', 'plain')}:2"
# A good request of each operation, as far as its fields are concerned; what it names need not be there.
GOOD = {
    "CreateActivity": {"name": "constrained"},
    "CreateStateMachine": {"name": "constrained", "definition": PASS, "roleArn": ROLE},
    "CreateStateMachineAlias": {"name": "constrained", "routingConfiguration": [{"stateMachineVersionArn": VERSION, "weight": 100}]},
    "DeleteActivity": {"activityArn": arn("activity", "none")},
    "DeleteStateMachine": {"stateMachineArn": arn("stateMachine", "none")},
    "DeleteStateMachineAlias": {"stateMachineAliasArn": arn("stateMachine", "plain:none")},
    "DeleteStateMachineVersion": {"stateMachineVersionArn": arn("stateMachine", "plain:99")},
    "DescribeActivity": {"activityArn": arn("activity", "none")},
    "DescribeExecution": {"executionArn": arn("execution", "plain:none")},
    "DescribeMapRun": {"mapRunArn": arn("mapRun", "plain/l:none")},
    "DescribeStateMachine": {"stateMachineArn": arn("stateMachine", "none")},
    "DescribeStateMachineAlias": {"stateMachineAliasArn": arn("stateMachine", "plain:none")},
    "DescribeStateMachineForExecution": {"executionArn": arn("execution", "plain:none")},
    "GetActivityTask": {"activityArn": arn("activity", "none")},
    "GetExecutionHistory": {"executionArn": arn("execution", "plain:none")},
    "ListActivities": {},
    "ListExecutions": {"stateMachineArn": arn("stateMachine", "none")},
    "ListMapRuns": {"executionArn": arn("execution", "plain:none")},
    "ListStateMachineAliases": {"stateMachineArn": arn("stateMachine", "none")},
    "ListStateMachineVersions": {"stateMachineArn": arn("stateMachine", "none")},
    "ListStateMachines": {},
    "ListTagsForResource": {"resourceArn": arn("stateMachine", "none")},
    "PublishStateMachineVersion": {"stateMachineArn": arn("stateMachine", "none")},
    "RedriveExecution": {"executionArn": arn("execution", "plain:none")},
    "SendTaskFailure": {"taskToken": "none"},
    "SendTaskHeartbeat": {"taskToken": "none"},
    "SendTaskSuccess": {"taskToken": "none", "output": "1"},
    "StartExecution": {"stateMachineArn": arn("stateMachine", "none")},
    "StartSyncExecution": {"stateMachineArn": arn("stateMachine", "none")},
    "StopExecution": {"executionArn": arn("execution", "plain:none")},
    "TagResource": {"resourceArn": arn("stateMachine", "none"), "tags": []},
    "TestState": {"definition": PASS, "stateName": "P"},
    "UntagResource": {"resourceArn": arn("stateMachine", "none"), "tagKeys": []},
    "UpdateMapRun": {"mapRunArn": arn("mapRun", "plain/l:none")},
    "UpdateStateMachine": {"stateMachineArn": arn("stateMachine", "none")},
    "UpdateStateMachineAlias": {"stateMachineAliasArn": arn("stateMachine", "plain:none")},
    "ValidateStateMachineDefinition": {"definition": PASS},
}
# A text that breaks a pattern of the model, by the name of the shape.
OFF_PATTERN = {"CharacterRestrictedName": "123", "ClientToken": "a b", "TraceHeader": "größe"}
# What a structure must have besides the member in question.
BESIDES = {
    "EncryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    "Tag": {"key": "k", "value": "v"},
    "RoutingConfigurationListItem": {"stateMachineVersionArn": VERSION, "weight": 100},
    "MockErrorOutput": {"error": "E"},
}


def walk(api):
    for operation in api.model.operation_names:
        shape = api.model.operation_model(operation).input_shape
        for parameters, place, value, sensitive, constraint in violations(shape, GOOD[operation]):
            api.constraints += 1
            expect(api, operation, parameters, place, value, sensitive, constraint)
        every(api, operation, shape)


def expect(api, operation, parameters, place, value, sensitive, constraint):
    shown = "Value" if sensitive and value is not None else "Value null" if value is None else f"Value '{value}'"
    wanted = f"1 validation error detected: {shown} at '{place}' failed to satisfy constraint: Member must {constraint}"
    try:
        api.call(operation, **parameters)
        got = "an answer"
    except Refused as refused:
        if (refused.code, refused.message) == ("ValidationException", wanted):
            return
        got = f"{refused.code}: {refused.message}"
    api.wrong(operation, f"expected {wanted:.300}, got {got:.300}")


def every(api, operation, shape):
    """All violations at once are told at once."""
    missing = sorted(shape.required_members)
    if not missing:
        return
    try:
        api.call(operation)
        api.wrong(operation, f"answered without {missing}")
    except Refused as refused:
        errors = "error" if len(missing) == 1 else "errors"
        begin = f"{len(missing)} validation {errors} detected: "
        told = all(f"Value null at '{name}' failed to satisfy constraint: Member must not be null" in refused.message
                   for name in missing)
        if refused.code != "ValidationException" or not refused.message.startswith(begin) or not told:
            api.wrong(operation, f"without anything: {refused}")


def violations(shape, good, place=""):
    """(request, place, value shown, sensitive, constraint) of every violation of every member of a structure."""
    for name, member in shape.members.items():
        here = f"{place}{name}"
        if name in shape.required_members:
            rest = {other: value for other, value in good.items() if other != name}
            yield rest, here, None, False, "not be null"
        for value, at, shown, sensitive, constraint in of(member, here):
            yield good | {name: value}, at, shown, sensitive, constraint


def of(shape, place):
    """(value, place, value shown, sensitive, constraint) of every violation of a value."""
    kind, bounds = shape.type_name, shape.metadata
    sensitive = bool(bounds.get("sensitive"))
    if kind == "structure":
        for request, at, shown, hidden, constraint in violations(shape, BESIDES.get(shape.name, {}), f"{place}."):
            yield request, at, shown, hidden, constraint
    elif kind == "list":
        yield from of_list(shape, place)
    elif kind == "string":
        yield from of_string(shape, bounds, place, sensitive)
    elif kind in ("integer", "long", "float"):
        whole = kind != "float"
        if "max" in bounds:
            over = bounds["max"] + (1 if whole else 1.0)
            yield over, place, over, sensitive, f"have value less than or equal to {bounds['max']}"
        if "min" in bounds:
            under = bounds["min"] - (1 if whole else 1.0)
            yield under, place, under, sensitive, f"have value greater than or equal to {bounds['min']}"


def of_string(shape, bounds, place, sensitive):
    if shape.enum:
        # AWS lists the set in an order of its own.
        yield "NONE_OF_THEM", place, "NONE_OF_THEM", sensitive, f"satisfy enum value set: [{', '.join(shape.enum)}]"
        return
    if bounds.get("min", 0) > 0:
        pattern = shape.name in OFF_PATTERN
        if not pattern:
            yield "", place, "", sensitive, f"have length greater than or equal to {bounds['min']}"
    # The largest fields are as large as a request may be.
    if 0 < bounds.get("max", 0) <= 300_000:
        long = "x" * (bounds["max"] + 1)
        yield long, place, long, sensitive, f"have length less than or equal to {bounds['max']}"
    if "pattern" in bounds:
        off = OFF_PATTERN[shape.name]
        yield off, place, off, sensitive, f"satisfy regular expression pattern: {bounds['pattern']}"


def of_list(shape, place):
    member = shape.member
    for value, at, shown, sensitive, constraint in of(member, f"{place}.1.member"):
        if member.type_name == "string":
            inner = member.metadata
            constraint = (f"satisfy constraint: [Member must have length less than or equal to {inner['max']}, Member must "
                          f"have length greater than or equal to {inner['min']}]")
            yield [value], place, f"[{shown}]", sensitive, constraint
        else:
            yield [value], at, shown, sensitive, constraint
    good = BESIDES.get(member.name, {})
    for bound, length, words in (("min", 0, "greater"), ("max", shape.metadata.get("max", 0) + 1, "less")):
        if bound in shape.metadata:
            items = [good] * length
            text = ", ".join(f"{member.name}({', '.join(f'{name}={value}' for name, value in item.items())})" for item in items)
            yield items, place, f"[{text}]", False, f"have length {words} than or equal to {shape.metadata[bound]}"
