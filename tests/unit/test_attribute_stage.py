"""The stage attribute by every method: what it writes, whatever the number of workers and after a kill."""

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from explained_chain import contents
from explained_cohort import make_sources

from flows.code_dependencies import CODE_ROOT
from models.attribution import attribute_record, without_shap
from models.runtime import make_deterministic
from tasks import attribute, many_items, report
from tasks.explained import Explained
from tasks.many_items import Results
from tasks.params.attribute import AttributeParams
from tasks.params.document import read_params
from tasks.workers import WORKERS
from veribeat.attribution.base import make_background
from veribeat.conventions import SUPERCLASSES

SMALL = {"draws": 24, "replicates": 6}

ASKED = {
    "expected_gradients": {},
    "antithetic": {"sampling": "antithetic"},
    "adaptive": {"target_error": 0.35},
    "shap": {"method": "shap", "sampling": "random", "draws": 4, "replicates": 2},
    "integrated_gradients": {"method": "integrated_gradients"},
    "smooth_grad": {"method": "smooth_grad"},
    "adaptive_smooth_grad": {"method": "smooth_grad", "target_error": 0.35},
    "grad_cam": {"method": "grad_cam"},
}

WITHOUT_ERROR = ("integrated_gradients", "grad_cam")
WITHOUT_BASELINE = ("smooth_grad", "adaptive_smooth_grad", "grad_cam")
ADAPTIVE = ("adaptive", "adaptive_smooth_grad")


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Explained:
    return Explained.load(make_sources(tmp_path_factory.mktemp("arm")))


def params_of(name: str) -> AttributeParams:
    usual = read_params(CODE_ROOT / "params.yaml").attribute
    return AttributeParams.model_validate({**usual.model_dump(), **SMALL, **ASKED[name]})


@pytest.fixture(scope="module", params=ASKED)
def written(
    request: pytest.FixtureRequest, explained: Explained, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """The name of what was asked for, and a folder with the outputs of one worker, `out`, and its results, `resume`."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "out").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKERS, "1")
        attribute.attribute(folder / "out", explained, params_of(request.param), folder / "resume")
    return request.param, folder


def test_what_is_undefined_is_nan_in_the_index_and_null_in_the_metrics(written: tuple[str, Path]) -> None:
    name, folder = written
    index = pd.read_parquet(folder / "out" / "attributions.parquet")
    metrics = json.loads((folder / "out" / "attribute.json").read_text())
    assert list(index) == [
        "ecg_id",
        "superclass",
        "logit",
        "baseline_logit",
        "monte_carlo_error",
        "draws",
    ]
    assert len(index) == metrics["rows"] > 0
    assert index["logit"].notna().all()
    assert index["monte_carlo_error"].isna().all() == (name in WITHOUT_ERROR)
    assert index["monte_carlo_error"].isna().any() == (name in WITHOUT_ERROR)
    assert index["baseline_logit"].isna().all() == (name in WITHOUT_BASELINE)
    for key in ("median_monte_carlo_error", "largest_monte_carlo_error"):
        assert (metrics[key] is None) == (name in WITHOUT_ERROR)
    assert (metrics["median_completeness_gap"] is None) == (name in WITHOUT_BASELINE)
    with h5py.File(folder / "out" / "attributions.h5") as file:
        values = file["values"][:]
        unit = file["values"].attrs["unit"]
    assert np.isfinite(values).all()
    # A map of Grad-CAM may be 0 throughout: no value of it is negative.
    assert values.any(axis=(1, 2)).all() or name == "grad_cam"
    assert unit.startswith("contribution to the logit") == (name not in WITHOUT_BASELINE)


def test_the_draws_that_were_made_are_in_the_index(written: tuple[str, Path]) -> None:
    name, folder = written
    params = params_of(name)
    index = pd.read_parquet(folder / "out" / "attributions.parquet")
    metrics = json.loads((folder / "out" / "attribute.json").read_text())
    assert metrics["median_draws"] == index["draws"].median()
    if name not in ADAPTIVE:
        assert set(index["draws"]) == {1 if name == "grad_cam" else params.draws}
        return
    assert params.target_error is not None
    assert len(set(index["draws"])) > 1
    assert (index["draws"] % (params.draws // params.replicates) == 0).all()
    assert index["draws"].min() >= 4 * params.draws // params.replicates
    assert (index.groupby("ecg_id")["draws"].nunique() == 1).all()
    stopped = index["draws"] < params.draws
    assert (index.loc[stopped, "monte_carlo_error"] <= params.target_error).all()


def test_a_row_is_what_the_method_says_of_its_record(written: tuple[str, Path], explained: Explained) -> None:
    name, folder = written
    params = params_of(name)
    make_deterministic(threads=1)
    index = pd.read_parquet(folder / "out" / "attributions.parquet")
    last = index[index["ecg_id"] == index["ecg_id"].iloc[-1]]
    ecg_id = int(last["ecg_id"].iloc[0])
    (signal,) = explained.signals_mv(np.flatnonzero(explained.records["ecg_id"] == ecg_id))
    model, seed = explained.classifier.backbone, (params.seed, ecg_id)
    signals = explained.signals_mv(explained.rows("background"))
    needed = params.settings().background_logits_needed(len(signals), seed)
    background = make_background(model, signals, 4, needed)
    classes = [SUPERCLASSES.index(name) for name in last["superclass"]]
    alone = attribute_record(model, signal, background, classes, params.settings(), seed)
    with h5py.File(folder / "out" / "attributions.h5") as file:
        np.testing.assert_array_equal(file["values"][-len(last) :], alone.values)
    np.testing.assert_allclose(last["baseline_logit"], alone.baseline_logits, rtol=1e-5, atol=1e-6)
    assert alone.draws == last["draws"].iloc[0]


# Others are as one of these, or as expected gradients in test_explanation_resume.py.
@pytest.mark.parametrize("written", ["adaptive", "grad_cam"], indirect=True)
def test_workers_and_a_kill_change_no_byte(
    written: tuple[str, Path], explained: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, folder = written
    monkeypatch.setenv(WORKERS, "2")
    monkeypatch.setattr(many_items, "FEWEST_PER_WORKER", 1)
    rows = Results(folder / "resume", [1] * len(_index(folder)), attribute.ROW)._rows
    (tmp_path / "resume").write_bytes(rows.tobytes())
    kept = Results(tmp_path / "resume", [1] * len(rows), attribute.ROW)._rows
    kept[: len(kept) // 2] = np.zeros((), kept.dtype)
    (tmp_path / "out").mkdir()
    attribute.attribute(tmp_path / "out", explained, params_of(name), tmp_path / "resume")
    assert contents(tmp_path / "out") == contents(folder / "out")


def _index(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "out" / "attributions.parquet")


def test_the_figure_of_a_query_shows_the_method_that_is_asked_for(explained: Explained) -> None:
    (signal,) = explained.signals_mv(explained.rows("query")[:1])
    asked = {name: params_of(name) for name in ASKED}
    for name in ADAPTIVE:
        asked[name] = asked[name].model_copy(update={"target_error": 0.99})  # so that draws stop
    found = {name: report._attribution(explained, signal, "MI", of, 7) for name, of in asked.items()}
    assert all(values.shape == (1000, 12) for values in found.values())
    for name, values in found.items():
        same = {other for other in found if np.array_equal(found[other], values)}
        assert same == {name}
    own = without_shap(params_of("shap").settings())
    assert (own.method, own.sampling) == ("expected_gradients", "random")
    assert without_shap(params_of("grad_cam").settings()) == params_of("grad_cam").settings()
