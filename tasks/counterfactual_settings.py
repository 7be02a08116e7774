"""What making and measuring counterfactuals takes, from parameters and files: for the stage and for `explain`."""

from pathlib import Path

import numpy as np

from models.black_box import black_box
from models.bundle import Classifier
from tasks.explained import Explained, Sources
from tasks.params.counterfactuals import CounterfactualsParams
from tasks.stage import digest
from veribeat.black_box import BlackBox
from veribeat.counterfactual.beat_methods import BEAT_METHODS
from veribeat.counterfactual.evaluation import EvaluationSettings, QualityWeights
from veribeat.counterfactual.methods import DonorSets, MethodSettings
from veribeat.counterfactual.query import Donors
from veribeat.counterfactual.sparse import SparseSettings
from veribeat.counterfactual.targets import Labels, names_of, single_targets
from veribeat.counterfactual.trial import SearchSettings
from veribeat.errors import InputError
from veribeat.prototypes.store import read_prototypes

SHIFTS = (-2, -1, 1, 2)
"""Samples ([CF] eq. 22)."""


def read_sources(chain: Path, explained: Explained) -> DonorSets:
    """The prototypes and donors below `chain`, made of just this classifier.

    Raises:
        InputError: a file is missing or damaged, or belongs to another classifier.
    """
    sets = []
    for file in (chain / "prototypes" / "prototypes.h5", chain / "donors" / "donors.h5"):
        found = read_prototypes(file)
        for made_from in explained.sources.of_classifier:
            if found.provenance.get(made_from.name) != digest(made_from):
                raise InputError(f"{file} is not of the classifier in {made_from}: run 'veribeat run' first.")
        sets.append(Donors(found))
    return DonorSets(*sets)


def witness_of(files: Sources) -> BlackBox:
    """Another arm's classifier."""
    classifier = Classifier.load(files.calibrated, files.trained / "model.pt")
    return black_box(classifier.backbone, np.array(classifier.thresholds))


def search_settings(params: CounterfactualsParams) -> MethodSettings:
    """How masks and edits are searched for."""
    sparse = params.sparse
    return MethodSettings(
        SparseSettings(
            keep_ratios=tuple(sparse.keep_ratios),
            shortest_segment=sparse.shortest_segment,
            r_peak_radius=sparse.r_peak_radius,
            r_peak_weight=sparse.r_peak_weight,
        ),
        {name: SearchSettings(shifts=SHIFTS, **getattr(params, name).model_dump()) for name in BEAT_METHODS},
    )


def measure_settings(params: CounterfactualsParams, explained: Explained) -> EvaluationSettings:
    """How counterfactuals are measured."""
    return EvaluationSettings(
        sigma_mv=explained.normalisation["std_mv"],
        tolerance_sigma=params.changed_share_of_sigma,
        noise_levels=tuple(params.noise_levels),
        noise_draws=params.noise_draws,
        shifts=SHIFTS,
        weights=QualityWeights(**params.quality.model_dump()),
    )


def targets_of(labels: Labels, sources: DonorSets) -> tuple[Labels, ...]:
    """The superclasses with prototypes and donors that a query with these labels does not have, each as a label set."""
    both = set(sources.prototypes.records.superclasses) & set(sources.donors.records.superclasses)
    return single_targets(labels, both - set(names_of(labels)))
