"""The served model: `models.bundle.Classifier` as an MLflow model from code.

MLflow runs this file when it loads the model; no Python object is unpickled. Input: signals in mV, float32
(N, 1000, 12). Output: a table with one probability column per superclass, and `labels`, the superclasses that reach
their threshold, joined by ";" ("" where none does).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature, set_model
from mlflow.pyfunc import PythonModel, PythonModelContext
from mlflow.types import ColSpec, Schema, TensorSpec

from models.bundle import Classifier
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES
from veribeat.errors import InputError

ARTIFACT = "classifier"
"""Name of the artifact folder with model.pt and classifier.json."""

REQUIREMENTS = ("mlflow", "numpy", "pandas", "torch")
"""All that serving needs; veribeat and models travel with the model as code."""

SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, RECORD_SAMPLES, len(LEADS)))]),
    outputs=Schema([*(ColSpec("float", name) for name in SUPERCLASSES), ColSpec("string", "labels")]),
)


class ServedClassifier(PythonModel):
    """What `mlflow.pyfunc.load_model` returns an interface to."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load weights and thresholds from the artifact folder."""
        self.classifier = Classifier.load(Path(context.artifacts[ARTIFACT]))

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> pd.DataFrame:
        """Probabilities and labels of signals in mV (N, 1000, 12).

        Bad input raises MlflowException with one sentence, which a server passes on with status 400.
        """
        try:
            probabilities = self.classifier.probabilities(model_input)
        except InputError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        table = pd.DataFrame(probabilities, columns=list(SUPERCLASSES))
        table["labels"] = [";".join(names) for names in self.classifier.labels(probabilities)]
        return table


set_model(ServedClassifier())
