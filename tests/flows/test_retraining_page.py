"""The page of updates and their table in the terminal, from a fabricated ledger."""

import base64
import io
from pathlib import Path

import pandas as pd
import pytest
from checked_page import Page
from fabricated_updates import ODD_NAME, Came, make_update, make_updates, make_workspace
from PIL import Image
from rich.console import Console

from flows.retrain.figures import drift_tables, quarantined_shares
from flows.retrain.findings import read_findings
from flows.retrain.ledger import begin
from flows.retrain.page import show_updates, write_retraining_page
from flows.retrain.tables import MOST_DRIFTED, drift_table, limits_table, scores_table, updates_table
from flows.workspace import Workspace

HEADINGS = [
    "Summary",
    "Updates",
    "Scores",
    "Drift",
    "Not learnt from",
    "Limits of acceptance",
    "How to read it",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = make_workspace(tmp_path_factory.mktemp("retrained") / "w")
    make_updates(workspace)
    return workspace


@pytest.fixture(scope="module")
def html(place: Workspace) -> str:
    return write_retraining_page(place).read_text()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without figures, for tests of their words: drawing takes most of a page's time."""
    monkeypatch.setattr("flows.retrain.page.retraining_pictures", lambda *_: {})


def test_the_page_holds_every_part_in_order_and_fetches_nothing(html: str, place: Workspace) -> None:
    page = Page(html)
    places = [html.index(f"<h2>{heading}</h2>") for heading in HEADINGS]
    assert places == sorted(places)
    assert sum(tag == "table" for tag, _ in page.tags) == 4
    assert "Simulated records." in page.text
    assert "Update 0007 is unfinished" in page.text
    assert not list(place.path.glob(".retraining*"))


def test_figures_are_png_with_a_text_and_a_banner(html: str) -> None:
    images = [attributes for tag, attributes in Page(html).tags if tag == "img"]
    assert len(images) == 3
    assert "drifted: refused at 0003, noise at 0003" in images[1]["alt"]
    for attributes in images:
        kind, _, content = attributes["src"].partition(";base64,")
        assert kind == "data:image/png"
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            reds = [pixel for _, pixel in image.convert("RGB").getcolors(2**24) or []]
        assert (160, 0, 0) in reds  # the banner's colour, which nothing else has


def test_the_headline_tells_champion_outcomes_and_batches(html: str) -> None:
    text = Page(html).text
    assert "Release 0006 is champion since 2026-03-06 09:30 UTC: accepted as a challenger." in text
    assert "7 updates: 3 accepted, 2 refused, 1 rolled back and 1 not decided yet." in text
    assert "Waiting in inbox/: batch-06." in text
    assert f"Held in held/: 0003-{ODD_NAME}. Look why" in text


def test_each_kind_of_update_is_shown_with_what_it_has(place: Workspace) -> None:
    table = updates_table(read_findings(place.path))
    rows = {row[0]: row[2:] for row in table.rows}
    assert rows == {
        "0001": ("first", "no batch", "", "", "", "accepted", "all limits are kept"),
        "0002": ("update", "batch-01", "986", "14", "none", "accepted", "all limits are kept"),
        "0003": (
            *("update", ODD_NAME, "764", "236", "refused (2), noise (2)", "refused: 0002 stays"),
            "f1_macro_loss of all is -0.030000, and the limit -0.010000",
        ),
        "0004": (
            *("update", "batch-01", "", "", "not screened", "refused: 0002 stays"),
            "batch-01 is the same, byte for byte, as a batch of update 0002",
        ),
        "0005": ("rollback", "no batch", "", "", "", "rolled back to 0001", "it misses MI & HYP"),
        "0006": (
            *("update", "batch-04, batch-05 (held)", "1300", "700", "none", "accepted"),
            "batch-05: 70% of its 1000 records are quarantined (limit 50%)",
        ),
        "0007": ("update", "batch-06", "", "", "not screened", "not decided yet", ""),
    }


def test_scores_are_those_of_the_evidence(place: Workspace) -> None:
    table = scores_table(read_findings(place.path))
    rows = {row[0]: row[1:] for row in table.rows}
    assert sorted(rows) == ["0001", "0002", "0003", "0006"]
    assert rows["0001"] == ("", "0.7000", "", "", "0.7100", "", "", "accepted")
    assert rows["0003"] == (
        *("0.7150", "0.6900", "-0.0250 (-0.0300, -0.0200)"),
        *("0.7120", "0.7000", "-0.0120 (-0.0170, -0.0070)"),
        *("0.6500", "refused"),
    )
    assert table.note.endswith("no challenger was judged: 0004, 0005, 0007.")


def test_drift_is_the_largest_of_devices_and_marked_if_any_drifted(place: Workspace) -> None:
    found = read_findings(place.path)
    psi, drifted = drift_tables(found)
    screened = found[2].screened[0].drift
    assert psi.loc["age", "0003"] == screened.loc[screened["feature"] == "age", "psi"].max()
    assert psi[["0001", "0004", "0005", "0007"]].isna().all(axis=None)
    assert drifted.columns[drifted.any()].tolist() == ["0003"]
    assert drifted.index[drifted["0003"]].tolist() == ["refused", "noise"]


def test_drift_verdicts_are_listed_by_size_and_cut_off(tmp_path: Path, place: Workspace) -> None:
    table = drift_table(read_findings(place.path))
    assert table.rows[0] == ("refused", "CS-12", "0.900", "<0.0001", "0003", ODD_NAME)
    assert len(table.rows) == 4
    assert "are shown" not in table.note
    other = make_workspace(tmp_path / "w")
    many = Came("b", drifted=("NORM", "MI", "STTC", "CD", "HYP", "age", "noise", "amplitude"))
    make_update(other, "update", (many,), "0001", {}, accepted=False)
    table = drift_table(read_findings(other.path))
    assert len(table.rows) == MOST_DRIFTED
    assert table.note.endswith(f"the {MOST_DRIFTED} with the largest index are shown.")


def test_shares_of_the_quarantine_are_of_all_that_came(place: Workspace) -> None:
    shares = quarantined_shares(read_findings(place.path))
    assert shares.loc["0003", "mains hum"] == pytest.approx(0.114)
    assert shares.loc["0006", "flat lead"] == pytest.approx(0.35)  # of two batches
    assert shares.loc["0005"].sum() == 0


def test_the_limits_are_those_of_the_last_challenger(place: Workspace) -> None:
    found = read_findings(place.path)
    table = limits_table(found)
    assert table.title == "Limits of acceptance, update 0006"
    assert table.rows[0] == (
        *("f1_macro_loss", "all", "0.7000", "0.7200", "+0.0200 (0.0150, 0.0250)", "-0.01", "yes"),
    )
    assert table.rows[-1] == ("excluded", "all", "", "0.1000", "", "0.5", "yes")
    assert table.note.endswith("No challenger was judged in update 0007, the last one.")
    refused = limits_table(found[:3])
    assert refused.rows[0][-1] == "no"
    assert "the last one" not in refused.note


def test_names_of_batches_are_escaped(html: str) -> None:
    assert "batch <b>" not in html
    assert html.count("batch &lt;b&gt;&amp;amp; [red]three") == 6  # summary, updates, four verdicts of drift
    assert ODD_NAME in Page(html).text


def test_the_same_ledger_makes_the_same_bytes(place: Workspace, html: str) -> None:
    assert write_retraining_page(place).read_text() == html


def test_a_page_without_updates_says_so(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w", simulated=False)
    html = write_retraining_page(place).read_text()
    page = Page(html)
    assert "There is no update yet" in page.text
    assert "No batch waits in inbox/." in page.text
    assert "Simulated" not in page.text
    assert page.rows == []
    assert "<img" not in html
    console = Console(width=200, record=True)
    show_updates(place, console)
    assert "There is no update yet" in console.export_text()


def test_an_update_that_has_only_begun_has_a_page(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w")
    begin(place.path, "first", (), None, "2026-03-01T08:00:00+00:00")
    page = Page(write_retraining_page(place).read_text())
    assert "There is no champion yet" in page.text
    assert "No challenger has been judged yet" in page.text
    assert "No batch has been compared" in page.text


@pytest.mark.usefixtures("undrawn")
def test_the_champion_is_the_one_that_a_rollback_put_back(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w")
    make_update(place, "first", (), None, {"reference": (None, 0.7)}, accepted=True)
    make_update(place, "update", (Came("b"),), "0001", {"reference": (0.7, 0.72)}, accepted=True)
    text = Page(write_retraining_page(place).read_text()).text
    assert "Release 0002 is champion since 2026-03-02 09:30 UTC" in text
    make_update(place, "rollback", (), "0002", {}, accepted=True, release="0001", reasons=("worse",))
    text = Page(write_retraining_page(place).read_text()).text
    assert "Release 0001 is champion since 2026-03-03 09:30 UTC: put back by update 0003, a rollback." in text
    assert "unfinished" not in text


def test_long_ledgers_are_drawn(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w")
    make_update(place, "first", (), None, {"reference": (None, 0.7)}, accepted=True)
    for number in range(61):
        make_update(place, "update", (Came(f"b{number}"),), "0001", {}, accepted=False, reasons=("no",))
    page = Page(write_retraining_page(place).read_text())
    assert "The last 60 updates." in page.text
    assert len(page.cells("0062")) == 8


def test_the_terminal_shows_all_columns_and_no_markup(place: Workspace) -> None:
    console = Console(width=300, record=True)
    show_updates(place, console)
    shown = console.export_text()
    row = next(line for line in shown.splitlines() if "0003" in line and "refused: 0002" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        *("0003", "update", ODD_NAME, "764 / 236", "0.7150 to 0.6900", "0.7120 to 0.7000", "0.6500"),
        *("refused (2), noise (2)", "refused: 0002 stays"),
        "f1_macro_loss of all is -0.030000, and the limit -0.010000",
    ]
    assert "Release 0006 is champion" in shown
    assert "Simulated records" in shown


def test_a_drift_table_without_a_measured_index_is_read(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "w")
    update = make_update(place, "update", (Came("b"),), "0001", {}, accepted=False)
    (file,) = update.folder.rglob("drift.csv")
    table = pd.read_csv(file)
    table.loc[table["feature"] == "age", "psi"] = None
    table.to_csv(file, index=False)
    psi, _ = drift_tables(read_findings(place.path))
    assert pd.isna(psi.loc["age", update.name])
    assert not pd.isna(psi.loc["MI", update.name])
