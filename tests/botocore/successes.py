"""Every operation succeeds, and its answer is of its shape."""

import json
import time

from api import ROLE, arn

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


def task(activity, **more):
    state = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 3600, "End": True, **more}
    return json.dumps({"StartAt": "T", "States": {"T": state}})


def walk(api):
    for part in (activities, machines, versions_and_aliases, executions, histories, redrives, map_runs, express, states,
                 idempotency, pages):
        api.part(part)


def ended(api, execution):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        description = api.call("DescribeExecution", executionArn=execution)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.02)
    raise TimeoutError(f"{execution} does not end")


def expect(api, operation, problem, holds):
    if not holds:
        api.wrong(operation, problem)


def activities(api):
    tags = [{"key": "team", "value": "walk"}]
    created = api.call("CreateActivity", name="walk", tags=tags)
    again = api.call("CreateActivity", name="walk", tags=[{"key": "other", "value": ""}])
    expect(api, "CreateActivity", "the same again answers another", created == again)
    resource = created["activityArn"]
    described = api.call("DescribeActivity", activityArn=resource)
    expect(api, "DescribeActivity", "no encryptionConfiguration", "encryptionConfiguration" in described)
    expect(api, "ListActivities", "the activity is missing", any(
        item["activityArn"] == resource for item in api.call("ListActivities")["activities"]))
    api.call("TagResource", resourceArn=resource, tags=[{"key": "größe", "value": "a b"}])
    api.call("UntagResource", resourceArn=resource, tagKeys=["größe", "absent"])
    listed = api.call("ListTagsForResource", resourceArn=resource)
    expect(api, "ListTagsForResource", f"the tags are {listed['tags']}", listed["tags"] == tags)
    owned = api.call("CreateActivity", name="owned", encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    api.call("DeleteActivity", activityArn=owned["activityArn"])
    api.call("DeleteActivity", activityArn=owned["activityArn"])


def machines(api):
    created = api.call(
        "CreateStateMachine", name="plain", definition=PASS, roleArn=ROLE, publish=True, versionDescription="first",
        loggingConfiguration={"level": "OFF", "includeExecutionData": False}, tracingConfiguration={"enabled": True},
        encryptionConfiguration={"type": "AWS_OWNED_KEY"}, tags=[{"key": "a", "value": "b"}])
    resource = created["stateMachineArn"]
    expect(api, "CreateStateMachine", "no version", "stateMachineVersionArn" in created)
    for included in ("ALL_DATA", "METADATA_ONLY"):
        api.call("DescribeStateMachine", stateMachineArn=resource, includedData=included)
    api.call("DescribeStateMachine", stateMachineArn=created["stateMachineVersionArn"])
    variables = json.dumps({"StartAt": "A", "QueryLanguage": "JSONata", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
        "B": {"Type": "Pass", "Output": "{% $x %}", "End": True}}})
    api.call("UpdateStateMachine", stateMachineArn=resource, definition=variables, publish=True, versionDescription="v")
    described = api.call("DescribeStateMachine", stateMachineArn=resource)
    expect(api, "DescribeStateMachine", "no variableReferences", described.get("variableReferences") == {"B": ["x"]})
    expect(api, "DescribeStateMachine", "no revisionId", "revisionId" in described)
    api.call("UpdateStateMachine", stateMachineArn=resource, tracingConfiguration={"enabled": False})
    api.call("ListStateMachines", maxResults=1)
    for definition in (PASS, "{}", '{"StartAt": "Nowhere"'):
        api.call("ValidateStateMachineDefinition", definition=definition, type="EXPRESS", severity="WARNING", maxResults=1)
    gone = api.call("CreateStateMachine", name="gone", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    api.call("DeleteStateMachine", stateMachineArn=gone)
    api.call("DeleteStateMachine", stateMachineArn=gone)


def versions_and_aliases(api):
    resource = arn("stateMachine", "plain")
    published = api.call("PublishStateMachineVersion", stateMachineArn=resource, description="d")
    expect(api, "PublishStateMachineVersion", "the same revision again is another version",
           api.call("PublishStateMachineVersion", stateMachineArn=resource) == published)
    versions = api.call("ListStateMachineVersions", stateMachineArn=resource)["stateMachineVersions"]
    numbers = [int(item["stateMachineVersionArn"].rsplit(":", 1)[1]) for item in versions]
    expect(api, "ListStateMachineVersions", f"not newest first: {numbers}", numbers == sorted(numbers, reverse=True))
    routes = [{"stateMachineVersionArn": f"{resource}:1", "weight": 30},
              {"stateMachineVersionArn": f"{resource}:2", "weight": 70}]
    created = api.call("CreateStateMachineAlias", name="live", routingConfiguration=routes, description="d")
    expect(api, "CreateStateMachineAlias", "the same again answers another",
           api.call("CreateStateMachineAlias", name="live", routingConfiguration=routes, description="d") == created)
    alias = created["stateMachineAliasArn"]
    described = api.call("DescribeStateMachineAlias", stateMachineAliasArn=alias)
    expect(api, "DescribeStateMachineAlias", "other routes", described["routingConfiguration"] == routes)
    api.call("UpdateStateMachineAlias", stateMachineAliasArn=alias, description="")
    api.call("UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=routes)
    api.call("ListStateMachineAliases", stateMachineArn=resource)
    started = api.call("StartExecution", stateMachineArn=alias)
    description = ended(api, started["executionArn"])
    expect(api, "DescribeExecution", "no alias", description.get("stateMachineAliasArn") == alias)
    api.call("ListExecutions", stateMachineArn=alias)
    api.call("ListExecutions", stateMachineArn=f"{resource}:1")
    api.refusal("DeleteStateMachineVersion", "ConflictException", "must not be referenced by an alias",
                stateMachineVersionArn=f"{resource}:1")
    api.call("DeleteStateMachineAlias", stateMachineAliasArn=alias)
    api.call("DeleteStateMachineVersion", stateMachineVersionArn=f"{resource}:1")
    api.call("DeleteStateMachineVersion", stateMachineVersionArn=f"{resource}:1")


def executions(api):
    activity = arn("activity", "walk")
    machine = api.call("CreateStateMachine", name="worker", definition=task(activity, HeartbeatSeconds=600),
                       roleArn=ROLE)["stateMachineArn"]
    started = [api.call("StartExecution", stateMachineArn=machine, name=f"e{number}", input='{"n": 1}',
                        traceHeader="Root=1-5759e988-bd862e3fe1be46a994272793")["executionArn"] for number in range(3)]
    tokens = []
    for _ in started:
        given = api.call("GetActivityTask", activityArn=activity, workerName="walker")
        expect(api, "GetActivityTask", f"the input is {given.get('input')}", json.loads(given["input"]) == {"n": 1})
        tokens.append(given["taskToken"])
    api.call("SendTaskHeartbeat", taskToken=tokens[0])
    api.call("SendTaskSuccess", taskToken=tokens[0], output='{"done": true}')
    api.call("SendTaskFailure", taskToken=tokens[1], error="Walk.Failed", cause="because")
    api.call("StopExecution", executionArn=started[2], error="Stopped", cause="enough")
    wanted = ["SUCCEEDED", "FAILED", "ABORTED"]
    statuses = [ended(api, execution)["status"] for execution in started]
    expect(api, "DescribeExecution", f"the statuses are {statuses}", statuses == wanted)
    for execution in started:
        for included in ("ALL_DATA", "METADATA_ONLY"):
            api.call("DescribeExecution", executionArn=execution, includedData=included)
            api.call("DescribeStateMachineForExecution", executionArn=execution, includedData=included)
    for status in api.model.shape_for("ExecutionStatus").enum:
        listed = api.call("ListExecutions", stateMachineArn=machine, statusFilter=status)["executions"]
        expect(api, "ListExecutions", f"{status}: {listed}", all(item["status"] == status for item in listed))
    for code, token in (("TaskTimedOut", tokens[0]), ("TaskTimedOut", tokens[2])):
        for operation, more in (("SendTaskSuccess", {"output": "1"}), ("SendTaskFailure", {}), ("SendTaskHeartbeat", {})):
            api.refusal(operation, code, taskToken=token, **more)


def histories(api):
    """Events of as many types as there are, each of its shape."""
    first, second, third = (
        {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}} for name in ("First", "Second", "Third"))
    definition = json.dumps({"StartAt": "Pass", "States": {
        "Pass": {"Type": "Pass", "Assign": {"v.$": "$"}, "Next": "Choice"},
        "Choice": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "Fail"}], "Default": "Wait"},
        "Wait": {"Type": "Wait", "Seconds": 0, "Next": "Parallel"},
        "Parallel": {"Type": "Parallel", "Branches": [first, second], "Next": "Map"},
        "Map": {"Type": "Map", "ItemProcessor": third, "Next": "Call"},
        "Call": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {
            "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/none", "MessageBody": "x"},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Function"}], "Next": "Fail"},
        "Function": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:none",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Fail"}], "Next": "Fail"},
        "Fail": {"Type": "Fail", "Error": "E", "Cause": "C"}}})
    machine = api.call("CreateStateMachine", name="wide", definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = api.call("StartExecution", stateMachineArn=machine, input="[1, 2]")["executionArn"]
    ended(api, execution)
    for data in (True, False):
        for reverse in (True, False):
            events = api.call("GetExecutionHistory", executionArn=execution, includeExecutionData=data,
                              reverseOrder=reverse, maxResults=1000)["events"]
            ids = [event["id"] for event in events]
            expect(api, "GetExecutionHistory", f"the ids are {ids}", ids == sorted(ids, reverse=reverse))


def redrives(api):
    definition = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
    machine = api.call("CreateStateMachine", name="failing", definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = api.call("StartExecution", stateMachineArn=machine)["executionArn"]
    ended(api, execution)
    first = api.call("RedriveExecution", executionArn=execution, clientToken="token-1")
    expect(api, "RedriveExecution", "the same token is another redrive",
           api.call("RedriveExecution", executionArn=execution, clientToken="token-1") == first)
    description = ended(api, execution)
    expect(api, "DescribeExecution", "no redrive", description["redriveCount"] == 1 and "redriveDate" in description)
    api.call("GetExecutionHistory", executionArn=execution)
    for filtered in ("REDRIVEN", "NOT_REDRIVEN"):
        api.call("ListExecutions", stateMachineArn=machine, redriveFilter=filtered)


def map_runs(api):
    activity = arn("activity", "walk")
    processor = json.loads(task(activity)) | {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    definition = json.dumps({"StartAt": "M", "States": {"M": {
        "Type": "Map", "Label": "lots", "ItemProcessor": processor, "End": True}}})
    machine = api.call("CreateStateMachine", name="mapping", definition=definition, roleArn=ROLE)["stateMachineArn"]
    execution = api.call("StartExecution", stateMachineArn=machine, input="[1, 2]")["executionArn"]
    token = api.call("GetActivityTask", activityArn=activity)["taskToken"]
    run = api.call("ListMapRuns", executionArn=execution)["mapRuns"][0]["mapRunArn"]
    api.call("DescribeMapRun", mapRunArn=run)
    api.call("UpdateMapRun", mapRunArn=run, maxConcurrency=5, toleratedFailurePercentage=12.5, toleratedFailureCount=2**40)
    described = api.call("DescribeMapRun", mapRunArn=run)
    expect(api, "DescribeMapRun", f"not updated: {described}", described["toleratedFailureCount"] == 2**40)
    children = api.call("ListExecutions", mapRunArn=run)["executions"]
    api.call("DescribeExecution", executionArn=children[0]["executionArn"])
    api.call("DescribeStateMachineForExecution", executionArn=children[0]["executionArn"])
    for token in (token, api.call("GetActivityTask", activityArn=activity)["taskToken"]):
        api.call("SendTaskSuccess", taskToken=token, output="1")
    ended(api, execution)
    api.call("DescribeMapRun", mapRunArn=run)
    api.call("GetExecutionHistory", executionArn=execution)
    api.call("ListMapRuns", executionArn=execution)


def express(api):
    quick = api.call("CreateStateMachine", name="quick", definition=PASS, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
    for included in ("ALL_DATA", "METADATA_ONLY"):
        answer = api.call("StartSyncExecution", stateMachineArn=quick, name="n", input='{"a": 1}', includedData=included,
                          traceHeader="t")
        expect(api, "StartSyncExecution", f"{answer}", answer["status"] == "SUCCEEDED" and "billingDetails" in answer)
    failing = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}})
    failing = api.call("CreateStateMachine", name="quickly", definition=failing, roleArn=ROLE, type="EXPRESS")
    answer = api.call("StartSyncExecution", stateMachineArn=failing["stateMachineArn"])
    expect(api, "StartSyncExecution", f"{answer}", (answer["status"], answer.get("error")) == ("FAILED", "E"))
    started = api.call("StartExecution", stateMachineArn=quick)["executionArn"]
    for operation in ("DescribeExecution", "StopExecution", "GetExecutionHistory"):
        api.refusal(operation, "InvalidArn", executionArn=started)


def states(api):
    call = json.dumps({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "N", "Retry": [
        {"ErrorEquals": ["E"], "IntervalSeconds": 2}], "Catch": [{"ErrorEquals": ["F"], "Next": "C"}]})
    passing = json.dumps({"Type": "Pass", "Result": 1, "End": True})
    for level in ("INFO", "DEBUG", "TRACE"):
        api.call("TestState", definition=passing, inspectionLevel=level, input="{}", roleArn=ROLE, revealSecrets=True)
        for mock in ({"result": '{"Payload": 1}'}, {"errorOutput": {"error": "E", "cause": "c"}},
                     {"errorOutput": {"error": "F"}}, {"errorOutput": {"error": "G"}}):
            api.call("TestState", definition=call, inspectionLevel=level, input="{}", mock=mock,
                     stateConfiguration={"retrierRetryCount": 1})
    api.call("TestState", definition=PASS, stateName="P", variables='{"v": 1}')
    api.call("TestState", definition=call, context='{"Execution": {"Id": "x"}}', mock={"result": '{"Payload": 1}'})


def idempotency(api):
    """What is created or started again as it is answers the same; otherwise it is refused by its name."""
    machine = {"name": "same", "definition": PASS, "roleArn": ROLE}
    first = api.call("CreateStateMachine", **machine)
    same = api.call("CreateStateMachine", **machine | {"roleArn": ROLE + "2", "tags": [{"key": "k", "value": "v"}]})
    expect(api, "CreateStateMachine", "role and tags make another", same == first)
    for more in ({"definition": PASS + " "}, {"type": "EXPRESS"}, {"publish": True}, {"tracingConfiguration": {"enabled": True}}):
        api.refusal("CreateStateMachine", "StateMachineAlreadyExists", first["stateMachineArn"], **machine | more)
    waiting = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": True}}})
    waiting = api.call("CreateStateMachine", name="waiting", definition=waiting, roleArn=ROLE)["stateMachineArn"]
    start = {"stateMachineArn": waiting, "name": "one", "input": '{"a": 1}'}
    first = api.call("StartExecution", **start)
    expect(api, "StartExecution", "the same again is another", api.call("StartExecution", **start) == first)
    exists = f"Execution Already Exists: '{first['executionArn']}'"
    api.refusal("StartExecution", "ExecutionAlreadyExists", exists, **start | {"input": "{}"})
    api.call("StopExecution", executionArn=first["executionArn"])
    api.refusal("StartExecution", "ExecutionAlreadyExists", exists, **start)
    version = api.call("PublishStateMachineVersion", stateMachineArn=waiting)["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    api.call("CreateStateMachineAlias", name="a", routingConfiguration=routes)
    api.refusal("CreateStateMachineAlias", "ConflictException", "already exists", name="a", description="other",
                routingConfiguration=routes)


LISTS = {
    "ListActivities": ("activities", {}),
    "ListExecutions": ("executions", {"stateMachineArn": arn("stateMachine", "paged")}),
    "ListStateMachines": ("stateMachines", {}),
    "ListStateMachineVersions": ("stateMachineVersions", {"stateMachineArn": arn("stateMachine", "paged")}),
    "ListStateMachineAliases": ("stateMachineAliases", {"stateMachineArn": arn("stateMachine", "paged")}),
    "ListMapRuns": ("mapRuns", {}),
    "GetExecutionHistory": ("events", {}),
}


def pages(api):
    """Pages give every item once, and their tokens are good for nothing else."""
    maps = {}
    for number, then in enumerate(({"Next": "M1"}, {"Next": "M2"}, {"End": True})):
        inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": f"P{number}",
                 "States": {f"P{number}": {"Type": "Pass", "End": True}}}
        maps[f"M{number}"] = {"Type": "Map", "ItemProcessor": inner, **then}
    definition = json.dumps({"StartAt": "M0", "States": maps})
    paged = api.call("CreateStateMachine", name="paged", definition=definition, roleArn=ROLE)["stateMachineArn"]
    executions = [api.call("StartExecution", stateMachineArn=paged, input="[]")["executionArn"] for _ in range(3)]
    for execution in executions:
        ended(api, execution)
    for number in range(3):
        api.call("CreateActivity", name=f"paged{number}")
        api.call("UpdateStateMachine", stateMachineArn=paged, definition=definition + " " * number, publish=True)
        version = api.call("ListStateMachineVersions", stateMachineArn=paged)["stateMachineVersions"][0]
        api.call("CreateStateMachineAlias", name=f"a{number}", routingConfiguration=[
            {"stateMachineVersionArn": version["stateMachineVersionArn"], "weight": 100}])
    tokens = {}
    for operation, (key, parameters) in LISTS.items():
        if operation in ("ListMapRuns", "GetExecutionHistory"):
            parameters["executionArn"] = executions[0]
        whole = api.call(operation, **parameters)[key]
        found, token = [], {}
        while True:
            page = api.call(operation, maxResults=2, **parameters, **token)
            found.extend(page[key])
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
            tokens.setdefault(operation, page["nextToken"])
        expect(api, operation, f"pages of two give {len(found)} items of {len(whole)}", found == whole and len(whole) >= 3)
    for operation, (_, parameters) in LISTS.items():
        for other, token in tokens.items():
            if other != operation:
                refused_token(api, operation, token, parameters)
        refused_token(api, operation, "nonsense", parameters)
    other = {"executionArn": executions[1]}
    refused_token(api, "GetExecutionHistory", tokens["GetExecutionHistory"], other)
    refused_token(api, "ListMapRuns", tokens["ListMapRuns"], other)
    narrower = {"stateMachineArn": paged, "statusFilter": "SUCCEEDED"}
    refused_token(api, "ListExecutions", tokens["ListExecutions"], narrower)


def refused_token(api, operation, token, parameters):
    api.refusal(operation, "InvalidToken", "Invalid Token: 'Invalid token'", nextToken=token, **parameters)
