"""What the importance threshold does to rules ([CF] A.3, Table 6)."""

import pandas as pd

from veribeat.rules.published import TABLE_6


def ablation_table(rules: pd.DataFrame) -> pd.DataFrame:
    """Return one row per percentile of the importance threshold, ascending, from rules made anew for each.

    Columns: percentile; threshold on |attribution|; rules, those that were found; important_mean, features that pass
    the threshold per record and class; features_mean and features_sd, conditions per rule that was found;
    records_with_rule, share of records that have at least one; precision, mean over the rules found; forwards and
    seconds, means over all. Means over no rule are NaN, and so is the deviation of one.

    Args:
        rules: one row per percentile, record and class: percentile (0-100), threshold, ecg_id, features (those that
            pass the threshold), kept (a rule was found), precision, forwards, seconds.
    """
    return pd.DataFrame([_row(of_one) for _, of_one in rules.groupby("percentile")])


def _row(rules: pd.DataFrame) -> dict[str, float]:
    found = rules[rules["kept"]]
    return {
        "percentile": rules["percentile"].iloc[0],
        "threshold": rules["threshold"].iloc[0],
        "rules": len(found),
        "important_mean": rules["features"].mean(),
        "features_mean": found["features"].mean(),
        "features_sd": found["features"].std(),
        "records_with_rule": found["ecg_id"].nunique() / rules["ecg_id"].nunique(),
        "precision": found["precision"].mean(),
        "forwards": rules["forwards"].mean(),
        "seconds": rules["seconds"].mean(),
    }


def beside_published(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with what [CF] Table 6 prints for each percentile, in columns published_*."""
    published = pd.DataFrame(TABLE_6).set_index("percentile").add_prefix("published_")
    return table.join(published, on="percentile")
