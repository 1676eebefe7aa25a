"""Translates the SAM template into CloudFormation, as AWS does on deployment.

Glue: aws-sam-translator has no command line. Local files become objects of a bucket, as `sam package` would have it.

    translate.py TEMPLATE OUTPUT
"""

import json
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse


def main(source, output):
    with open(source, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    template["Globals"]["Function"].pop("CodeUri")
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "artifacts", "Key": "bootstrap.zip"}
        if resource["Type"] == "AWS::Serverless::StateMachine":
            key = resource["Properties"]["DefinitionUri"].removeprefix("../../")
            resource["Properties"]["DefinitionUri"] = {"Bucket": "artifacts", "Key": key}
    translated = Translator({}, Parser()).translate(template, {})
    with open(output, "w", encoding="utf-8") as file:
        json.dump(translated, file, indent=1)


main(*sys.argv[1:])
