"""What every array in this project agrees on: leads, superclasses, sampling rate, units."""

LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""Lead order of the last axis of every signal array, as PTB-XL stores it."""

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
"""Diagnostic superclasses, in the column order of every target and probability array ([CF] 4.2)."""

SAMPLING_RATE = 100
"""Samples per second."""

RECORD_SAMPLES = 1000
"""Samples per record: 10 s."""

UNITS_PER_MV = 1000
"""Stored signals are int16 with this many units per millivolt."""
