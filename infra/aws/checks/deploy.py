"""Deploys the translated template to an emulator and prints, as JSON, what is there afterwards.

Glue around botocore, for which there is no command line that fits beside the emulator. What must be there is decided by
`cargo xtask infra check`, which calls this: here nothing is judged.

    deploy.py ENDPOINT FOLDER REPOSITORY PARAMETERS

FOLDER holds translated.json and the nested templates, PARAMETERS is a JSON object.
"""

import io
import json
import pathlib
import sys
import time
import zipfile

import boto3

ARTIFACTS = "artifacts"
STACK = "stepwright"
# Types that this emulator's CloudFormation does not know: made with their own API, their references filled in.
BY_HAND = "AWS::StepFunctions::Activity"
# It takes a number that is a parameter of a nested stack for a text.
REWRITTEN = {"worker.yaml": ("DesiredCount: !Ref Count", "DesiredCount: 1")}


def main(endpoint, folder, repository, parameters):
    folder, repository, parameters = pathlib.Path(folder), pathlib.Path(repository), json.loads(parameters)

    def client(service):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=endpoint, region_name=parameters["Region"], **keys)

    template = json.loads((folder / "translated.json").read_text())
    upload(client("s3"), endpoint, folder, repository, template)
    by_hand = activities(client("stepfunctions"), template)
    given = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items() if k in template["Parameters"]]
    stacks = client("cloudformation")
    client("s3").put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(template).encode())
    stacks.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{ARTIFACTS}/template.json",
        Parameters=given,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
    )
    status = settled(stacks, STACK)
    found = {"status": status, "byHand": by_hand, "events": [], "resources": []}
    if status != "CREATE_COMPLETE":
        events = plain(stacks.describe_stack_events(StackName=STACK)["StackEvents"])
        found["events"] = [e for e in events if "FAILED" in e["ResourceStatus"] or e.get("ResourceStatusReason")]
    else:
        found["resources"] = plain(stacks.describe_stack_resources(StackName=STACK)["StackResources"])
        found.update(inventory(client))
        found["execution"] = executed(client)
        found["alarmed"] = alarmed(client, stacks, folder)
    print(json.dumps(found, default=str))


def upload(s3, endpoint, folder, repository, template):
    """Puts into a bucket what the template refers to, as `sam package` does."""
    s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        # The functions' own binary is not built for this: what they do is tested elsewhere.
        archive.writestr("bootstrap", "")
    s3.put_object(Bucket=ARTIFACTS, Key="bootstrap.zip", Body=package.getvalue())
    for nested in folder.glob("*.yaml"):
        text = nested.read_text()
        old, new = REWRITTEN.get(nested.name, ("", ""))
        s3.put_object(Bucket=ARTIFACTS, Key=nested.name, Body=text.replace(old, new) if old else text)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if "TemplateURL" in properties:
            properties["TemplateURL"] = f"{endpoint}/{ARTIFACTS}/{properties['TemplateURL']}"
        key = properties.get("DefinitionS3Location", {}).get("Key")
        if key:
            s3.put_object(Bucket=ARTIFACTS, Key=key, Body=(repository / key).read_bytes())


def activities(states, template):
    """Makes the activities, and fills in their ARNs where the template refers to them."""
    arns = {}
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] == BY_HAND:
            arns[name] = states.create_activity(name=resource["Properties"]["Name"])["activityArn"]
            del template["Resources"][name]

    def fill(node):
        if isinstance(node, dict):
            if node.get("Ref") in arns:
                return arns[node["Ref"]]
            return {key: fill(value) for key, value in node.items()}
        return [fill(item) for item in node] if isinstance(node, list) else node

    template.update(fill(template))
    return sorted(arns)


def settled(stacks, name):
    for _ in range(600):
        status = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(0.1)
    return "STILL_IN_PROGRESS"


def inventory(client):
    """What the services themselves say is there, not what CloudFormation says it has made."""
    states, events = client("stepfunctions"), client("events")
    machines = [states.describe_state_machine(stateMachineArn=m["stateMachineArn"]) for m in states.list_state_machines()["stateMachines"]]
    rules = events.list_rules()["Rules"]
    functions = client("lambda").get_paginator("list_functions").paginate().build_full_result()["Functions"]
    alarms = client("cloudwatch").get_paginator("describe_alarms").paginate().build_full_result()["MetricAlarms"]
    logs = client("logs").get_paginator("describe_log_groups").paginate().build_full_result()["logGroups"]
    queues = client("sqs").list_queues().get("QueueUrls", [])
    attributes = {u.rsplit("/", 1)[1]: client("sqs").get_queue_attributes(QueueUrl=u, AttributeNames=["All"])["Attributes"] for u in queues}
    topic = client("sns").list_topics()["Topics"][0]["TopicArn"]
    cluster = client("ecs").list_clusters()["clusterArns"][0]
    return plain({
        "stateMachines": {m["name"]: {"definition": json.loads(m["definition"]), "role": m["roleArn"], "logging": m.get("loggingConfiguration"), "tracing": m.get("tracingConfiguration")} for m in machines},
        "activities": [a["name"] for a in states.list_activities()["activities"]],
        "functions": {f["FunctionName"]: {"handler": f["Handler"], "timeout": f["Timeout"], "memory": f["MemorySize"], "runtime": f["Runtime"], "role": f["Role"], "environment": f.get("Environment", {}).get("Variables", {})} for f in functions},
        "rules": {r["Name"]: {**r, "targets": events.list_targets_by_rule(Rule=r["Name"])["Targets"]} for r in rules},
        "alarms": {a["AlarmName"]: a for a in alarms},
        "logGroups": {g["logGroupName"]: g for g in logs},
        "queues": attributes,
        "topics": {topic: client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]},
        "tables": client("dynamodb").list_tables()["TableNames"],
        "parameters": [p["Name"] for p in client("ssm").describe_parameters()["Parameters"]],
        "dashboards": {d["DashboardName"]: json.loads(client("cloudwatch").get_dashboard(DashboardName=d["DashboardName"])["DashboardBody"]) for d in client("cloudwatch").list_dashboards()["DashboardEntries"]},
        "services": client("ecs").list_services(cluster=cluster)["serviceArns"],
    })


def executed(client):
    """Sends an incident as an event, and waits for the execution that it starts to end."""
    states = client("stepfunctions")
    detail = {"action": "reboot", "target": "api", "incidentId": "check-1"}
    client("events").put_events(Entries=[{"Source": "stepwright.incidents", "DetailType": "Incident", "Detail": json.dumps(detail)}])
    machine = next(m["stateMachineArn"] for m in states.list_state_machines()["stateMachines"] if m["name"] == "incident-remediation")
    return ended(states, machine, 1)


def alarmed(client, stacks, folder):
    """Deploys the alarms of a service, and lets an alarm's event start an incident.

    The event comes under another source than aws.cloudwatch, under which nobody but AWS may send.
    """
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stacks.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]}
    values = {"TargetId": "api", "LoadBalancer": "app/x/1", "TargetGroup": "targetgroup/x/1"}
    values |= {k: outputs[k] for k in ("IncidentRemediationArn", "UndeliveredEventsArn", "NotificationTopicArn")}
    given = [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]
    template = (folder / "service.yaml").read_text()
    stacks.create_stack(StackName="service", TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    status = settled(stacks, "service")
    if status != "CREATE_COMPLETE":
        return {"status": status, "entered": []}
    events, rule = client("events"), "api-latency-p95-starts-incident-remediation"
    pattern = json.loads(events.describe_rule(Name=rule)["EventPattern"])
    pattern["source"] = ["check"]
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    detail = {"alarmName": "api-latency-p95", "state": {"value": "ALARM", "reason": 'p95 is "high"'}}
    entry = {"Source": "check", "DetailType": "CloudWatch Alarm State Change", "Detail": json.dumps(detail)}
    events.put_events(Entries=[entry | {"Resources": pattern["resources"]}])
    return ended(client("stepfunctions"), outputs["IncidentRemediationArn"], 2)


def ended(states, machine, count):
    """The newest execution, once there are so many and it has ended."""
    for _ in range(600):
        runs = states.list_executions(stateMachineArn=machine)["executions"]
        runs.sort(key=lambda run: run["startDate"], reverse=True)
        if len(runs) >= count and runs[0]["status"] != "RUNNING":
            arn = runs[0]["executionArn"]
            described = states.describe_execution(executionArn=arn)
            history = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
            entered = [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]
            keys = ("status", "input", "error", "cause")
            return plain({**{k: described.get(k) for k in keys}, "entered": entered})
        time.sleep(0.1)
    return {"status": "NONE", "entered": []}


def plain(value):
    return json.loads(json.dumps(value, default=str))


main(*sys.argv[1:])
