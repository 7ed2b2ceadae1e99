"""Which translator a loaded model has. Each is imported only for a model of its library."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, cast

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import Candidate
from modelyard_serving.errors import MissingExtra
from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.torch import TorchModel

_TRANSLATORS = {
    "catboost": "modelyard_serving.compile.catboost",
    "lightgbm": "modelyard_serving.compile.lightgbm",
    "sklearn": "modelyard_serving.compile.sklearn",
    "xgboost": "modelyard_serving.compile.xgboost",
}


Translator = Callable[[Any], Iterator[Candidate | Untranslatable]]


def translator(model: Model) -> Translator:
    """What gives the translations of a model, the most exact first; where one is not possible, why.

    Raises:
        Untranslatable: there is no translator for such a model.
        MissingExtra: the translator's library is not installed.
    """
    unread = [spec for spec in model.signature.inputs if spec.logical_type in ("datetime", "binary", "json")]
    if unread:
        raise Untranslatable(f"input {unread[0].name!r} is a {unread[0].logical_type}, which no graph reads")
    if isinstance(model, TorchModel):
        return _imported("modelyard_serving.compile.torch")
    if not isinstance(model, EstimatorModel):
        raise Untranslatable(f"there is no translator for a model of the platform {model.platform!r}")
    if model.categories:
        raise Untranslatable("the model takes pandas categories, for which there is no translation")
    library = type(model.estimator).__module__.partition(".")[0]
    if library not in _TRANSLATORS:
        raise Untranslatable(f"there is no translator for {type(model.estimator).__name__} of {library!r}")
    return _imported(_TRANSLATORS[library])


def _imported(module: str) -> Translator:
    try:
        return cast("Translator", importlib.import_module(module).candidates)
    except ImportError as error:
        raise MissingExtra(extra="compile", needed_for="verified compilation") from error
