"""Model card, change record and outline of Annex IV, from fabricated releases."""

import json
import re
import shutil
from pathlib import Path

import pytest
from cited_markdown import Document, cells, field
from fabricated_releases import ODD, Kind, edit_params, write_evidence, write_json

from flows.release.documents.quoting import Markdown, escaped
from flows.release.documents.writing import DOCUMENTS, write_documents
from veribeat.errors import InputError

KINDS: tuple[Kind, ...] = ("first", "update", "by hand")
POINTS = [*(f"1({letter})" for letter in "abcdefgh"), *(f"2({letter})" for letter in "abcdefgh")]

NAMES = re.compile(
    r"\(2019\)|December 2024|2024/1689|SHA-256|[Mm]acro-F1|f1_\w+|\(from 0\)"
    r"|Article \d+|\b[12]\([a-h]\)|\b[23]\.[1-5]\b"
)
"""What has digits and is no figure."""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    folder = tmp_path_factory.mktemp("releases")
    found: dict[Kind, Path] = {kind: folder / kind.replace(" ", "-") for kind in KINDS}
    for kind, release in found.items():
        write_evidence(release, kind)
        write_documents(release)
    return found


@pytest.fixture
def update(releases: dict[Kind, Path], tmp_path: Path) -> Path:
    return shutil.copytree(releases["update"], tmp_path / "update")


@pytest.fixture(params=[(kind, name) for kind in KINDS for name in DOCUMENTS], ids=" ".join)
def document(request: pytest.FixtureRequest, releases: dict[Kind, Path]) -> Document:
    kind, name = request.param
    return Document(releases[kind] / name)


def test_every_link_leads_to_a_file_of_the_folder(document: Document) -> None:
    assert len(document.links) > 10
    for link in document.links:
        assert link.is_file(), link
        assert link.resolve().is_relative_to(document.folder.resolve())


def test_every_quoted_value_is_that_of_its_field(document: Document) -> None:
    assert len(document.facts) > 10
    for quote in document.facts:
        assert quote.found == field(quote), quote
    for quote in document.tables:
        assert sorted(quote.found) == sorted(cells(quote)), quote


def test_no_figure_stands_without_its_source(document: Document) -> None:
    lines = [re.sub(r"^#+ [\d.]*", "", line) for line in document.uncited.splitlines()[1:]]
    assert not [line for line in lines if re.search(r"\d", NAMES.sub("", line))]
    assert document.text.count("**") - 2 * document.text.count("**What does not apply.**") == 2 * len(
        document.facts
    )


def test_documents_follow_the_files(update: Path) -> None:
    metrics = json.loads((update / "metrics.json").read_text())
    metrics["test"]["calibrated"]["f1_macro"] = 0.123456
    write_json(update / "metrics.json", metrics)
    write_documents(update)
    fact = "**0.123456** ([metrics.json](metrics.json): test.calibrated.f1_macro)"
    assert fact in (update / "model_card.md").read_text()
    assert fact in (update / "annex_iv.md").read_text()


def test_the_same_files_give_the_same_documents(update: Path) -> None:
    before = [(update / name).read_bytes() for name in DOCUMENTS]
    write_documents(update)
    assert [(update / name).read_bytes() for name in DOCUMENTS] == before


def test_the_model_card_has_the_sections_of_mitchell_et_al(releases: dict[Kind, Path]) -> None:
    for release in releases.values():
        headings = re.findall(r"^## (.+)$", (release / "model_card.md").read_text(), re.MULTILINE)
        assert headings == [
            "Model details",
            "Intended use",
            "Factors",
            "Metrics",
            "Evaluation data",
            "Training data",
            "Quantitative analyses",
            "Explanation quality",
            "What the selection left out",
            "Ethical considerations",
            "Caveats and recommendations",
        ]
        assert "not a medical device" in Document(release / "model_card.md").section("Intended use")


def test_the_model_card_tells_what_the_selection_excluded(releases: dict[Kind, Path]) -> None:
    section = Document(releases["update"] / "model_card.md").section("What the selection left out")
    assert "- Excluded: **2** ([selection_log.csv](selection_log.csv): rows where" in section
    assert "- Excluded that show NORM: **1** ([records.csv](records.csv)" in section
    assert "- Excluded that show MI: **0** ([records.csv](records.csv)" in section
    assert "| 3 | filtered | 3 | 6 | 3 | 3 | 2 | 1 | 0 | 0 | 0 |" in section
    section = Document(releases["first"] / "model_card.md").section("What the selection left out")
    assert section.startswith("\nEvery epoch was trained on every training record")


def test_what_a_release_has_not_is_said(releases: dict[Kind, Path], update: Path) -> None:
    section = Document(releases["by hand"] / "model_card.md").section("Explanation quality")
    assert "No prototypes and no donors" in section
    assert "was not measured" in section
    (update / "records.csv").unlink()
    write_documents(update)
    assert "that show" not in (update / "model_card.md").read_text()


def test_the_change_record_of_an_update_is_complete(releases: dict[Kind, Path]) -> None:
    document = Document(releases["update"] / "change_record.md")
    assert "does not apply" not in document.text
    assert "Not applicable" not in document.text
    assert "| batch-05 | 70% of its 10 records are quarantined |" in document.text
    assert "accepted **8** ([screening/" in document.text
    assert "| noise | CS\\|12 | 0.91 | 1e-07 |" in document.text
    assert "Limits kept: **5** ([acceptance.csv]" in document.text


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("first", "This is the first release"), ("by hand", "This release was made by hand")],
)
def test_the_change_record_says_what_does_not_apply_and_why(
    releases: dict[Kind, Path], kind: Kind, expected: str
) -> None:
    document = Document(releases[kind] / "change_record.md")
    assert f"**What does not apply.** {expected}" in document.text
    for heading in (
        "1. Description of modifications",
        "3.1 This version and the one before",
        "3.5 All modifications together",
    ):
        assert document.section(heading).startswith("\nNot applicable: "), heading
    assert "No batch was screened for this release." in document.section("2.1 Data management")
    judged = "What was found:" in document.section("2.3 Performance evaluation")
    assert judged == (kind == "first")


def test_the_change_record_has_the_parts_of_a_plan(releases: dict[Kind, Path]) -> None:
    for release in releases.values():
        text = (release / "change_record.md").read_text()
        assert re.findall(r"^### (2\.\d .+)$", text, re.MULTILINE) == [
            "2.1 Data management",
            "2.2 Re-training",
            "2.3 Performance evaluation",
            "2.4 Update procedures",
        ]
        assert re.findall(r"^## (\d\. .+)$", text, re.MULTILINE) == [
            "1. Description of modifications",
            "2. Modification protocol",
            "3. Impact assessment",
        ]


def test_every_point_of_annex_iv_is_evidence_or_not_from_this_software(releases: dict[Kind, Path]) -> None:
    for release in releases.values():
        text = (release / "annex_iv.md").read_text()
        assert re.findall(r"^### (\d\([a-z]\)) ", text, re.MULTILINE) == POINTS
        assert re.findall(r"^## (\d)\. ", text, re.MULTILINE) == list("123456789")
        _, *parts = re.split(r"^#+ ", text, flags=re.MULTILINE)
        points = [part for part in parts[1:] if not re.match(r"[12]\. ", part)]
        assert len(points) == len(POINTS) + 7
        for point in points:
            paragraphs = point.strip().split("\n\n")[1:]
            assert paragraphs
            for paragraph in paragraphs:
                assert paragraph.startswith(("Evidence for: ", "Not from this software: ")), point
                assert paragraph.endswith(".")


def test_no_document_states_compliance(releases: dict[Kind, Path]) -> None:
    for release in releases.values():
        for name in DOCUMENTS:
            text = (release / name).read_text()
            sentences = [part for part in re.split(r"(?<=\.)\s", text) if "complian" in part.lower()]
            only = "This is evidence for such documentation, not a statement of compliance."
            assert sentences == ([only] if name == "annex_iv.md" else [])


def test_simulated_records_are_said_to_be(releases: dict[Kind, Path], tmp_path: Path) -> None:
    write_evidence(tmp_path / "simulated", "first", simulated=True)
    write_documents(tmp_path / "simulated")
    for name in DOCUMENTS:
        assert "**Simulated records.**" in (tmp_path / "simulated" / name).read_text()
        assert "Simulated" not in (releases["first"] / name).read_text()


def test_names_are_no_markup(releases: dict[Kind, Path]) -> None:
    for name in DOCUMENTS:
        text = (releases["update"] / name).read_text()
        assert ODD not in text
        assert "<b>" not in re.sub(r"\\<", "", text)
    assert escaped("a|b\n[c](d) *e* f_g _h_ & <i>") == r"a\|b \[c\](d) \*e\* f_g \_h\_ \& \<i\>"
    assert escaped(Markdown("**a**")) == "**a**"


def test_a_limit_that_is_left_out_is_none(update: Path) -> None:
    edit_params(update, retrain__judge__limits__ece=None)
    write_documents(update)
    assert "| ece | none |" in (update / "change_record.md").read_text()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", "{", "metrics.json is damaged (Expecting property name"),
        ("metrics.json", "{}", "metrics.json has no test: restore the release from a backup."),
        ("intervals.csv", "", "intervals.csv is damaged (No columns to parse from file)"),
        ("subgroups.csv", "attribute\nsex\n", "subgroups.csv has no column group"),
        ("selection_log.csv", "ecg_id\n1\n", "selection_log.csv has no column dropped"),
    ],
)
def test_damaged_files_are_named(update: Path, name: str, content: str, message: str) -> None:
    (update / name).write_text(content)
    for document in DOCUMENTS:
        (update / document).unlink()
    with pytest.raises(InputError, match=re.escape(message)):
        write_documents(update)
    assert not [document for document in DOCUMENTS if (update / document).exists()]


def test_missing_files_are_named(update: Path) -> None:
    (update / "classifier.json").unlink()
    with pytest.raises(InputError, match=r"update has no classifier\.json"):
        write_documents(update)
