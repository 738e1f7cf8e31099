"""The files of docker/ against schemas, linters and the programs that they call. Nothing is started."""

import json
import re
import runpy
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import mlflow.cli
import pytest
import ray
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from ray._private.runtime_env.packaging import create_package
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.dashboard.modules.job.cli import submit as ray_job_submit
from ray.scripts.scripts import start as ray_start

from tune_runner import options

pytestmark = pytest.mark.slow  # imports of Ray and MLflow, and linters as processes

KUBERNETES = "1.37"  # the newest that kubernetes-validate knows

# What KubeRay's API reference lists. Its own schema is in no package, so that this only catches a misspelt field.
RAY_JOB = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy", "entrypoint", "entrypointNumCpus",
    "entrypointNumGpus", "entrypointResources", "jobId", "managedBy", "metadata", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate", "suspend",
    "ttlSecondsAfterFinished",
}  # fmt: skip
RAY_CLUSTER = {
    "authOptions", "autoscalerOptions", "enableInTreeAutoscaling", "gcsFaultToleranceOptions", "headGroupSpec",
    "headServiceAnnotations", "managedBy", "rayVersion", "suspend", "workerGroupSpecs",
}  # fmt: skip
GROUP = {"groupName", "maxReplicas", "minReplicas", "numOfHosts", "rayStartParams", "replicas", "template"}


def lint(*command: str | Path) -> None:
    """Run a tool of this environment; what it complains about is the failure's text."""
    found = subprocess.run(
        [Path(sys.executable).parent / command[0], *command[1:]], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def parse(command: list[str]) -> None:
    """Have the program's own parser read its arguments. It fails on an option or a value that it doesn't know."""
    match command:
        case [runner, *rest] if runner.endswith("mlflow-server.sh"):
            parse(rest)
        case ["ray", "start", *rest]:
            ray_start.make_context("start", rest)
        case ["ray", "job", "submit", *rest]:
            parse(list(ray_job_submit.make_context("submit", rest).params["entrypoint"]))
        case ["mlflow", "server", *rest]:
            mlflow.cli.server.make_context("server", rest)
        case ["python", "-m", "tune_runner", *rest]:
            options.parser().parse_args(rest)
        case ["postgres"] | ["ray", "stop"]:
            pass
        case _:
            raise AssertionError(f"no parser for {command}")


@pytest.fixture(scope="module")
def ray_job(docker: Path) -> dict[str, Any]:
    return next(one for one in yaml.safe_load_all((docker / "rayjob.yaml").read_text()) if one["kind"] == "RayJob")


@pytest.fixture(scope="module")
def pods(ray_job: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod templates of the submitter, the head and the workers."""
    cluster = ray_job["spec"]["rayClusterSpec"]
    groups = [ray_job["spec"]["submitterPodTemplate"], cluster["headGroupSpec"]["template"]]
    return groups + [group["template"] for group in cluster["workerGroupSpecs"]]


@pytest.fixture(scope="module")
def pinned(docker: Path) -> dict[str, str]:
    lines = (docker / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


# Compose


def test_compose_files_follow_the_compose_specification(docker: Path, compose: dict[str, Any], tmp_path: Path) -> None:
    filled_in = tmp_path / "compose.yaml"
    filled_in.write_text(yaml.safe_dump(compose))
    schema = ("check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    lint(*schema, docker / "compose.yaml", docker / "compose.cuda.yaml", filled_in)


def test_yaml_is_tidy(docker: Path) -> None:
    lint("yamllint", "--strict", "-c", docker / ".yamllint", *docker.glob("*.yaml"))


def test_every_command_is_one_that_its_program_understands(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        parse([*service.get("entrypoint", []), *service["command"]])


def test_published_ports_are_on_loopback(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_only_mlflow_reaches_the_database(compose: dict[str, Any]) -> None:
    assert compose["networks"]["database"]["internal"]
    near = [name for name, service in compose["services"].items() if "database" in service["networks"]]
    assert near == ["postgres", "mlflow"]
    assert compose["services"]["postgres"]["networks"] == ["database"]


def test_no_secret_is_in_an_environment(compose: dict[str, Any], docker: Path) -> None:
    telling = re.compile("PASSWORD|TOKEN|SECRET|_KEY")
    looked_at = []
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if telling.search(variable):
                assert value.startswith("/run/secrets/"), variable
                assert value.removeprefix("/run/secrets/") in service["secrets"], name
                looked_at.append((name, variable))
    assert ("worker", "RAY_AUTH_TOKEN_PATH") in looked_at, "the pattern still matches what it is for"
    assert not telling.search((docker / "Dockerfile").read_text())


def test_every_ray_process_demands_the_token(compose: dict[str, Any]) -> None:
    ours = {name: service for name, service in compose["services"].items() if "ray" in str(service["command"])}
    ours["submit"] = compose["services"]["submit"]
    assert set(ours) == {"ray-head", "worker", "submit"}
    for service in ours.values():
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert service["environment"]["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"


def test_services_wait_for_the_health_of_others(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[other]["healthcheck"]["test"][0] == "CMD"
    assert set(services["submit"]["depends_on"]) == {"mlflow", "ray-head", "worker"}


def test_mlflow_refuses_foreign_names_and_starts_no_jobs(compose: dict[str, Any]) -> None:
    server = compose["services"]["mlflow"]
    assert "--allowed-hosts=mlflow:*,localhost:*,127.0.0.1:*" in server["command"]
    assert "--serve-artifacts" in server["command"]
    assert server["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_the_example_names_every_variable(docker: Path) -> None:
    used = set(re.findall(r"\$\{(\w+):-", (docker / "compose.yaml").read_text()))
    shown = set(re.findall(r"^(?:# )?([A-Z_]+)=", (docker / ".env.example").read_text(), re.MULTILINE))
    assert shown == used


# The image


def test_linters_accept_the_image(docker: Path) -> None:
    lint("hadolint", "--failure-threshold", "style", docker / "Dockerfile")
    lint("shellcheck", "--enable=all", docker / "mlflow-server.sh")


def test_nothing_of_ours_runs_as_root(docker: Path, compose: dict[str, Any], pods: list[dict[str, Any]]) -> None:
    users = re.findall(r"^USER (.+)$", (docker / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["${APP_UID}"]
    assert "ARG APP_UID=1000" in (docker / "Dockerfile").read_text()
    for name, service in compose["services"].items():
        assert "user" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert name == "postgres" or service["cap_drop"] == ["ALL"]
    for pod in pods:
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["securityContext"]["runAsUser"] != 0
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_images_have_versions(docker: Path, compose: dict[str, Any]) -> None:
    base = re.search(r"^ARG BASE=\S+:(\S+)$", (docker / "Dockerfile").read_text(), re.MULTILINE)
    for tag in (base and base[1], compose["services"]["postgres"]["image"].split(":")[-1]):
        assert re.match(r"\d+\.\d+", tag)


def test_every_copied_file_exists_and_reaches_the_builder(docker: Path, root: Path) -> None:
    allowed = {line[1:] for line in (docker / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", (docker / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert set(copied) == allowed
    assert all((root / source).exists() for source in copied)


def test_pins_satisfy_the_requirements(docker: Path, root: Path, pinned: dict[str, str]) -> None:
    requirements = runpy.run_path(str(docker / "requirements.py"))["requirements"]
    for text in requirements(root / "pyproject.toml", ["cluster"]):
        wanted = Requirement(text)
        assert Version(pinned[wanted.name.lower()]) in wanted.specifier
    assert not [name for name in pinned if name.startswith(("nvidia", "cuda", "triton"))]


# Kubernetes and machines with SSH


def test_kubernetes_accepts_the_pods_and_the_claim(docker: Path, pods: list[dict[str, Any]]) -> None:
    claim = next(yaml.safe_load_all((docker / "rayjob.yaml").read_text()))
    named = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "template"}}
    for one in [claim, *(named | pod for pod in pods)]:
        kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_ray_job_has_only_known_fields(ray_job: dict[str, Any], pinned: dict[str, str]) -> None:
    spec = ray_job["spec"]
    cluster = spec["rayClusterSpec"]
    assert ray_job["apiVersion"] == "ray.io/v1"
    assert set(spec) <= RAY_JOB
    assert set(cluster) <= RAY_CLUSTER
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"] == pinned["ray"]
    for group in [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]:
        assert set(group) <= GROUP
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        ray_start.make_context("start", [f"--{name}={value}" for name, value in group["rayStartParams"].items()])
    parse(shlex.split(spec["entrypoint"]))


def test_pods_and_containers_agree_on_what_healthy_means(compose: dict[str, Any], pods: list[dict[str, Any]]) -> None:
    _, head, worker = ([pod["spec"]["containers"][0].get("livenessProbe")] for pod in pods)
    node = compose["services"]["worker"]["healthcheck"]["test"][1:]
    assert worker[0]["exec"]["command"] == node
    assert head[0]["exec"]["command"] == [*compose["services"]["ray-head"]["healthcheck"]["test"][1:], node[-1]]


def test_ray_accepts_the_cluster_of_machines(docker: Path, root: Path) -> None:
    cluster = yaml.safe_load((docker / "cluster.yaml").read_text())
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(cluster, json.loads(schema.read_text()))
    validate_config(prepare_config(cluster))
    for source in cluster["file_mounts"].values():
        assert "secrets" in source or (root / source).exists()
    for command in cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]:
        parse([word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)])


# What `ray job submit` takes along


def test_the_working_directory_is_packaged_without_data_and_secrets(root: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    wanted = {"coftad/trial.py", "tune_runner/study/report.py", "sweeps/paper/one.yaml", "pyproject.toml"}
    unwanted = {
        "data/1.png", "docker/secrets/ray_token", "weights/r18.pth", "runs/a/study.db", "mlflow.db", "shared/x",
        ".venv/bin/python", "coftad/__pycache__/a.pyc",
    }  # fmt: skip
    for name in wanted | unwanted:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    for name in (".rayignore", ".gitignore"):
        (checkout / name).write_text((root / name).read_text())
    package = tmp_path / "package.zip"
    create_package(str(checkout), package, include_gitignore=True)
    with zipfile.ZipFile(package) as archive:
        packed = {name for name in archive.namelist() if not name.endswith("/")}
    assert packed == wanted
