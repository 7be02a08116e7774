"""params.yaml: what is wrong is said in one sentence that names the key."""

from pathlib import Path

import pytest
from params_text import set_param
from ruamel.yaml import YAML

from tasks.params.document import Params, read_params
from tasks.params.reading import read_document, read_section
from tasks.params.runner import read_runner
from tasks.params.split import SplitParams
from veribeat.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_knob_is_in_the_file() -> None:
    params = read_params(REPOSITORY / "params.yaml")
    assert params.model_dump(mode="json") == read_document(REPOSITORY / "params.yaml")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("ingest.max_quarantine", 0.1, ["unknown key 'ingest.max_quarantine'"]),
        ("presets.paper.batchsize", 128, ["unknown key 'presets.paper.batchsize'"]),
        ("compute.threads", "two", ["'compute.threads' is 'two'", "integer"]),
        ("runner", "spark", ["'runner' is 'spark'", "'local' or 'dask'"]),
        ("compute.threads", 0, ["'compute.threads' is 0", "greater than or equal to 1"]),
        ("split.drop_unlabelled", "no", ["'split.drop_unlabelled' is 'no'", "boolean"]),
        ("split.validation", [10], ["'split.validation'", "'split.pool'", "fold 10"]),
        ("split.train", [1, 2, 9], ["'split.train'", "'split.validation'", "fold 9"]),
        ("split.query", [7], ["'split.train'", "'split.query'", "fold 7"]),
        ("split.background", [8], ["'split.background'", "'split.query'", "fold 8"]),
        ("split.train", [1, 1], ["split.train", "twice"]),
        ("split.train", [11], ["split.train.0", "11"]),
        ("arms.baseline.backbone", "resnet9000", ["arms.baseline.backbone", "resnet9000", "cnn_gru_flow"]),
        ("arms.baseline.preset", "quick", ["arms.baseline.preset", "quick", "paper"]),
        ("cohort.source", "mimic", ["cohort.source", "mimic"]),
        ("cohort.batches", ["../elsewhere"], ["cohort.batches"]),
        ("arms.baseline.start", "champion", ["'arms.baseline.start'", "'retrain.challenger'"]),
        ("arms.baseline.replay", 0.5, ["arms.baseline", "'replay'"]),
        ("retrain.challenger", "other", ["'retrain.challenger' is 'other'", "baseline, erts"]),
        ("retrain.judge.unseen", [10], ["retrain.judge", "fold 10"]),
        ("retrain.judge.limits.ece", 2.0, ["retrain.judge.limits.ece"]),
        ("retrain.drift.correction", "none", ["retrain.drift.correction"]),
        ("prototypes.most_candidates", 3, ["prototypes.most_candidates"]),
        ("arms", {}, ["arms"]),
        ("explain.arm", "other", ["'explain.arm' is 'other'", "'arms' has baseline, erts"]),
        (
            "explain.witness",
            "other",
            ["'explain.witness' is 'other'", "an arm other than 'explain.arm': erts"],
        ),
        (
            "explain.witness",
            "baseline",
            ["'explain.witness' is 'baseline'", "an arm other than 'explain.arm'"],
        ),
        ("donors.candidates", 8, ["'candidates' (8) must be more than 'records' (8)"]),
        ("counterfactuals.wave_sparse.margin", -1.0, ["counterfactuals.wave_sparse.margin"]),
        (
            "arms.erts.selection",
            "best",
            ["'arms.erts.selection' is 'best'", "'selections' has erts_beat_coherence, erts_physio"],
        ),
        (
            "arms.erts.selection",
            "random",
            ["'arms.erts.selection' is 'random'", "only 'veribeat compare' trains it"],
        ),
        ("presets.short.patience", 3, ["'arms.erts'", "set 'presets.short.patience' to null"]),
        ("selections.full_matched.like", "random", ["'selections.full_matched.like' is 'random'"]),
        ("selections.random.sizes", [5, 5], ["'selections.random'", "either 'like' or 'sizes'"]),
        ("selections.pdd.strategy", "best", ["'selections.pdd'", "best"]),
        ("selections.pdd.quantile", 1.5, ["'selections.pdd.quantile' is 1.5"]),
        ("selections.pdd.threshold", 0.3, ["'selections.pdd'", "either 'threshold' or 'quantile'"]),
        ("selections.pdd.revision", 1.5, ["'selections.pdd.revision'", "nor a share of the run"]),
        ("selections.pdd.cam", "grad_cam", ["unknown key 'selections.pdd.cam'"]),
        ("selections.erts_recommended.harvest", False, ["'selections.erts_recommended'", "'harvest: true'"]),
        ("compare.reference", "best", ["'compare.reference' is 'best'"]),
        ("attribute.method", "lime", ["'attribute.method' is 'lime'", "expected_gradients"]),
        ("attribute.replicates", 7, ["'attribute'", "'replicates' (7) must divide 'draws' (200)"]),
        ("attribute.method", "shap", ["'attribute'", "'method: shap' needs 'sampling: random'"]),
        ("attribute.target_error", 0, ["'attribute.target_error' is 0", "greater than 0"]),
        ("attribute.target_error", 1.0, ["'attribute.target_error' is 1.0", "less than 1"]),
        ("attribute.noise", 0.0, ["'attribute.noise' is 0.0", "greater than 0"]),
        ("rules.percentile", 100, ["'rules.percentile' is 100", "less than 100"]),
        ("rules.perturbation", "gaussian", ["'rules'", "'interval: box' needs 'perturbation: uniform'"]),
        ("prototypes.cluster_on", "leads", ["'prototypes.cluster_on' is 'leads'", "'rules'"]),
        ("prototypes.clusters", [1, 2], ["'prototypes.clusters.0' is 1", "greater than or equal to 2"]),
        ("prototypes.dimensions", [], ["'prototypes.dimensions' is []", "at least 1"]),
        ("counterfactuals.sparse.keep_ratios", [0.5, 0.2, 1.0], ["'counterfactuals.sparse'", "must rise"]),
        ("counterfactuals.sparse.keep_ratios", [0.2, 0.2, 1.0], ["'counterfactuals.sparse'", "must rise"]),
        ("counterfactuals.sparse.keep_ratios", [0.2, 0.5], ["'counterfactuals.sparse'", "end with 1.0"]),
        ("counterfactuals.sparse.r_peak_weight", 0.5, ["'counterfactuals.sparse.r_peak_weight' is 0.5"]),
        ("counterfactuals.quality.margin", 0.3, ["'counterfactuals.quality'", "sum to 1, not to 1.1"]),
        (
            "counterfactuals.noise_levels",
            [0.0],
            ["'counterfactuals.noise_levels.0' is 0.0", "greater than 0"],
        ),
        ("cohort.batches", ["../b"], ["'cohort.batches.0' is '../b'"]),
        ("cohort.batches", ["two words"], ["'cohort.batches.0' is 'two words'"]),
        ("cohort.batches", [".hidden"], ["'cohort.batches.0' is '.hidden'"]),
        ("cohort.batches", [""], ["'cohort.batches.0' is ''"]),
        ("arms.erts.start", "release", ["'arms.erts.start' is 'release'", "'scratch' or 'champion'"]),
        ("arms.erts.replay", 1.5, ["'arms.erts.replay' is 1.5", "less than or equal to 1"]),
        ("arms.erts.replay", 0.5, ["'arms.erts'", "from scratch it must be 1.0"]),
        ("arms.baseline.start", "champion", ["'arms.baseline.start' is champion", "'retrain.challenger'"]),
        ("prototypes.most_candidates", 0, ["'prototypes.most_candidates' is 0"]),
        ("retrain.batches", 0, ["'retrain.batches' is 0", "greater than or equal to 1"]),
        ("retrain.champion", 3, ["'retrain.champion' is 3", "string"]),
        ("retrain.most_quarantined", 1.1, ["'retrain.most_quarantined' is 1.1"]),
        ("retrain.drift.reference_records", 499, ["'retrain.drift.reference_records' is 499"]),
        ("retrain.drift.psi_limit", float("inf"), ["'retrain.drift.psi_limit' is inf", "finite"]),
        ("retrain.drift.psi_limit", -0.1, ["'retrain.drift.psi_limit' is -0.1"]),
        ("retrain.drift.alpha", 0.0, ["'retrain.drift.alpha' is 0.0", "greater than 0"]),
        ("retrain.drift.alpha", 1.0, ["'retrain.drift.alpha' is 1.0", "less than 1"]),
        ("retrain.drift.correction", "none", ["'retrain.drift.correction' is 'none'", "'holm'"]),
        ("retrain.drift.smallest_group", 19, ["'retrain.drift.smallest_group' is 19"]),
        ("retrain.drift.seed", -1, ["'retrain.drift.seed' is -1"]),
        ("retrain.judge.reference", [], ["'retrain.judge.reference' is []"]),
        ("retrain.judge.unseen", [10], ["'retrain.judge'", "both hold fold 10", "disjoint"]),
        ("retrain.judge.explained", 0, ["'retrain.judge.explained' is 0"]),
        ("retrain.judge.bootstrap.level", 1.0, ["'retrain.judge.bootstrap.level' is 1.0"]),
        *(
            (f"retrain.judge.limits.{limit}", value, [f"'retrain.judge.limits.{limit}' is {value}"])
            for limit in (
                "f1_macro_loss",
                "auroc_macro_loss",
                "f1_superclass_loss",
                "auroc_subgroup_loss",
                "ece",
                "counterfactual_validity",
                "excluded",
            )
            for value in (-0.1, 1.1)
        ),
        ("retrain.judge.limits.accuracy_loss", 0.1, ["unknown key 'retrain.judge.limits.accuracy_loss'"]),
        ("report.target", "none", ["'report.target' is 'none'", "'HYP'"]),
        ("report.query", 0, ["'report.query' is 0", "greater than or equal to 1"]),
    ],
)
def test_a_mistake_names_its_key(params_file: Path, key: str, value: object, words: list[str]) -> None:
    set_param(params_file, key, value)
    with pytest.raises(InputError) as error:
        read_params(params_file)
    sentence = str(error.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_the_runner_is_read_alone(params_file: Path) -> None:
    assert read_runner(params_file) == "local"
    set_param(params_file, "runner", "dask")
    set_param(params_file, "compute.threads", "two")  # not its business
    assert read_runner(params_file) == "dask"
    set_param(params_file, "runner", "spark")
    with pytest.raises(InputError, match=r"'runner' is 'spark', but it should be 'local' or 'dask'"):
        read_runner(params_file)
    params_file.write_text("compute: {threads: 1}\n")  # as before there was a choice
    assert read_runner(params_file) == "local"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "shap", "sampling": "antithetic"}, "'method: shap' needs 'sampling: random'"),
        (
            {"sampling": "antithetic", "draws": 50},
            "'sampling: antithetic' needs an even number of draws per replicate: 'draws' over 'replicates' is 5",
        ),
        ({"target_error": 0.2, "replicates": 2}, "'target_error' needs 4 'replicates' or more, not 2"),
        (
            {"target_error": 0.2, "method": "shap", "sampling": "random"},
            "'target_error' must be null with 'method: shap'",
        ),
        (
            {"target_error": 0.2, "method": "integrated_gradients"},
            "'target_error' must be null with 'method: integrated_gradients'",
        ),
        ({"target_error": 0.2, "method": "grad_cam"}, "'target_error' must be null with 'method: grad_cam'"),
    ],
)
def test_parameters_of_attributions_that_do_not_fit_are_refused(
    params_file: Path, values: dict[str, object], words: str
) -> None:
    for key, value in values.items():
        set_param(params_file, f"attribute.{key}", value)
    with pytest.raises(InputError) as error:
        read_params(params_file)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["expected_gradients", "smooth_grad"])
def test_draws_may_stop_at_an_error_where_they_are_added_by_replicate(params_file: Path, method: str) -> None:
    set_param(params_file, "attribute.target_error", 0.2)
    set_param(params_file, "attribute.method", method)
    settings = read_params(params_file).attribute.settings()
    assert (settings.method, settings.target_error) == (method, 0.2)


def test_a_hull_may_be_of_gaussian_noise_and_no_arm_need_be_explained(params_file: Path) -> None:
    set_param(params_file, "rules.interval", "hull")
    set_param(params_file, "rules.perturbation", "gaussian")
    set_param(params_file, "explain.arm", None)
    params = read_params(params_file)
    assert (params.rules.perturbation, params.explain.arm) == ("gaussian", None)


def test_a_missing_key_is_named(params_file: Path) -> None:
    yaml = YAML(typ="safe")
    document = yaml.load(params_file)
    del document["split"]["pool"]
    yaml.dump(document, params_file)
    with pytest.raises(InputError, match=r"'split\.pool' is missing"):
        read_params(params_file)
    with pytest.raises(InputError, match=r"'split\.pool' is missing"):
        read_section(SplitParams, "split", path=params_file)


def test_a_missing_section_is_named(params_file: Path) -> None:
    with pytest.raises(InputError, match=r"'arms\.other' is missing"):
        read_section(SplitParams, "arms", "other", path=params_file)


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "- 1\n", "\ta: 1"])
def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_params(file)
    assert "\n" not in str(error.value)


def test_params_are_immutable() -> None:
    params: Params = read_params(REPOSITORY / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.compute.threads = 3
