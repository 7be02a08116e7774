"""Fold roles."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from tasks.params.reading import Section


def _no_repeats(folds: list[int]) -> list[int]:
    if len(set(folds)) != len(folds):
        raise ValueError(f"a fold is listed twice in {folds}")
    return folds


Folds = Annotated[list[Annotated[int, Field(ge=1, le=10)]], Field(min_length=1), AfterValidator(_no_repeats)]


class SplitParams(Section):
    """Which folds play which role; training, validation and the held-out roles must not share one."""

    train: Folds
    validation: Folds
    background: Folds
    pool: Folds
    query: Folds
    test: Folds
    drop_unlabelled: bool

    @model_validator(mode="after")
    def _roles_are_disjoint(self) -> "SplitParams":
        held_out: dict[str, list[int]] = {
            f"split.{role}": getattr(self, role) for role in ("pool", "query", "test")
        }
        learnt: dict[str, list[int]] = {
            f"split.{role}": getattr(self, role) for role in ("train", "validation")
        }
        pairs = [("split.train", self.train, "split.validation", self.validation)]
        pairs += [(a, folds, b, others) for a, folds in learnt.items() for b, others in held_out.items()]
        # Attributions of queries against a background that holds them would leak the query into its baseline.
        pairs += [("split.background", self.background, b, others) for b, others in held_out.items()]
        for name, folds, other_name, others in pairs:
            if shared := sorted(set(folds) & set(others)):
                raise ValueError(
                    f"'{name}' and '{other_name}' both hold fold {shared[0]}; they must be disjoint"
                )
        return self
