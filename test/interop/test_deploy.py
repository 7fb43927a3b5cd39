"""The files in deploy/, read by the tools that will read them: systemd, kustomize, Kubernetes' schemas, hadolint."""

import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from program import PROGRAM, ROOT

DEPLOY = ROOT / "deploy"


def said(*command: str | Path) -> str:
    """What a tool wrote, once it is content."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed, and apt-get could not install it")
def test_systemd_reads_the_units_and_finds_the_service_well_confined(tmp_path: Path) -> None:
    for unit in (DEPLOY / "systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin/wandb-audit", str(PROGRAM)))
    units = [tmp_path / "wandb-audit.service", tmp_path / "wandb-audit.timer"]
    assert said("systemd-analyze", "verify", "--recursive-errors=no", *units) == ""
    # In tenths, of 100; a service without any restriction has 96.
    said("systemd-analyze", "security", "--offline=true", "--threshold=20", units[0])


def test_hadolint_has_nothing_to_say_of_the_containerfile() -> None:
    assert said(Path(sys.executable).parent / "hadolint", DEPLOY / "Containerfile") == ""


@pytest.fixture(scope="module")
def resources() -> dict[str, dict]:
    """What kustomize makes, by kind."""
    made = list(yaml.safe_load_all(said("kubectl", "kustomize", DEPLOY / "kubernetes")))
    assert len({resource["kind"] for resource in made}) == len(made)
    return {resource["kind"]: resource for resource in made}


def test_kustomize_makes_resources_of_every_supported_version(resources: dict[str, dict]) -> None:
    assert set(resources) == {"Namespace", "ServiceAccount", "ConfigMap", "CronJob", "NetworkPolicy"}
    for version in ("1.31", kubernetes_validate.latest_version()):
        for resource in resources.values():
            kubernetes_validate.validate(resource, version, strict=True)


def test_the_names_in_the_resources_meet(resources: dict[str, dict]) -> None:
    template = resources["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]
    settings, _ = template["spec"]["volumes"]
    assert settings["configMap"]["name"] == resources["ConfigMap"]["metadata"]["name"]
    assert template["spec"]["serviceAccountName"] == resources["ServiceAccount"]["metadata"]["name"]
    selected = resources["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= template["metadata"]["labels"].items()
    namespaces = {resource["metadata"].get("namespace") for kind, resource in resources.items() if kind != "Namespace"}
    assert namespaces == {resources["Namespace"]["metadata"]["name"]}
    assert f"XDG_CACHE_HOME={template['spec']['containers'][0]['volumeMounts'][1]['mountPath']}" in (
        DEPLOY / "Containerfile"
    ).read_text()


def test_the_pods_keep_the_restricted_standard_that_their_namespace_enforces(resources: dict[str, dict]) -> None:
    assert resources["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = resources["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
