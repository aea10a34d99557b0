"""The chart, rendered by Helm itself and held against the schemas of Kubernetes. No cluster has run it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.helm import helm as helm
from tests.world import ROOT

CHART = ROOT / "server" / "deploy" / "chart"
PROXIES = ("proxies={10.0.0.0/8}",)
ALL = (
    *PROXIES,
    "metrics.enabled=true",
    "metrics.scrapers={10.1.0.0/16}",
    "serviceMonitor.enabled=true",
    "ingress.enabled=true",
    "backup.enabled=true",
    "backup.claim=backups",
    "basePath=/ailyus",
    "credentialSecrets={okta,aws}",
    "settings.AILYUS_SERVER__PATIENCE=5s",
    "image.digest=sha256:" + "0" * 64,
)
ONE = (*PROXIES, "replicas=1", "migrate.enabled=false", "networkPolicy.enabled=false")
CHOICES = {"defaults": PROXIES, "everything": ALL, "one gateway": ONE}
KINDS = {
    "defaults": {"Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"},
    "everything": {
        *("Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service", "ServiceAccount"),
        *("Ingress", "ServiceMonitor", "CronJob"),
    },
    "one gateway": {"Deployment", "Service", "ServiceAccount"},
}


def run(helm: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm, *words], capture_output=True, text=True, check=False)


def rendered(helm: Path, choice: str) -> dict[str, dict[str, Any]]:
    sets = [word for one in CHOICES[choice] for word in ("--set", one)]
    done = run(helm, "template", "release", CHART, *sets)
    assert done.returncode == 0, done.stderr
    return {one["kind"]: one for one in yaml.safe_load_all(done.stdout) if one}


def pods(documents: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    found = [one["spec"]["template"]["spec"] for kind, one in documents.items() if kind in ("Deployment", "Job")]
    crons = [one["spec"]["jobTemplate"] for kind, one in documents.items() if kind == "CronJob"]
    return [*found, *(one["spec"]["template"]["spec"] for one in crons)]


@pytest.mark.parametrize("choice", CHOICES)
def test_helm_finds_nothing_to_say(helm: Path, choice: str) -> None:
    done = run(helm, "lint", "--strict", CHART, *(word for one in CHOICES[choice] for word in ("--set", one)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("choice", CHOICES)
def test_kubernetes_takes_every_object(helm: Path, choice: str) -> None:
    documents = rendered(helm, choice)
    assert set(documents) == KINDS[choice]
    for kind, document in documents.items():
        if kind != "ServiceMonitor":  # of the Prometheus operator, whose schema is not among those of Kubernetes
            kubernetes_validate.validate(document, "1.35", strict=True)


@pytest.mark.parametrize("choice", CHOICES)
def test_no_pod_is_root_or_writes_where_it_need_not(helm: Path, choice: str) -> None:
    for pod in pods(rendered(helm, choice)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["initContainers"], *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            assert written <= {"/workspace/.ailyus", "/tmp", "/backup"}  # noqa: S108 - of a pod


def test_a_gateway_is_asked_how_it_is_and_has_the_time_to_end(helm: Path) -> None:
    (pod,) = pods(rendered(helm, "one gateway"))
    (container,) = pod["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in container if name.endswith("Probe")}
    assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert pod["terminationGracePeriodSeconds"] > int(variables["AILYUS_SERVER__DRAIN"].removesuffix("s")) + 30


def test_nobody_reaches_a_gateway_that_names_nobody(helm: Path) -> None:
    policy = rendered(helm, "defaults")["NetworkPolicy"]["spec"]
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress", "Egress"], [])
    assert [port["port"] for rule in policy["egress"] for port in rule["ports"]] == [53, 53]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ((), "/proxies"),
        ((*PROXIES, "replica=3"), "replica"),
        ((*PROXIES, "settings.OTHER=1"), "OTHER"),
        ((*PROXIES, "serviceMonitor.enabled=true"), "needs metrics.enabled"),
        ((*PROXIES, "metrics.enabled=true"), "metrics.scrapers"),
    ],
)
def test_what_is_wrong_is_named(helm: Path, sets: tuple[str, ...], said: str) -> None:
    done = run(helm, "template", "release", CHART, *(word for one in sets for word in ("--set", one)))
    assert done.returncode != 0
    assert said in done.stderr
