"""scp_codes cells and their superclasses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veribeat.conventions import SUPERCLASSES
from veribeat.data.labels import read_scp_codes, superclass_by_code, superclasses_of
from veribeat.data.quarantine import Reason, RecordRejected
from veribeat.errors import InputError

KNOWN = {"NORM": "NORM", "IMI": "MI", "ASMI": "MI", "NDT": "STTC", "LAFB": "CD", "LVH": "HYP", "SR": None}


def statement(code: str, diagnostic: str = "1.0", superclass: str = "MI") -> dict[str, str]:
    return {"": code, "diagnostic": diagnostic, "diagnostic_class": superclass}


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 100), max_size=5))
def test_a_cell_reads_back(codes: dict[str, float]) -> None:
    assert read_scp_codes(repr(codes)) == codes


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "nan",
        "{'NORM': 100.0",
        "['NORM']",
        "{'NORM'}",
        "'NORM'",
        "{1: 2}",
        "{'NORM': '100'}",
        "{'NORM': True}",
        "{'NORM': None}",
        "{'NORM': 1e999}",
        "{'NORM': 1" + "0" * 400 + "}",
        "{'NORM': 1j}",
        "{[]: 1}",
        "__import__('os').getcwd()",
        "(" * 9000,
        "{'A': 1}" + " " * 20_000,
        "{'NORM': 100.0}\0",
    ],
)
def test_anything_but_a_dictionary_of_numbers_is_rejected(cell: str) -> None:
    with pytest.raises(RecordRejected) as rejection:
        read_scp_codes(cell)
    assert rejection.value.reason == Reason.UNREADABLE_CODES


@given(st.sets(st.sampled_from(sorted(KNOWN))))
def test_a_record_has_the_superclasses_of_its_statements(codes: set[str]) -> None:
    found = superclasses_of(codes, KNOWN)
    assert tuple(found) == SUPERCLASSES
    assert {name for name, present in found.items() if present} == {KNOWN[code] for code in codes} - {None}


def test_an_unknown_statement_is_named() -> None:
    with pytest.raises(RecordRejected, match="NOPE") as rejection:
        superclasses_of(["NORM", "NOPE"], KNOWN)
    assert rejection.value.reason == Reason.UNKNOWN_STATEMENT


def test_only_diagnostic_statements_have_a_superclass() -> None:
    rows = [
        statement("IMI"),
        statement("SR", "", ""),
        statement("X", "0.0", "MI"),
        statement("LVH", "1", "HYP"),
    ]
    assert superclass_by_code(rows, "") == {"IMI": "MI", "SR": None, "X": None, "LVH": "HYP"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([statement("IMI"), statement("IMI")], "'IMI' twice"),
        ([statement("IMI", "yes")], "'diagnostic' of 'IMI' is 'yes'"),
        ([statement("IMI", "1.0", "")], "'diagnostic_class' of 'IMI' is ''"),
    ],
)
def test_unusable_statements_are_named(rows: list[dict[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        superclass_by_code(rows, "")
