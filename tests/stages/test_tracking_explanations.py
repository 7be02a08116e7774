"""What the MLflow projection makes of the explanation chain."""

import json
from pathlib import PurePosixPath

import pytest
from fabricated import Fabricated, client_of, everything
from fabricated_chain import ATTRIBUTE, PROTOTYPES, RULES
from mlflow.entities import Run
from ruamel.yaml import YAML

from flows.tracking.files import EXPLANATIONS
from flows.tracking.projection import ProjectionResult
from tasks.params.document import Params
from tasks.stages import stages
from veribeat.counterfactual.methods import METHODS


def run_of(result: ProjectionResult, workspace: Fabricated) -> Run:
    return client_of(result).get_run(result.children[workspace.arm])


def explained_by(run: Run) -> set[str]:
    """The stages of the chain that the run has metrics of."""
    return {name.partition("/")[0] for name in run.data.metrics} & set(EXPLANATIONS)


def ask_for(workspace: Fabricated, params: Params) -> None:
    workspace.params = params
    workspace.stages = stages(params)


def test_the_explained_arm_has_the_numbers_and_parameters_of_its_explanations(
    projected: tuple[Fabricated, ProjectionResult],
) -> None:
    workspace, result = projected
    run = run_of(result, workspace)
    metrics = run.data.metrics
    for stage, numbers in {"attribute": ATTRIBUTE, "rules": RULES}.items():
        assert {name: metrics[f"{stage}/{name}"] for name in numbers} == numbers
    found = json.loads((workspace.path / "out/counterfactuals/counterfactuals.json").read_text())
    for method in METHODS:
        assert metrics[f"counterfactuals/{method}/all/validity"] == found[method]["all"]["validity"]
    for name, block in PROTOTYPES.items():
        assert metrics[f"prototypes/{name}/candidates"] == block["candidates"]
        assert f"prototypes/{name}/silhouette" not in metrics  # null
    params = workspace.params
    assert run.data.params["rules/percentile"] == str(params.rules.percentile)
    assert run.data.params["counterfactuals/sparse/keep_ratios"] == str(
        params.counterfactuals.sparse.keep_ratios
    )
    assert run.data.params["report/target"] == params.report.target


def test_the_explained_arm_has_tables_prototypes_and_every_figure(
    projected: tuple[Fabricated, ProjectionResult],
) -> None:
    workspace, result = projected
    client, run_id = client_of(result), result.children[workspace.arm]

    def logged(folder: str) -> set[str]:
        return {file.path.removeprefix(f"{folder}/") for file in client.list_artifacts(run_id, folder)}

    assert logged("explanations") == set(EXPLANATIONS)
    assert logged("explanations/attribute") == {"attribute.json", "lead_importance.csv"}
    assert logged("explanations/prototypes") == {
        "prototypes.h5",
        "prototypes.csv",
        "prototypes.json",
        "silhouettes.csv",
    }
    assert logged("explanations/counterfactuals") == {"counterfactuals.json"}
    report = {"table_3.csv", "table_4.csv", "tables_7_11.csv", "tables_12_13.csv", "discussion.md"}
    assert logged("explanations/report") == report
    figures = [
        PurePosixPath(output).name
        for stage in workspace.stages
        for output in stage.outputs
        if output.endswith(".png")
    ]
    assert len(set(figures)) == len(figures)  # else one would overwrite the other
    assert logged("figures") == set(figures)


def test_other_explanations_make_another_run_beside_the_earlier_one(workspace: Fabricated) -> None:
    first = workspace.project()
    file = workspace.path / "out/rules/rules.json"
    file.write_text(json.dumps({**RULES, "rules": 5}))
    workspace.write_lock()
    second = workspace.project()
    assert second.logged == (workspace.arm,)
    assert [run_of(result, workspace).data.metrics["rules/rules"] for result in (first, second)] == [7, 5]
    assert first.children[workspace.arm] in everything(second)


def test_a_chain_that_is_not_whole_is_replaced_once_it_is(workspace: Fabricated) -> None:
    workspace.write_lock(without=("rules",))
    partial = workspace.project()
    assert explained_by(run_of(partial, workspace)) == {
        "attribute",
        "prototypes",
        "donors",
        "counterfactuals",
    }
    figures = client_of(partial).list_artifacts(partial.children[workspace.arm], "figures")
    assert "figures/query.png" not in {file.path for file in figures}  # the report is of rules, too
    workspace.write_lock()
    whole = workspace.project()
    assert explained_by(run_of(whole, workspace)) == set(EXPLANATIONS) - {"report"}
    children = [key for key, run in everything(whole).items() if "arm" in run["data"]["tags"]]
    assert children == list(whole.children.values())


def test_an_arm_without_explanations_is_whole_and_stays(workspace: Fabricated) -> None:
    asked, chain = workspace.params, workspace.stages
    ask_for(workspace, asked.model_copy(update={"explain": asked.explain.model_copy(update={"arm": None})}))
    without = workspace.project()
    assert not explained_by(run_of(without, workspace))
    workspace.params, workspace.stages = asked, chain
    explained = workspace.project()
    assert explained.logged == (workspace.arm,)
    assert without.children[workspace.arm] in everything(explained)


def test_explanations_of_one_arm_are_not_logged_as_those_of_another(workspace: Fabricated) -> None:
    asked = workspace.params
    arms = {**asked.arms, "other": asked.arms[workspace.arm]}
    explain = asked.explain.model_copy(update={"arm": "other"})
    ask_for(workspace, asked.model_copy(update={"arms": arms, "explain": explain}))
    result = workspace.project()
    assert result.skipped == ("other",)
    assert not explained_by(run_of(result, workspace))


@pytest.mark.parametrize(("rules_were_remade", "expected"), [(False, True), (True, False)])
def test_prototypes_of_earlier_rules_are_left_out(
    workspace: Fabricated, rules_were_remade: bool, expected: bool
) -> None:
    """Also when today's parameters ask for prototypes of signals: what counts is what the stage read."""
    lock = workspace.path / "dvc.lock"
    document = YAML(typ="safe").load(lock)
    path = "out/rules/rules.parquet"
    md5 = "f" * 32 if rules_were_remade else workspace.md5(path)
    document["stages"]["prototypes"]["deps"].append({"path": path, "hash": "md5", "md5": md5})
    YAML().dump(document, lock)
    found = explained_by(run_of(workspace.project(), workspace))
    assert {"attribute", "rules"} <= found
    assert ("prototypes" in found, "counterfactuals" in found) == (expected, expected)
