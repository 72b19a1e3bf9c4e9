"""What deploy/lint asks of the bill of materials and of the manifests beyond the tools' own command lines."""

import json
import sys
from pathlib import Path

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def sbom(file):
    """The bill follows its schema, every reference leads somewhere, and no package is in it twice."""
    text = Path(file).read_text()
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        yield str(error)
        return
    bill = json.loads(text)
    refs = [component["bom-ref"] for component in bill["components"]] + [bill["metadata"]["component"]["bom-ref"]]
    for ref in {ref for ref in refs if refs.count(ref) > 1}:
        yield f"{ref} is listed twice"
    for entry in bill["dependencies"]:
        for ref in {entry["ref"], *entry["dependsOn"]} - set(refs):
            yield f"{ref} is referred to and not listed"


def manifests(folder):
    """What a cluster would only say when they are applied, or never."""
    folder = Path(folder)
    kinds = {}
    for file in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(file.read_text())
        kinds[document["kind"]] = document
        document["file"] = file.name
    deployment, service, policy = kinds["Deployment"]["spec"], kinds["Service"]["spec"], kinds["NetworkPolicy"]["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = {
        "Deployment": deployment["selector"]["matchLabels"],
        "Service": service["selector"],
        "NetworkPolicy": policy["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        if not selector.items() <= labels.items():
            yield f"the selector of the {kind} does not fit the pod: {selector}"
    if (deployment["replicas"], deployment["strategy"]["type"]) != (1, "Recreate"):
        yield "two copies would renew the same cookie: replicas has to be 1 and strategy Recreate"
    for container in pod["containers"]:
        ports = {port["name"] for port in container["ports"]}
        asked = [container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        asked += [port["targetPort"] for port in service["ports"]]
        for port in set(asked) - ports:
            yield f"there is no port {port}"
        secrets = {source["secretRef"]["name"] for source in container["envFrom"]}
        if secrets != {kinds["Secret"]["metadata"]["name"]}:
            yield f"the pod reads {secrets}, and the template of the secret has another name"
        for mount in container["volumeMounts"]:
            if mount["name"] not in {volume["name"] for volume in pod["volumes"]}:
                yield f"there is no volume {mount['name']}"
    for volume in pod["volumes"]:
        if volume["persistentVolumeClaim"]["claimName"] != kinds["PersistentVolumeClaim"]["metadata"]["name"]:
            yield f"there is no claim for the volume {volume['name']}"
    if any(kinds["Secret"]["stringData"].values()) or "data" in kinds["Secret"]:
        yield "the template of the secret holds a value: take it out of the repository, and change the secret itself"
    applied = set(kinds["Kustomization"]["resources"])
    files = {document["file"] for kind, document in kinds.items() if kind not in ("Kustomization", "Secret")}
    for file in applied ^ files:
        yield f"{file} is not both here and in kustomization.yaml"


found = list({"sbom": sbom, "manifests": manifests}[sys.argv[1]](sys.argv[2]))
print(*found, sep="\n")
sys.exit(1 if found else 0)
