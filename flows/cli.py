"""The command `veribeat`."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows import environment, release_commands, retrain_commands
from flows.command_line import (
    HERE,
    AnyVersionsOption,
    SetOption,
    WorkspaceOption,
    plain_console,
    prepared,
    resumable,
    run_flow,
)
from flows.compare_commands import compare
from flows.data_commands import data
from flows.prefect_server import prefect_server
from flows.rules_commands import rules
from flows.stream_commands import simulate_stream
from tasks.stage import EXIT_INPUT_ERROR
from veribeat.counterfactual.default_method import DEFAULT_METHOD
from veribeat.errors import InputError

app = typer.Typer(
    help="Retrain, explain and audit ECG classifiers. Research software, not a medical device.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; must not be a workspace yet.")],
    data: Annotated[
        Path, typer.Option("--data", help="PTB-XL folder with ptbxl_database.csv and records100/.")
    ],
    remote: Annotated[
        str | None,
        typer.Option(
            metavar="PATH_OR_URL",
            help="Where 'veribeat push' copies outputs (default: the folder FOLDER-remote beside it).",
        ),
    ] = None,
    retrain: Annotated[
        bool,
        typer.Option(
            "--retrain", help="With the arm 'challenger' and inbox/, for updates by 'veribeat retrain'."
        ),
    ] = False,
    set_: SetOption = None,
) -> None:
    """Make a workspace on your own copy of PTB-XL, or on a simulated one.

    It has one arm, baseline, with the preset fast (--set arms.baseline.preset=paper is the published recipe), and
    --set adds others; on simulated records it has all arms of the root's params.yaml, with the preset short.
    """
    from flows.workspace import RETRAINING, create_workspace

    place = create_workspace(folder, data, [*(RETRAINING if retrain else ()), *(set_ or [])], remote)
    if retrain:
        from flows.retrain.inbox import INBOX

        (place.path / INBOX).mkdir()
    command = "retrain" if retrain else "run"
    print(f"{folder} is ready. Next: veribeat {command} --workspace {shlex.quote(str(folder))}")


def run(
    workspace: WorkspaceOption = HERE,
    set_: SetOption = None,
    any_versions: AnyVersionsOption = False,
) -> None:
    """Run every stage that is not up to date, log to MLflow and show the results."""
    place = prepared(workspace, set_).path
    with prefect_server(place):
        from flows.pipeline import pipeline  # Prefect reads its settings when it is imported

        folder: Path = run_flow(pipeline, place, any_versions)
    from flows.report.terminal import show_results

    show_results(place, plain_console())
    print(f"Report: {place / 'report.html'}\nThis run: {folder / 'index.html'}")
    print(f"MLflow and Prefect: veribeat ui --workspace {shlex.quote(str(workspace))}")


def status(workspace: WorkspaceOption = HERE) -> None:
    """Show which stages are up to date and the latest results."""
    from flows.report.terminal import show_results
    from flows.status import show_status
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    console = plain_console()
    show_status(place, console)
    show_results(place.path, console)


def report(workspace: WorkspaceOption = HERE) -> None:
    """Write report.html anew from what the workspace holds; it names the stages that are not up to date."""
    from flows.report.page import read_content, stale_stages, write_report
    from flows.status import stage_states
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    with place.lock():
        file = write_report(place, read_content(place), stale_stages(place, stage_states(place)))
    print(file)


def log(workspace: WorkspaceOption = HERE) -> None:
    """Log the outputs of a plain `dvc repro` to MLflow, once."""
    from flows.provenance import git_state
    from flows.tracking.context import RunContext
    from flows.tracking.projection import project
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    git = git_state()
    with place.lock():
        result = project(place.path, place.params(), place.stages(), RunContext(None, git.sha, {}, git.dirty))
    for arm, run_id in result.children.items():
        print(f"{arm}: {'logged' if arm in result.logged else 'was logged before'} as MLflow run {run_id}")
    for arm in result.skipped:
        print(f"{arm}: not trained on the data that the workspace holds now, so not logged")


def export(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    arm: Annotated[str, typer.Option(help="Arm of params.yaml.")] = "baseline",
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Also what its explanations found: tables, no recordings.")
    ] = False,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Copy an arm's weights, thresholds and metrics, with the dvc.lock that proves what they were made from."""
    from flows.export import export_arm
    from flows.workspace import Workspace

    export_arm(Workspace.at(workspace), arm, folder, explanations=explanations)
    print(f"Arm '{arm}' is in {folder}.")


def predict(
    records: Annotated[
        list[str], typer.Argument(metavar="RECORD", help="WFDB records: paths with or without .hea.")
    ],
    format_: Annotated[Literal["json", "csv"], typer.Option("--format", help="Of standard output.")] = "json",
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder with model.pt and classifier.json (default: reference/ptbxl)."),
    ] = None,
) -> None:
    """Apply a trained model to 12-lead ECG records: probabilities, labels and quality warnings.

    Records of 10 s to an hour at 100 to 1000 Hz are resampled to 100 Hz and cut into windows of 10 s; a record gets the
    mean over its windows. One that cannot be read gets a sentence instead, and the exit code is 2.
    """
    from flows.predict import predict_records

    if not predict_records(records, model, format_ == "csv", sys.stdout):
        raise typer.Exit(EXIT_INPUT_ERROR)


def explain(
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="An ecg_id of the cohort, or the path of a WFDB record.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Superclass to be predicted instead, and no other; repeatable (default: NORM, or else the most"
            " probable other one)."
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="How the record is changed: wave_sparse, beat_sparse, or original, sparse, aligned_sparse of [CF]."
        ),
    ] = DEFAULT_METHOD,
    start: Annotated[float, typer.Option(help="Where in a longer record the 10 s begin, in s.")] = 0.0,
    workspace: WorkspaceOption = HERE,
) -> None:
    """Explain a prediction: what made it, and a changed record that is predicted as something else.

    Writes explanation.json, signals.npz, and the figures query, counterfactual and heat as PNG and SVG.
    """
    from flows.explain import explain_record, show_explanation
    from flows.explanation_files import Asked
    from flows.workspace import Workspace

    asked = Asked(record, tuple(target) if target else None, method, start)
    answer = explain_record(Workspace.at(workspace), asked, out)
    for warning in answer.warnings:
        print(f"warning: {record}: {warning}", file=sys.stderr)
    show_explanation(answer, plain_console())
    print(f"Files: {out}")


def push(workspace: WorkspaceOption = HERE) -> None:
    """Copy the outputs of the stages that have run to the workspace's DVC remote; `dvc pull` brings them back."""
    from flows.remote import push as push_outputs
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    with place.lock(), resumable():
        files, remote = push_outputs(place)
    pushed = f"{files:,} file{'s' * (files != 1)} pushed to {remote}"
    print(f"{pushed}, which now has the outputs of every stage that has run.")


def ui(workspace: WorkspaceOption = HERE) -> None:
    """Open MLflow's and Prefect's pages for a workspace, until Ctrl-C."""
    from flows.ui import serve_pages
    from flows.workspace import Workspace

    serve_pages(Workspace.at(workspace))


def dvc_yaml(
    workspace: WorkspaceOption = HERE,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when dvc.yaml is out of date.")
    ] = False,
) -> None:
    """Write dvc.yaml anew from the registry of stages, params.yaml and the import graph of the code."""
    from flows.workspace import Workspace

    place = Workspace.at(workspace)
    if check and not place.dvc_yaml_is_current():
        raise InputError("dvc.yaml is out of date: run 'veribeat dvc-yaml'.")
    with place.lock():
        print("dvc.yaml changed." if place.write_dvc_yaml() else "dvc.yaml is up to date.")


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Start": {"init": init, "run": run, "status": status, "report": report, "ui": ui},
    "Use a model": {"predict": predict, "explain": explain, "export": export},
    "Keep it up to date": {
        "retrain": retrain_commands.retrain,
        "serve": retrain_commands.serve,
        "refuse": retrain_commands.refuse,
        "rollback": retrain_commands.rollback,
    },
    "Prove it": {
        "keys": release_commands.keys,
        "release": release_commands.release,
        "audit": release_commands.audit,
        "diff": release_commands.diff,
        "push": push,
    },
    "Study": {"compare": compare, "simulate-stream": simulate_stream},
    "Plumbing": {"log": log, "dvc-yaml": dvc_yaml},
}
"""What `veribeat --help` lists, by heading; groups of commands follow the single ones of their heading."""

for heading, commands in COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=heading)(command)
app.add_typer(data, name="data", rich_help_panel="Start")
app.add_typer(rules, name="rules", rich_help_panel="Study")


def main() -> None:
    """Entry point: exit code 2 and one sentence for bad input, 130 for Ctrl-C."""
    environment.quieten_tools()
    try:
        app(standalone_mode=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: {error.filename}: {error.strerror}.", file=sys.stderr)
        sys.exit(EXIT_INPUT_ERROR)
