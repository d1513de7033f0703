"""Lints and measures what CloudFormation will hold: every stack of a template after includes and SAM's transform.

`sam validate --lint` reads the template as written. What counts towards CloudFormation's limits is what the transform
makes of it, nested stacks each by themselves. Needs no AWS account: nothing here asks for managed policies by name.
"""

import json
import logging
import os
import re
import sys
from pathlib import Path

from cfnlint.api import ManualArgs, lint
from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REGION = "us-east-1"
# The project's own ceilings, each a tenth or so below AWS's: 500 resources and 1 MB of processed template a stack, 300
# nodes of a REST API's tree until the quota is raised, 4096 characters of an SSM parameter and of a function's
# environment, 200 parameters, 64 characters of a function's name.
RESOURCES, BYTES, NODES = 450, 900_000, 290
SETTINGS, PARAMETERS, NAME = 4096, 200, 64
# A stack's name as long as the project promises to bear.
STACK = "praxis-production-20"
# The longest that a parameter of a kind gets in practice, for the length of the settings.
LONGEST = {
    "Arn": "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:praxis/production/database-credentials-AbCdEf",
    "Host": "praxis-production.cluster-abcdefghijkl.ap-southeast-2.rds.amazonaws.com",
    "Url": "https://a-rather-long-name-of-a-project.some-region.example.com/with/a/path",
    "Key": "k" * 256,
    "Origins": ",".join(f"https://app-{n}.a-rather-long-name.example.com" for n in range(8)),
}


def included(node, folder: Path):
    """The template with included files in place, the innermost first, as CloudFormation does."""
    if isinstance(node, list):
        return [included(entry, folder) for entry in node]
    if not isinstance(node, dict):
        return node
    node = {key: included(value, folder) for key, value in node.items()}
    call = node.get("Fn::Transform")
    if isinstance(call, dict) and call.get("Name") == "AWS::Include":
        del node["Fn::Transform"]
        node |= yaml_parse((folder / call["Parameters"]["Location"]).read_text())
    return node


def transform(template: dict) -> dict:
    """The CloudFormation template, with a place in S3 instead of each archive and nested template (as `sam package` writes)."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/" + "0" * 32
        if resource["Type"] == "AWS::CloudFormation::Stack":
            resource["Properties"]["TemplateURL"] = "https://s3.amazonaws.com/bucket/" + "0" * 32 + ".template"
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # the transform knows regions apart
    # Parameters stay references, so that the lint sees each of them in its place.
    return Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, parameter_values={})


def nodes(paths) -> int:
    """Nodes of the REST API's tree: every prefix of a path is one, the root too."""
    return len({tuple(path.strip("/").split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)}) + 1


def longest(name: str, parameters: dict) -> str:
    """A value as long as the parameter or pseudo parameter gets."""
    if name == "AWS::StackName":
        return STACK
    allowed = parameters.get(name, {}).get("AllowedValues")
    if allowed:
        return max(map(str, allowed), key=len)
    kind = next((kind for kind in LONGEST if name.endswith(kind)), None)
    return LONGEST[kind] if kind else str(parameters.get(name, {}).get("Default", ""))[:64].ljust(16, "x")


def settings(template: dict, problems: list[str]) -> str:
    """How long the settings get, in one line; what is too much goes to `problems`."""
    lines = []
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::SSM::Parameter":
            continue
        value = resource["Properties"]["Value"]["Fn::Sub"]
        text = value if isinstance(value, str) else value[0]
        full = re.sub(r"\$\{([\w:]+)\}", lambda match: longest(match[1], template["Parameters"]), text)
        lines.append(f"{name}: {len(full)} characters at the longest")
        if len(full) > SETTINGS:
            problems.append(f"{name} may have {len(full)} characters, and one value holds {SETTINGS}")
    return "\n".join(lines)


def measure(name: str, template: dict, problems: list[str]) -> str:
    """What a stack holds, in one line; what is too much goes to `problems`."""
    size, resources = len(json.dumps(template)), template["Resources"]
    if len(resources) > RESOURCES:
        problems.append(f"{name}: {len(resources)} resources, more than {RESOURCES}")
    if size > BYTES:
        problems.append(f"{name}: {size} bytes after the transform, more than {BYTES}")
    if len(template.get("Parameters", {})) > PARAMETERS:
        problems.append(f"{name}: {len(template['Parameters'])} parameters, more than {PARAMETERS}")
    text = f"{name}: {len(resources)} resources, {size} bytes, {len(template.get('Parameters', {}))} parameters"
    names = [
        re.sub(r"\$\{AWS::StackName\}", STACK, resource["Properties"]["FunctionName"]["Fn::Sub"])
        for resource in resources.values()
        if resource["Type"] == "AWS::Lambda::Function"
    ]
    for function in names:
        if len(function) > NAME:
            problems.append(f"{name}: the function's name {function} has {len(function)} characters, more than {NAME}")
    for permission, resource in resources.items():
        # Whoever may invoke is of this account: a service's name alone would let every account's use of it in.
        if resource["Type"] == "AWS::Lambda::Permission" and "AWS::AccountId" not in json.dumps(resource):
            problems.append(f"{name}: {permission} names neither a source of this account nor the account")
    for api in resources.values():
        if api["Type"] == "AWS::ApiGateway::RestApi":
            count = nodes(api["Properties"]["Body"]["paths"])
            text += f", {count} nodes of the API"
            if count > NODES:
                problems.append(f"{name}: the API's tree has {count} nodes, more than {NODES}: ask for a higher quota first")
    # The text, not a file: the lint counts an indented file's bytes.
    for match in lint(json.dumps(template), config=ManualArgs(regions=[REGION])):
        problems.append(f"{name} (transformed): {match}")
    return text + (f", longest function name {max(map(len, names))}" if names else "")


def main(path: Path) -> int:
    logging.disable(logging.WARNING)  # the transform warns of feature switches that only AWS has
    written = yaml_parse(path.read_text())
    problems = []
    lines = [settings(written, problems)]
    for name, resource in written["Resources"].items():
        if resource["Type"] == "AWS::CloudFormation::Stack":
            nested = yaml_parse((path.parent / resource["Properties"]["TemplateURL"]).read_text())
            lines.append(measure(name, nested, problems))
    try:
        transformed = transform(included(written, path.parent))
    except InvalidDocumentException as error:
        problems += [cause.message for cause in error.causes]
    else:
        lines.insert(0, measure(path.name, transformed, problems))
    for problem in problems:
        print(f"{path}: {problem}", file=sys.stderr)
    print("\n".join(lines))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml")))
