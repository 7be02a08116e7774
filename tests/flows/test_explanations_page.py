"""The section of a page on what explains an arm's predictions."""

import shutil
import subprocess
import sys

from checked_page import Page
from fabricated import CODE
from ruamel.yaml import YAML

from flows.report.explanations import explanation_parts
from flows.report.page import read_content, write_report
from flows.tracking.files import EXPLANATIONS
from flows.workspace import Workspace
from tasks.explanation_stages import PROTOTYPE_FIGURES, REPORT_FIGURES

PARTS = ["Attributions", "Rules", "Prototypes", "Counterfactuals", "Discussion", "One query, explained"]


def section(place: Workspace) -> str:
    """The source of the section alone; the page as a whole is checked."""
    page = write_report(place, read_content(place)).read_text(encoding="utf-8")
    Page(page)
    _, start, rest = page.partition('<section id="explanations">')
    return start + rest.partition("</section>")[0] + "</section>"


def explain(place: Workspace, arm: str | None) -> None:
    document = YAML(typ="safe").load(place.params_file)
    document["explain"]["arm"] = arm
    YAML().dump(document, place.params_file)


def parts(place: Workspace) -> list[str]:
    return [part.title for part in explanation_parts(place, place.params())]


def test_every_figure_is_on_the_page_and_the_steps_in_between_are_folded(place: Workspace) -> None:
    text = section(place)
    page = Page(text)
    assert parts(place) == PARTS
    assert all(f"<h3>{title}</h3>" in text for title in PARTS)
    assert "Explained are the predictions of the arm baseline." in page.text
    assert text.count("<img") == len(PROTOTYPE_FIGURES) + len(REPORT_FIGURES)
    folded = [Page(part.partition("</details>")[0]) for part in text.split("<details>")[1:]]
    assert [sum(tag == "img" for tag, _ in part.tags) for part in folded] == [0, 0, 1, 4]
    assert "The nearest prototype of the target" in folded[-1].text
    assert "Queries of NORM: 2" in folded[0].text
    assert page.cells("rules found") == ["7"]


def test_the_discussion_is_a_list_and_cannot_bring_markup(place: Workspace) -> None:
    (place.path / "out/report/discussion.md").write_text("- One <b>bold</b> - sentence.\n- Another.\n")
    assert "<li>One &lt;b&gt;bold&lt;/b&gt; - sentence.</li>\n  <li>Another.</li>" in section(place)


def test_without_an_arm_the_section_is_a_sentence(place: Workspace) -> None:
    explain(place, None)
    assert parts(place) == []
    assert Page(section(place)).text == (
        "Explanations No arm is explained: name one as explain.arm in params.yaml, then veribeat run."
    )


def test_stages_that_have_not_run_are_named_in_one_sentence(place: Workspace) -> None:
    for name in ("rules", "counterfactuals", "report"):
        shutil.rmtree(place.path / "out" / name)
    page = Page(section(place))
    assert "No results of rules, counterfactuals and report yet: 'veribeat run' makes them." in page.text
    assert parts(place) == ["Attributions", "Prototypes"]
    for name in EXPLANATIONS:
        shutil.rmtree(place.path / "out" / name, ignore_errors=True)
    assert parts(place) == []
    assert "No results of attribute, rules, prototypes, donors, counterfactuals and report yet" in section(
        place
    )


def test_reading_imports_nothing_heavy() -> None:
    code = (
        "import sys, flows.report.page;"
        "print(sorted({'torch', 'numba', 'sklearn', 'tslearn', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CODE, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
