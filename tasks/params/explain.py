"""Which arm the explanation chain is about."""

from tasks.params.reading import Section


class ExplainParams(Section):
    """The arm that attributions, rules, prototypes and counterfactuals explain."""

    arm: str | None
    """None: no explanation chain."""

    witness: str | None
    """Another arm, which is asked what it sees in each counterfactual; None: nobody is asked."""
