"""The SCP-ECG statements that the simulated cohort uses, in the shape of PTB-XL's scp_statements.csv."""

from typing import NamedTuple

import pandas as pd

STATEMENT_COLUMNS = (
    "description",
    "diagnostic",
    "form",
    "rhythm",
    "diagnostic_class",
    "diagnostic_subclass",
    "Statement Category",
    "SCP-ECG Statement Description",
    "AHA code",
    "aECG REFID",
    "CDISC Code",
    "DICOM Code",
)
"""Columns of PTB-XL's scp_statements.csv after the unnamed first one, which holds the statement."""


class Statement(NamedTuple):
    """One SCP-ECG statement; `group` is diagnostic, form or rhythm, `superclass` only for diagnostic ones."""

    description: str
    group: str
    superclass: str = ""
    subclass: str = ""


STATEMENTS: dict[str, Statement] = {
    "NORM": Statement("normal tracing", "diagnostic", "NORM", "NORM"),
    "IMI": Statement("inferior infarction", "diagnostic", "MI", "IMI"),
    "ILMI": Statement("inferolateral infarction", "diagnostic", "MI", "IMI"),
    "IPMI": Statement("inferoposterior infarction", "diagnostic", "MI", "IMI"),
    "ASMI": Statement("anteroseptal infarction", "diagnostic", "MI", "AMI"),
    "AMI": Statement("anterior infarction", "diagnostic", "MI", "AMI"),
    "ALMI": Statement("anterolateral infarction", "diagnostic", "MI", "AMI"),
    "LMI": Statement("lateral infarction", "diagnostic", "MI", "LMI"),
    "PMI": Statement("posterior infarction", "diagnostic", "MI", "PMI"),
    "NDT": Statement("T wave changes, not diagnostic", "diagnostic", "STTC", "STTC"),
    "NST_": Statement("ST changes, not specific", "diagnostic", "STTC", "NST_"),
    "ISC_": Statement("ischaemic ST-T, no territory", "diagnostic", "STTC", "ISC_"),
    "ISCAL": Statement("ischaemic ST-T, anterolateral", "diagnostic", "STTC", "ISCA"),
    "ISCAS": Statement("ischaemic ST-T, anteroseptal", "diagnostic", "STTC", "ISCA"),
    "ISCLA": Statement("ischaemic ST-T, lateral", "diagnostic", "STTC", "ISCA"),
    "ISCIN": Statement("ischaemic ST-T, inferior", "diagnostic", "STTC", "ISCI"),
    "LNGQT": Statement("QT interval long for the rate", "diagnostic", "STTC", "STTC"),
    "LAFB": Statement("left anterior fascicle blocked", "diagnostic", "CD", "LAFB/LPFB"),
    "IRBBB": Statement("right bundle branch block, incomplete", "diagnostic", "CD", "IRBBB"),
    "CRBBB": Statement("right bundle branch block, complete", "diagnostic", "CD", "CRBBB"),
    "CLBBB": Statement("left bundle branch block, complete", "diagnostic", "CD", "CLBBB"),
    "ILBBB": Statement("left bundle branch block, incomplete", "diagnostic", "CD", "ILBBB"),
    "IVCD": Statement("intraventricular conduction delay", "diagnostic", "CD", "IVCD"),
    "1AVB": Statement("AV block, first degree", "diagnostic", "CD", "_AVB"),
    "LVH": Statement("left ventricle hypertrophic", "diagnostic", "HYP", "LVH"),
    "RVH": Statement("right ventricle hypertrophic", "diagnostic", "HYP", "RVH"),
    "LAO/LAE": Statement("left atrium enlarged", "diagnostic", "HYP", "LAO/LAE"),
    "RAO/RAE": Statement("right atrium enlarged", "diagnostic", "HYP", "RAO/RAE"),
    "ABQRS": Statement("QRS abnormal", "form"),
    "QWAVE": Statement("Q waves", "form"),
    "STD_": Statement("ST depression", "form"),
    "STE_": Statement("ST elevation", "form"),
    "INVT": Statement("T waves inverted", "form"),
    "LOWT": Statement("T waves low", "form"),
    "VCLVH": Statement("voltage criteria of left hypertrophy", "form"),
    "LPR": Statement("PR interval long", "form"),
    "PVC": Statement("ventricular premature beats", "form"),
    "PAC": Statement("atrial premature beats", "form"),
    "SR": Statement("sinus rhythm", "rhythm"),
    "SBRAD": Statement("sinus bradycardia", "rhythm"),
    "STACH": Statement("sinus tachycardia", "rhythm"),
    "SARRH": Statement("sinus arrhythmia", "rhythm"),
    "AFIB": Statement("atrial fibrillation", "rhythm"),
}

VARIANTS: dict[str, dict[str, float]] = {
    "MI": {
        "IMI": 0.37,
        "ASMI": 0.28,
        "AMI": 0.07,
        "ALMI": 0.08,
        "LMI": 0.06,
        "ILMI": 0.08,
        "IPMI": 0.04,
        "PMI": 0.02,
    },
    "STTC": {
        "NDT": 0.30,
        "NST_": 0.14,
        "ISC_": 0.20,
        "ISCAL": 0.13,
        "ISCIN": 0.07,
        "ISCLA": 0.05,
        "ISCAS": 0.06,
        "LNGQT": 0.05,
    },
    "CD": {
        "LAFB": 0.30,
        "IRBBB": 0.19,
        "1AVB": 0.14,
        "IVCD": 0.13,
        "CRBBB": 0.11,
        "CLBBB": 0.11,
        "ILBBB": 0.02,
    },
    "HYP": {"LVH": 0.78, "LAO/LAE": 0.10, "RVH": 0.08, "RAO/RAE": 0.04},
}
"""Share of each statement within its superclass: PTB-XL's counts, rounded, with rare ones raised a little so
that a cohort of 2,000 shows every variant."""

TERRITORIES: dict[str, str] = {
    "IMI": "inferior",
    "ILMI": "inferolateral",
    "IPMI": "inferoposterior",
    "ASMI": "anteroseptal",
    "AMI": "anterior",
    "ALMI": "anterolateral",
    "LMI": "lateral",
    "PMI": "posterior",
}
"""Wall of the left ventricle that an infarction statement names."""


def statement_table() -> pd.DataFrame:
    """Return the statements as a table with PTB-XL's columns, indexed by statement."""
    rows = {
        code: {
            "description": item.description,
            item.group: 1.0,
            "diagnostic_class": item.superclass or None,
            "diagnostic_subclass": item.subclass or None,
            "Statement Category": f"{item.group} statement of the simulated cohort",
            "SCP-ECG Statement Description": item.description,
        }
        for code, item in STATEMENTS.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(STATEMENT_COLUMNS))
