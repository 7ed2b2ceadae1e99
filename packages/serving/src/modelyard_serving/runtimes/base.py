"""The interface between the server and a loaded model. It knows no transport and no file format."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from modelyard_serving.signature import Signature

Tensors = Mapping[str, npt.NDArray[Any]]


class Model(Protocol):
    """A model in memory, ready to predict.

    `predict` may be called from the event loop's thread or from a worker thread, but never from two threads at once
    unless `is_thread_safe`.
    """

    @property
    def platform(self) -> str:
        """`<project>_<format>`, the platform of the protocol's metadata, e.g. `sklearn_pickle`, `onnx_onnxv1`."""

    signature: Signature
    """The inputs and outputs. Constant after `open_model`, which sets the observed outputs (`output_probe`)."""

    @property
    def is_thread_safe(self) -> bool:
        """Whether two threads may predict at the same time."""

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Tensors:
        """One prediction.

        Args:
            inputs: by name, already checked against the signature: dtype and rank are right, each array is C-contiguous
                and may be read-only. BYTES tensors are object arrays of `str` (or `bytes` where not UTF-8). A frame's
                columns have shape [n], with None in an object column (NaN in a float one) for a missing value; a
                column of integers or booleans with missing values is an object column.
            outputs: the names that the caller wants; None for all that are not optional (`Signature.default_outputs`).
                A name outside the signature does not come here.
            parameters: the request's own parameters; unknown ones are ignored.

        Returns:
            arrays by output name, of the wanted outputs at least, with the batch as the first dimension.

        Raises:
            InvalidInput: the model itself says that the values are wrong (for example an unknown category).
            Exception: anything else is the model's fault: the caller gets a 500 without its text.
        """

    def close(self) -> None:
        """Free what it holds. Called once, after the last `predict`."""


@runtime_checkable
class AcceptsSyntheticRows(Protocol):
    """A model that may be called with synthetic rows, because it only computes with a library. A user's own code is
    called with real requests only."""

    @property
    def known_texts(self) -> Mapping[str, Sequence[Any]]:
        """Texts that the model knows, by input. An input that is missing here may take any text."""


class Runtime(Protocol):
    """A loader of one format. Stateless; one instance per module, named in `runtimes.registry`."""

    @property
    def name(self) -> str:
        """As `bundle.json` names it: `sklearn`, `onnx`, …"""

    @property
    def extra(self) -> str | None:
        """The optional extra of `modelyard-serving` that installs what it needs; None when nothing is needed."""

    def load(self, path: Path) -> Model:
        """Load the model at `path` (a file or an MLflow model folder).

        Raises:
            MissingExtra: a library is not installed; the message names the extra to install.
            InvalidModel: the path is not what this runtime reads, in one sentence.
        """
