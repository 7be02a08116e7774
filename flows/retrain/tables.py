"""The tables of the retraining page and of the terminal."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from flows.report.acceptance_limits import acceptance_limits
from flows.report.result_table import ResultTable
from flows.report.texts import number, p_value, signed
from flows.retrain.findings import Findings, Meeting

OUTCOMES = ("accepted", "refused", "rolled back", "not decided yet")
"""How updates end."""

MOST_DRIFTED = 15
"""Rows per update in the table of drift."""


def updates_table(found: Sequence[Findings]) -> ResultTable:
    """What each update took, found and decided."""
    rows = tuple(
        (
            each.update.name,
            _minute(each.update.began),
            each.update.kind,
            batches(each),
            *_counts(each),
            drift(each),
            decided(each),
            why(each),
        )
        for each in reversed(found)
    )
    columns = ("update", "began, UTC", "kind", "batches", "records accepted", "quarantined")
    note = (
        "The last one first; one that is accepted makes the release of its number champion. A first champion and a"
        " rollback have no batch; a batch that cannot be read, or came before, is not screened. Drift: features of the"
        " batch that differ from the records learnt from, in brackets in how many comparisons."
    )
    return ResultTable("Updates", (*columns, "drift", "decision", "why"), rows, note)


def scores_table(found: Sequence[Findings]) -> ResultTable:
    """Macro-F1 of both models, set by set, for the updates that trained a challenger."""
    rows = []
    for each in reversed(found):
        if not each.meetings:
            continue
        cells = [each.update.name]
        for name in ("reference", "unseen"):
            met = each.meetings.get(name)
            cells += ("", "", "") if met is None else (*both(met), signed(met.difference, met.low, met.high))
        new = each.meetings.get("new")
        rows.append((*cells, "" if new is None else number(new.champion), outcome(each)))
    columns = chain.from_iterable(
        (f"{name}: champion", "challenger", "difference") for name in ("reference", "unseen")
    )
    without = [each.update.name for each in found if not each.meetings]
    note = "Difference: challenger minus champion, in brackets its interval over patients."
    if without:
        note += f" Without scores, because no challenger was judged: {', '.join(without)}."
    return ResultTable("Macro-F1", ("update", *columns, "new: champion", "challenger is"), tuple(rows), note)


def drift_table(found: Sequence[Findings]) -> ResultTable:
    """What drifted, update by update, the largest index first."""
    rows, compared, cut = [], 0, False
    for each in reversed(found):
        of_update = []
        for screened in each.screened:
            compared += len(screened.drift)
            of_update += [
                (row["psi"], row["p_adjusted"], str(row["feature"]), str(row["device"]), screened.batch)
                for row in screened.drift[screened.drift["drifted"]].to_dict("records")
            ]
        of_update.sort(key=lambda row: -row[0])
        cut |= len(of_update) > MOST_DRIFTED
        rows += [
            (feature, device, number(psi, 3), p_value(p), each.update.name, batch)
            for psi, p, feature, device, batch in of_update[:MOST_DRIFTED]
        ]
    if not compared:
        return ResultTable("No batch has been compared with the records learnt from yet", (), ())
    note = (
        f"Of {compared:,} comparisons; all are in updates/UPDATE/screening/BATCH/drift.csv. The feature 'refused' is"
        " the share of records that are not accepted; embedding, confidence and focus are what the champion makes of"
        " the records."
    )
    if cut:
        note += f" Of an update the {MOST_DRIFTED} with the largest index are shown."
    title = "What drifted" if rows else "No feature has drifted"
    columns = ("feature", "device", "psi", "corrected p", "update", "batch")
    return ResultTable(title, columns, tuple(rows), note)


def limits_table(found: Sequence[Findings]) -> ResultTable:
    """The limits of acceptance of the last update that trained a challenger."""
    judged = [each for each in found if each.acceptance]
    if not judged:
        return ResultTable("No challenger has been judged yet", (), ())
    last = judged[-1]
    title = f"Limits of acceptance, update {last.update.name}"
    table = acceptance_limits(title, last.acceptance, ("champion", "challenger"), "the challenger's")
    if last is found[-1]:
        return table
    return replace(
        table, note=f"{table.note} No challenger was judged in update {found[-1].update.name}, the last one."
    )


def terminal_table(found: Sequence[Findings]) -> ResultTable:
    """A row per update with what fits a terminal."""
    rows = []
    for each in found:
        accepted, quarantined = _counts(each)
        pairs = [
            " to ".join(filter(None, both(each.meetings[name]))) if name in each.meetings else ""
            for name in ("reference", "unseen")
        ]
        new = each.meetings.get("new")
        rows.append(
            (
                each.update.name,
                each.update.kind,
                batches(each, nothing=""),
                f"{accepted} / {quarantined}" if accepted else "",
                *pairs,
                "" if new is None else number(new.champion),
                drift(each),
                decided(each),
                why(each),
            )
        )
    columns = ("update", "kind", "batches", "accepted / quarantined", "reference", "unseen", "new")
    note = (
        "Reference, unseen: macro-F1 from champion to challenger; new: the champion's on the batch, which it had not"
        " learnt from."
    )
    return ResultTable("Updates", (*columns, "drift", "decision", "why"), tuple(rows), note)


def batches(each: Findings, nothing: str = "no batch") -> str:
    """Names of its batches; those that an accepted update held back are marked."""
    decision = each.update.decision
    held = decision.held if decision is not None and decision.accepted else ()
    names = [f"{batch.name} (held)" if batch.name in held else batch.name for batch in each.update.batches]
    return ", ".join(names) or nothing


def drift(each: Findings) -> str:
    """Features that drifted, and in how many comparisons, by device and batch, if in more than one."""
    if not each.screened:
        return "not screened" if each.update.batches else ""
    counts: dict[str, int] = {}
    for screened in each.screened:
        for feature in screened.drift.loc[screened.drift["drifted"], "feature"]:
            counts[feature] = counts.get(feature, 0) + 1
    return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in counts.items()) or "none"


def outcome(each: Findings) -> str:
    """In a word."""
    decision = each.update.decision
    if decision is None:
        return "not decided yet"
    if each.update.kind == "rollback":
        return "rolled back"
    return "accepted" if decision.accepted else "refused"


def decided(each: Findings) -> str:
    """The outcome, and who is champion by it where that is not the release of its own number."""
    decision = each.update.decision
    if decision is None:
        return "not decided yet"
    if each.update.kind == "rollback":
        return f"rolled back to {decision.release}"
    if decision.accepted:
        return "accepted"
    champion = each.update.champion
    return "refused: no champion yet" if champion is None else f"refused: {champion} stays"


def why(each: Findings) -> str:
    """The reasons of its decision in full."""
    decision = each.update.decision
    if decision is None:
        return each.update.reason
    return "; ".join(decision.reasons) or ("all limits are kept" if decision.accepted else "")


def both(met: Meeting) -> tuple[str, str]:
    """Champion and challenger."""
    return number(met.champion), number(met.challenger)


def _counts(each: Findings) -> tuple[str, str]:
    if not each.screened:
        return "", ""
    accepted = sum(screened.accepted for screened in each.screened)
    return str(accepted), str(sum(each.quarantined.values()))


def _minute(time: str) -> str:
    """Such as "2026-11-26 21:48" for ISO 8601."""
    return time[:16].replace("T", " ")
