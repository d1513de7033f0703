"""Lints what CloudFormation will see: the template after SAM's transform, and counts each route's resources.

`sam validate --lint` reads the template as written; it does not look inside a function's events, and cannot see what
the transform makes of them. Needs no AWS account: nothing here asks for managed policies by name.
"""

import json
import logging
import os
import sys
from collections import defaultdict
from pathlib import Path

from cfnlint.api import ManualArgs, lint
from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# The ceiling that the project sets itself, and the one that CloudFormation sets.
RESOURCES_PER_ROUTE = 3
RESOURCES_PER_STACK = 500
REGION = "us-east-1"


def transform(template: dict) -> dict:
    """The CloudFormation template, with a place in S3 instead of each folder of code (as `sam package` writes)."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # the transform knows regions apart
    # Parameters stay references, so that the lint sees each of them in its place.
    return Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, parameter_values={})


def routes(template: dict) -> set[str]:
    """The functions that answer an HTTP route."""
    return {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and any(event["Type"] == "Api" for event in resource["Properties"].get("Events", {}).values())
    }


def count(functions: set[str], resources: dict) -> dict[str, list[str]]:
    """Each function's resources: those whose logical id starts with the function's, the longest match winning."""
    owned = defaultdict(list)
    for name in resources:
        owners = [function for function in functions if name == function or name.startswith(function)]
        if owners:
            owned[max(owners, key=len)].append(name)
    return owned


def main(path: Path) -> int:
    logging.disable(logging.WARNING)  # the transform warns of feature switches that only AWS has
    source = path.read_text()
    written = yaml_parse(source)
    names = routes(written)
    functions = {name for name, r in written["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}
    own = set(written["Resources"])
    try:
        transformed = transform(yaml_parse(source))
    except InvalidDocumentException as error:
        for cause in error.causes:
            print(f"{path}: {cause.message}", file=sys.stderr)
        return 1

    problems = []
    resources = transformed["Resources"]
    made = {name for name in resources if name not in own or name in functions}
    for name, owned in sorted(count(functions, {n: resources[n] for n in made}).items()):
        if name in names and len(owned) > RESOURCES_PER_ROUTE:
            problems.append(f"{path}: {name} costs {len(owned)} resources ({', '.join(owned)}), more than {RESOURCES_PER_ROUTE}")
    if len(resources) > RESOURCES_PER_STACK:
        problems.append(f"{path}: {len(resources)} resources, and a stack holds {RESOURCES_PER_STACK}")
    problems += [f"{path} (transformed): {match}" for match in lint(json.dumps(transformed), config=ManualArgs(regions=[REGION]))]

    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(resources)} resources, {len(names)} routes, {len(json.dumps(transformed)) // 1024} kB after the transform")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml")))
