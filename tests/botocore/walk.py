"""Walks all operations of the Step Functions API with botocore, and holds what comes back against AWS's own model.

    python walk.py URL

For every operation: it succeeds, it answers its documented errors, and it refuses every violation of every constraint
of every input field, in AWS's words. Every answer is held against the model strictly: nothing that the model does not
know, everything that it requires, its types and its enumerations. Prints what is wrong, a line each; exits with 1 if
anything is.
"""

import json
import sys

import botocore.exceptions

import constraints
import refusals
import successes
from api import Api


def main(url):
    api = Api(url)
    successes.walk(api)
    refusals.walk(api)
    constraints.walk(api)
    refusals.completeness(api)
    for operation in sorted(set(api.model.operation_names) - api.succeeded):
        api.wrong(operation, "never succeeded")
    for problem in api.problems:
        print(problem)
    print(
        json.dumps(
            {
                "operations": len(api.succeeded),
                "answers": api.answers,
                "refusals": len(api.refused),
                "constraints": api.constraints,
                "problems": len(api.problems),
            }
        )
    )
    return 1 if api.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except botocore.exceptions.EndpointConnectionError as error:
        sys.exit(f"nobody answers: {error}")
