"""The records table that every later stage reads."""

import pandas as pd
import pandera.pandas as pa

from veribeat.conventions import SUPERCLASSES
from veribeat.errors import InputError

RECORDS_SCHEMA = pa.DataFrameSchema(
    {
        "ecg_id": pa.Column("int64", pa.Check.ge(0), unique=True),
        "patient_id": pa.Column("int64", pa.Check.ge(0)),
        "age": pa.Column("float64", pa.Check.ge(0), nullable=True),
        "sex": pa.Column("int8", pa.Check.isin([-1, 0, 1])),
        "device": pa.Column(str),
        "fold": pa.Column("int8", pa.Check.in_range(1, 10)),
        "recording_date": pa.Column(str),
        "filename": pa.Column(str, unique=True),
        **{superclass: pa.Column("bool") for superclass in SUPERCLASSES},
    },
    checks=[
        pa.Check(lambda table: table["ecg_id"].is_monotonic_increasing, error="rows sorted by ecg_id"),
        pa.Check(
            lambda table: (table.groupby("patient_id")["fold"].nunique() == 1).all(),
            error="every patient in one fold",
        ),
    ],
    strict=True,
    ordered=True,
)
"""sex is 0 male, 1 female (as PTB-XL codes it), -1 unknown; age in years, 300 for over 89, NaN unknown."""


def validate_records(records: pd.DataFrame, signals: int) -> pd.DataFrame:
    """The table itself when it fits RECORDS_SCHEMA and describes `signals` rows; InputError otherwise."""
    if len(records) != signals:
        raise InputError(
            f"The records table has {len(records)} rows for {signals} signals; run ingest again."
        )
    try:
        return RECORDS_SCHEMA.validate(records, lazy=True)
    except pa.errors.SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        raise InputError(
            f"The records table breaks its schema: {first['check']} fails for {first['column'] or 'the table'} "
            f"(for example {first['failure_case']}); run ingest again."
        ) from error
