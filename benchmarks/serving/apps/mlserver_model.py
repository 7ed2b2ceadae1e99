"""MLServer with a runtime that does what its own scikit-learn runtime does: its codecs around the model's `predict`."""

from typing import Any

import numpy as np
import predictor
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Model(MLModel):  # type: ignore[misc]  # Not installed here: it has an environment of its own.
    """Arrays by NumpyCodec, tables by PandasCodec."""

    async def load(self) -> bool:
        """Load the model."""
        self.model = predictor.load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The model's answer to each row."""
        answers = self.model(self._rows(payload))
        output = NumpyCodec.encode_output("predictions", np.asarray(answers))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])

    def _rows(self, payload: InferenceRequest) -> Any:
        if len(payload.inputs) == 1:
            return NumpyCodec.decode_input(payload.inputs[0])
        return PandasCodec.decode_request(payload)
