"""The registry, and dvc.yaml generated from it."""

from pathlib import Path

import pytest
from named_stages import stage_named
from ruamel.yaml import YAML

from flows.code_dependencies import CODE_ROOT, code_files
from flows.dvc_file import render
from flows.tracking.files import EXPLANATIONS
from flows.workspace import Workspace
from models.backbones.registry import NAMES, build_backbone
from tasks.params.delineate import DelineateParams
from tasks.params.document import Params, read_params
from tasks.stage_description import Stage
from tasks.stages import stages


@pytest.fixture(scope="module")
def params() -> Params:
    return read_params(CODE_ROOT / "params.yaml")


def test_the_committed_dvc_yaml_is_the_generated_one() -> None:
    assert Workspace(CODE_ROOT).dvc_yaml_is_current(), "run 'veribeat dvc-yaml'"


def test_every_input_is_written_by_an_earlier_stage(params: Params) -> None:
    written: set[str] = set()
    for stage in stages(params):
        assert set(stage.inputs) <= written, stage.name
        assert not set(stage.outputs) & written, stage.name
        written |= set(stage.outputs)


def test_no_stage_depends_on_who_works(params: Params) -> None:
    """Which is why stages read `runner` without declaring it: another one must rerun nothing."""
    other = params.model_copy(update={"runner": "dask", "delineate": DelineateParams(always=True)})
    assert "delineate" in [stage.name for stage in stages(other)]
    assert not any("runner" in key for stage in stages(other) for key in stage.params)
    assert render(stages(params.model_copy(update={"runner": "dask"})), "") == render(stages(params), "")


def test_a_real_cohort_replaces_the_simulated_one(params: Params) -> None:
    real = params.model_copy(update={"cohort": params.cohort.model_copy(update={"source": "ptbxl"})})
    assert [stage.name for stage in stages(real)] == [stage.name for stage in stages(params)][1:]
    assert stage_named(real, "ingest").command == "python -m tasks.ingest cohort"
    assert "cohort/records100" in stage_named(real, "ingest").inputs


def _asking(params: Params, section: str, **values: object) -> Params:
    changed = getattr(params, section).model_copy(update=values)
    return params.model_copy(update={section: changed})


def test_the_chain_explains_one_arm_or_none(params: Params) -> None:
    names = [stage.name for stage in stages(_asking(params, "explain", arm=None))]
    explained = _asking(params, "explain", arm="baseline")
    assert [stage.name for stage in stages(explained)] == [*names, *EXPLANATIONS]
    for name in EXPLANATIONS:
        stage = stage_named(explained, name)
        assert stage.command.split()[:4] == ["python", "-m", f"tasks.{name}", "baseline"]
        assert {"out/train-baseline/model.pt", "out/calibrate-baseline/classifier.json"} <= set(stage.inputs)


def test_rules_are_an_input_of_prototypes_only_where_these_are_of_rules(params: Params) -> None:
    of_rules, of_signals = (
        stage_named(_asking(params, "prototypes", cluster_on=kind), "prototypes")
        for kind in ("rules", "signal")
    )
    assert set(of_rules.inputs) - set(of_signals.inputs) == {"out/rules/rules.parquet"}
    assert set(of_signals.inputs) < set(of_rules.inputs)


def test_every_artifact_metric_and_plot_of_dvc_yaml_is_an_output(params: Params) -> None:
    asked = _asking(params, "explain", arm="baseline")
    document = YAML(typ="safe").load(render(stages(asked), ""))
    outputs = {path for stage in document["stages"].values() for path in stage["outs"]}
    artifact = document["artifacts"]["prototypes-baseline"]
    assert artifact["path"] == "out/prototypes/prototypes.h5"
    assert {artifact["path"] for artifact in document["artifacts"].values()} <= outputs
    assert {path for plot in document["plots"] for path in plot} <= outputs
    assert set(document["metrics"]) <= outputs
    for name in ("attribute", "rules", "prototypes", "donors", "counterfactuals"):
        assert f"out/{name}/{name}.json" in document["metrics"]
    assert "artifacts" not in YAML(typ="safe").load(render(stages(_asking(params, "explain", arm=None)), ""))


def test_code_dependencies_follow_imports_and_package_inits(params: Params) -> None:
    files = code_files(stage_named(params, "train-baseline"))
    for file in ("tasks/train.py", "models/training.py", "models/__init__.py", "veribeat/conventions.py"):
        assert file in files
    assert "constraints.txt" in files
    assert all((CODE_ROOT / file).is_file() for file in files)


def test_a_stage_does_not_depend_on_the_registry_or_on_other_stages(params: Params) -> None:
    modules = {stage.module.replace(".", "/") + ".py" for stage in stages(params)}
    for stage in stages(params):
        files = set(code_files(stage))
        assert "tasks/stages.py" not in files
        assert files & modules == {stage.module.replace(".", "/") + ".py"}
        assert not any(Path(file).parts[0] == "flows" for file in files)


def test_only_the_chosen_backbone_is_a_dependency(params: Params) -> None:
    train = stage_named(params, "train-baseline")
    chosen = "models/backbones/cnn_gru_flow.py"
    assert chosen in code_files(train)
    without = Stage(train.name, train.module, train.inputs, train.params, train.files, chosen=())
    assert chosen not in code_files(without)
    assert "models/backbones/registry.py" not in code_files(train)


def test_an_arm_depends_on_its_own_selection_alone(params: Params) -> None:
    strategies = "models/selection/strategies"
    plain, erts = (code_files(stage_named(params, f"train-{arm}")) for arm in ("baseline", "erts"))
    assert f"{strategies}/full.py" in plain
    assert not {f"{strategies}/erts.py", f"{strategies}/pdd.py"} & set(plain)
    assert {f"{strategies}/erts.py", f"{strategies}/pdd.py"} <= set(erts)
    assert f"{strategies}/infobatch.py" not in erts
    assert not any("delineation" in file or "kurtosis" in file for file in (*plain, *erts))
    assert "selections.erts_recommended" in stage_named(params, "train-erts").params


def test_records_are_delineated_only_where_it_is_used(params: Params) -> None:
    def names(changed: Params) -> list[str]:
        return [stage.name for stage in stages(changed)]

    assert "delineate" not in names(params)
    assert "delineate" in names(_asking(params, "delineate", always=True))
    own = params.selections["erts_recommended"]
    by_waves = own.model_copy(update={"root": own.root.model_copy(update={"focus": "physio"})})
    selections = {**params.selections, "erts_recommended": by_waves}
    asked = params.model_copy(update={"selections": selections})
    assert "out/delineate/windows.npy" in stage_named(asked, "train-erts").inputs
    assert "out/delineate/windows.npy" not in stage_named(asked, "train-baseline").inputs


@pytest.fixture(scope="module")
def updated(params: Params) -> Params:
    """Of a workspace for updates that has no champion yet."""
    return _updated(params, None)


def _updated(params: Params, champion: str | None, **challenger: object) -> Params:
    arms = {
        **params.arms,
        "challenger": params.arms["erts"].model_copy(update={"start": "champion", **challenger}),
    }
    first = champion is None
    changed = _asking(params.model_copy(update={"arms": arms}), "retrain", challenger="challenger")
    changed = _asking(changed, "retrain", champion=champion)
    changed = _asking(changed, "explain", arm="baseline" if first else "challenger", witness=None)
    return Params.model_validate(changed.model_dump())


def test_without_a_champion_the_challenger_has_no_stages(updated: Params) -> None:
    names = [stage.name for stage in stages(updated)]
    assert not [name for name in names if name.endswith("-challenger")]
    assert names[-1] == "challenge"
    judged = stage_named(updated, "challenge")
    assert judged.command == "python -m tasks.challenge baseline"
    assert not [path for stage in stages(updated) for path in stage.inputs if path.startswith("releases")]


def test_a_challenger_begins_with_the_champion_and_is_judged_against_it(params: Params) -> None:
    changed = _updated(params, "0007")
    train, judged = stage_named(changed, "train-challenger"), stage_named(changed, "challenge")
    assert train.command == "python -m tasks.train challenger releases/0007"
    assert judged.command == "python -m tasks.challenge challenger releases/0007"
    for stage, files in (
        (train, {"model.pt", "learnt.csv"}),
        (judged, {"model.pt", "classifier.json", "learnt.csv"}),
    ):
        found = {path for path in stage.inputs if path.startswith("releases")}
        assert found == {f"releases/0007/{file}" for file in files}
    others = [stage for stage in stages(changed) if stage.name not in ("train-challenger", "challenge")]
    assert not [path for stage in others for path in stage.inputs if path.startswith("releases")]
    assert {"out/train-challenger/model.pt", "out/calibrate-challenger/classifier.json"} <= set(judged.inputs)


def test_a_challenger_from_scratch_is_only_judged_against_the_champion(params: Params) -> None:
    changed = _updated(params, "0007", start="scratch")
    assert stage_named(changed, "train-challenger").command == "python -m tasks.train challenger"
    assert not [
        path for path in stage_named(changed, "train-challenger").inputs if path.startswith("releases")
    ]
    assert "releases/0007/model.pt" in stage_named(changed, "challenge").inputs


def test_what_a_stage_of_an_update_reads_is_written_before_or_is_of_the_release(params: Params) -> None:
    for champion in (None, "0001"):
        written: set[str] = set()
        for stage in stages(_asking(_updated(params, champion), "cohort", batches=["0002-b"])):
            given = {path for path in stage.inputs if path.startswith(("releases/", "batches/"))}
            assert set(stage.inputs) - given <= written, stage.name
            written |= set(stage.outputs)


def test_batches_are_inputs_of_ingest_and_of_nothing_else(params: Params) -> None:
    grown = _asking(params, "cohort", batches=["0002-b", "0003-a"])
    before = {stage.name: stage for stage in stages(params)}
    for stage in stages(grown):
        if stage.name != "ingest":
            assert stage == before[stage.name]
    ingest = stage_named(grown, "ingest")
    assert ingest.command == "python -m tasks.ingest out/simulate batches/0002-b batches/0003-a"
    assert set(ingest.inputs) - set(before["ingest"].inputs) == {
        f"batches/{name}/{file}"
        for name in ("0002-b", "0003-a")
        for file in ("records100", "ptbxl_database.csv")
    }
    assert ingest.outputs == before["ingest"].outputs


def test_the_workspace_of_the_repository_is_not_for_updates(params: Params) -> None:
    """Its pipeline is the same whatever `retrain` says, as long as that names no challenger."""
    assert params.judged is None
    others = _asking(params, "retrain", batches=None, most_quarantined=0.1)
    assert stages(others) == stages(params)
    assert "challenge" not in [stage.name for stage in stages(params)]


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_maps_a_name_to_the_module_of_that_name(name: str) -> None:
    """Stages do not depend on the registry's text, so it must not be free to choose."""
    assert type(build_backbone(name)).__module__ == f"models.backbones.{name}"


def _for_updates(params: Params, champion: str | None) -> Params:
    challenger = params.arms["baseline"].model_copy(update={"start": "champion"})
    arm = "baseline" if champion is None else "challenger"
    params = params.model_copy(update={"arms": {**params.arms, "challenger": challenger}})
    params = _asking(params, "retrain", challenger="challenger", champion=champion)
    return _asking(params, "explain", arm=arm, witness=None)


def test_a_challenger_has_no_stage_before_there_is_a_champion(params: Params) -> None:
    names = [stage.name for stage in stages(_for_updates(params, None))]
    assert "train-challenger" not in names
    assert names[-1] == "challenge"
    assert (
        stage_named(_for_updates(params, None), "challenge").command == "python -m tasks.challenge baseline"
    )


def test_a_challenger_depends_on_the_champion(params: Params) -> None:
    asked = _for_updates(params, "0003")
    train, challenge = stage_named(asked, "train-challenger"), stage_named(asked, "challenge")
    assert train.command == "python -m tasks.train challenger releases/0003"
    assert {"releases/0003/model.pt", "releases/0003/learnt.csv"} <= set(train.inputs)
    assert challenge.command == "python -m tasks.challenge challenger releases/0003"
    assert {"releases/0003/classifier.json", "out/train-challenger/model.pt"} <= set(challenge.inputs)
    assert not any("releases" in path for path in stage_named(asked, "train-baseline").inputs)


def test_batches_are_inputs_of_ingest_alone(params: Params) -> None:
    asked = _asking(params, "cohort", batches=["0002-one", "0003-two"])
    ingest = stage_named(asked, "ingest")
    assert ingest.command.endswith(" batches/0002-one batches/0003-two")
    assert "batches/0003-two/records100" in ingest.inputs
    assert [stage.name for stage in stages(asked) if any("batches/" in path for path in stage.inputs)] == [
        "ingest"
    ]
