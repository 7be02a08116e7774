"""Our counterfactuals for one query and one target: `beat_sparse` and `wave_sparse`.

Both try every donor of the target's superclasses, order edits by gradients, and verify what they return (`search`).
They differ in what an edit is: 0.2 s of one lead of a donor in the query's rhythm, or one wave of one lead in every
beat alike. A very sparse counterfactual found along gradients may deceive the model rather than show it another heart;
that is why the second one's edits are waves.
"""

from collections.abc import Iterator, Sequence

from veribeat.black_box import DifferentiableModel
from veribeat.counterfactual.beat_alignment import align_beats
from veribeat.counterfactual.edits import Edits
from veribeat.counterfactual.query import Counterfactual, Donors, Query
from veribeat.counterfactual.search import Found, search
from veribeat.counterfactual.segment_edits import SegmentEdits
from veribeat.counterfactual.targets import Labels
from veribeat.counterfactual.trial import SearchSettings
from veribeat.counterfactual.wave_edits import WaveEdits, query_beat, wave_edits

BEAT_METHODS = ("beat_sparse", "wave_sparse")
"""Names of the methods."""

NARROWLY = "the target is reached, but by less than the margin that was asked for"
TURNS_BACK = "shifted by 10 to 20 ms it is predicted as something else"
"""Then the margin is below 0."""
BY_SEGMENTS = "no change of waves reaches the target: segments of an aligned donor"
UNALIGNED = "no aligned donor reaches the target: segments of a donor as it is"
NO_R_PEAKS = "no R-peak was found, so that nothing could be aligned: segments of a donor as it is"
NOT_REACHED = "no donor reaches the target: the candidate that comes nearest"


def beat_counterfactual(
    method: str,
    query: Query,
    target: Labels,
    donors: Donors,
    model: DifferentiableModel,
    settings: SearchSettings,
    workers: int = 1,
) -> Counterfactual:
    """Return the counterfactual by one of BEAT_METHODS.

    Where no donor's edits make the model predict the target, in copies that are shifted in time, too, others are tried,
    and the note says so: segments of aligned donors instead of waves, then segments of donors as they are, up to a
    whole donor.

    Args:
        method: one of BEAT_METHODS.
        query: what to explain.
        target: (5,) label set that must be predicted, exactly.
        donors: records of all superclasses.
        model: the classifier.
        settings: of the search.
        workers: threads; the result does not depend on their number.

    Raises:
        InputError: the query is already predicted as the target, or no donor has a superclass of it.
    """
    places = donors.of_target(query, target)
    ways = {"": _waves, BY_SEGMENTS: _aligned_segments, UNALIGNED: _segments}
    if method == "beat_sparse":
        ways = {"": _aligned_segments, UNALIGNED: _segments}
    tried: list[tuple[Found, int, Edits, str]] = []
    for note, make in ways.items():
        edits = make(query, donors, [int(place) for place in places])
        if not edits:
            continue
        found = search(list(edits.values()), target, model, settings, workers)
        donor = list(edits)[found.donor]
        tried.append((found, donor, edits[donor], note))
        if found.margin >= 0:
            break
    found, donor, of_donor, way = max(
        tried, key=lambda each: (each[0].margin >= 0, each[0].valid, each[0].margin)
    )
    return Counterfactual(
        method=method,
        target=target,
        prototype=donor,
        signal_mv=found.signal_mv,
        mask=found.mask,
        probabilities=model.probabilities(found.signal_mv[None])[0],
        valid=found.valid,
        note="; ".join(_notes(found, way if len(query.r_peaks) else NO_R_PEAKS, settings)),
        waves=of_donor.changes(found.chosen) if isinstance(of_donor, WaveEdits) else (),
        margin=found.margin,
        searched=sum(each.searched for each, *_ in tried),
        forwards=sum(each.forwards for each, *_ in tried),
    )


def _notes(found: Found, way: str, settings: SearchSettings) -> Iterator[str]:
    """What is to be known of the best candidate, which was found in the `way` that is named."""
    if not found.valid:
        yield NOT_REACHED
    if way and (found.valid or way == NO_R_PEAKS):
        yield way
    if found.valid and found.margin < settings.margin:
        yield TURNS_BACK if found.margin < 0 else NARROWLY


def _waves(query: Query, donors: Donors, places: Sequence[int]) -> dict[int, Edits]:
    beat = query_beat(query.signal_mv, query.r_peaks)
    if beat is None:
        return {}
    made = {
        place: wave_edits(beat, donors.records.signals_mv[place], donors.peaks(place)) for place in places
    }
    # A donor may be the query itself, whose waves change nothing.
    return {place: edits for place, edits in made.items() if edits is not None and edits.costs.any()}


def _aligned_segments(query: Query, donors: Donors, places: Sequence[int]) -> dict[int, Edits]:
    aligned = {
        place: align_beats(donors.records.signals_mv[place], donors.peaks(place), query.r_peaks)
        for place in places
    }
    return {
        place: SegmentEdits(query.signal_mv, donor) for place, donor in aligned.items() if donor is not None
    }


def _segments(query: Query, donors: Donors, places: Sequence[int]) -> dict[int, Edits]:
    return {place: SegmentEdits(query.signal_mv, donors.records.signals_mv[place]) for place in places}
