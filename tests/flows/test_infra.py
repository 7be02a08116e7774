"""The files of infra/: what can be known of them without an engine for containers. `make infra-check` runs them."""

import json
import re
import shutil
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from prefect import Flow
from prefect.flows import load_flow_from_entrypoint

from flows.code_dependencies import CODE_ROOT
from infra.without_containers import interpolated, on_loopback, process, read_ports

INFRA = CODE_ROOT / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DEPLOYMENTS: dict[str, Any] = yaml.safe_load((INFRA / "prefect.yaml").read_text())
FLOWS = {"pipeline", "compare", "retrain"}

ONE_SHOT = {"bucket", "prefect-database", "deployments"}
UNCHECKED = {"prefect-services"}
"""Prefect's background services listen on no port."""

VARIABLES: dict[str, str] = dict.fromkeys(
    re.findall(r"\$\{(\w+):\?", (INFRA / "compose.yaml").read_text()), "given"
)
"""Every variable without a default."""

SECRET = re.compile(r"PASSWORD|KEY")


def pins(file: Path) -> dict[str, str]:
    """Versions by normalised name."""
    found = re.findall(r"^([\w.-]+)(?:\[\w+\])?==([\w.]+)", file.read_text(), re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_compose_file_fits_the_schema_of_compose_files() -> None:
    schema = files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    jsonschema.validate(COMPOSE, json.loads(schema))


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert service["image"].startswith("veribeat:")
    else:
        assert re.fullmatch(r"[\w/]+:\d+(\.\d+)+(-\w+)?", service["image"])


def test_no_secret_has_a_default() -> None:
    text = (INFRA / "compose.yaml").read_text()
    used = set(re.findall(r"\$\{(\w+)", text))
    secrets = {name for name in used if SECRET.search(name)}
    assert len(secrets) == 7
    assert not re.findall(r"\$\{\w*(?:PASSWORD|KEY)\w*(?!\w|:\?)", text)  # neither bare nor with ":-"
    example = (INFRA / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.M)) == secrets | {"VERIBEAT_DATA"}
    assert set(re.findall(r"^#?(\w+)=", example, re.M)) == used


def test_secrets_are_written_nowhere() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name) or "@" in value:
                assert re.fullmatch(r"(\w+(\+\w+)?://\w*:)?\$\{\w+:\?[^}]*\}(@[\w:/]+)?", value), name


@pytest.mark.parametrize("missing", VARIABLES)
def test_services_are_refused_in_one_sentence_without_a_setting(missing: str) -> None:
    given = {name: value for name, value in VARIABLES.items() if name != missing}
    with pytest.raises(SystemExit, match=rf"{missing}: .* is not set, see \.env\.example"):
        interpolated(SERVICES, given)


def test_ports_are_bound_to_loopback_unless_a_variable_says_otherwise() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 3
    for port in published:
        assert interpolated(port, VARIABLES).startswith("127.0.0.1:")
        assert interpolated(port, {**VARIABLES, "LISTEN": "10.0.0.1"}).startswith("10.0.0.1:")


def test_services_that_stay_are_restarted_and_checked() -> None:
    stay = {name for name, service in SERVICES.items() if "restart" in service}
    assert stay == SERVICES.keys() - ONE_SHOT
    assert {name for name in stay if "healthcheck" not in SERVICES[name]} == UNCHECKED


def test_services_wait_for_health_or_for_the_end() -> None:
    for service in SERVICES.values():
        for other, wait in service.get("depends_on", {}).items():
            if other in ONE_SHOT:
                assert wait["condition"] == "service_completed_successfully"
            else:
                assert wait["condition"] == "service_healthy"
                assert "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", sorted(ONE_SHOT))
def test_some_service_that_stays_waits_for_the_end_of_a_job(name: str) -> None:
    # Without one, 'docker compose up --wait' takes the end of the job for a failure.
    assert any(name in SERVICES[other].get("depends_on", {}) for other in SERVICES.keys() - ONE_SHOT)


def test_every_flow_has_a_deployment_in_the_pool() -> None:
    assert {deployment["name"] for deployment in DEPLOYMENTS["deployments"]} == FLOWS
    pool = SERVICES["worker"]["command"][4]
    for deployment in DEPLOYMENTS["deployments"]:
        assert deployment["work_pool"]["name"] == pool
        assert deployment["concurrency_limit"]["limit"] == 1
    (retrain,) = (one for one in DEPLOYMENTS["deployments"] if one["name"] == "retrain")
    assert retrain["schedules"] == [{"cron": "0 3 * * *", "timezone": "UTC"}]
    assert DEPLOYMENTS["prefect-version"] == pins(CODE_ROOT / "constraints.txt")["prefect"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS["deployments"], ids=lambda deployment: deployment["name"])
def test_deployments_fit_their_flows(deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CODE_ROOT)
    flow: Flow[..., Any] = load_flow_from_entrypoint(deployment["entrypoint"])
    assert flow.name == deployment["name"]
    parameters = flow.validate_parameters(
        deployment["parameters"]
    )  # unknown ones and missing ones are refused
    assert isinstance(parameters["workspace"], Path)


def test_the_image_is_pinned_and_not_run_as_root() -> None:
    lines = (INFRA / "Dockerfile").read_text().splitlines()
    (base,) = (line for line in lines if line.startswith("FROM "))
    assert re.fullmatch(r"FROM python:3\.11\.\d+-slim-bookworm", base)
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER veribeat"]
    assert any("--constraint constraints.txt --requirement requirements.txt" in line for line in lines)


def test_the_context_of_the_image_has_what_it_copies() -> None:
    let_in = {line[1:] for line in (CODE_ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    text = (INFRA / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for word in line.split()}
    assert let_in == copied | {".git"}


def test_pins_of_servers_add_to_those_of_stages() -> None:
    project = tomllib.loads((CODE_ROOT / "pyproject.toml").read_text())
    wanted = {re.split(r"[<>=]", line)[0] for line in project["project"]["optional-dependencies"]["server"]}
    servers = pins(INFRA / "requirements.txt")
    assert wanted <= servers.keys()
    assert not servers.keys() & pins(CODE_ROOT / "constraints.txt").keys()


def test_shell_scripts_pass_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    scripts = sorted(str(script) for script in INFRA.glob("*.sh"))
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_without_containers_services_have_ports_of_loopback() -> None:
    ports = read_ports("postgres:5432=40001 prefect-server:4200=40002 mlflow:5000=40003")
    server = process("prefect-server", {**VARIABLES, "PREFECT_DATABASE_PASSWORD": "5432abc"}, ports)
    assert server.command[-4:] == ("--host", "127.0.0.1", "--port", "40002")
    assert server.health[-1] == "http://127.0.0.1:40002/api/ready"
    database = server.environment["PREFECT_API_DATABASE_CONNECTION_URL"]
    assert database == "postgresql+asyncpg://prefect:5432abc@127.0.0.1:40001/prefect"
    worker = process("worker", VARIABLES, ports)
    assert worker.environment["PREFECT_API_URL"] == "http://127.0.0.1:40002/api"
    assert worker.environment["VERIBEAT_CODE"] == str(CODE_ROOT)
    with pytest.raises(SystemExit, match=r"compose\.yaml has no service 'nobody', only postgres,"):
        process("nobody", VARIABLES, ports)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$$HOME ${A} ${A:-other} ${B:-other}", "$HOME a a other"),
        ("${B}", ""),
        ("${B:-}", ""),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, filled: str) -> None:
    assert interpolated(text, {"A": "a", "B": ""}) == filled


def test_only_whole_names_and_ports_are_replaced() -> None:
    ports = {("s3", 9000): 40001}
    assert on_loopback("http://s3:9000/x my-s3:9000 19000 s3:90001", ports, {}) == (
        "http://127.0.0.1:40001/x my-s3:9000 19000 s3:90001"
    )
    assert on_loopback("9000 19000 0.0.0.0:9000", ports, {9000: 40001}) == "40001 19000 127.0.0.1:40001"
