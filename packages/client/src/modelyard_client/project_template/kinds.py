"""What each kind of project puts into the templates: libraries, settings, the model, its bar. Data without logic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelyard_client.project_template.answers import Kind

_MLFLOW = "mlflow>=3.17,<3.18"
_SETTINGS = "pydantic-settings>=2.7"
_BOOSTING_SETTINGS = (
    "trees: int = Field(default=100, ge=1)",
    "depth: int = Field(default=3, ge=1)",
    "learning_rate: float = Field(default=0.1, gt=0, le=1)",
)
_LINEAR_SETTINGS = (
    "regularisation: float = Field(default=0.5, gt=0)",
    '"""The inverse of its strength, as scikit-learn counts it."""',
)
_LINEAR_NEEDS = (_MLFLOW, "pandas>=2", _SETTINGS, "scikit-learn>=1.5", "skops>=0.13")
_DATA_IMPORTS = (
    "from sklearn.datasets import load_breast_cancer",
    "from sklearn.metrics import accuracy_score",
    "from sklearn.model_selection import train_test_split",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindFacts:
    """One kind: the folder of its own templates, and the values that all templates are rendered with."""

    folder: str
    requirements: Sequence[str]
    """Of training."""
    minimum_accuracy: float
    settings: Sequence[str]
    """Lines of the class of settings."""
    serving_extras: str = "conformance"
    dev_requirements: Sequence[str] = ()
    entry: str = "train.py"
    is_tabular: bool = True
    predicts_probabilities: bool = False
    imports: Sequence[str] = ()
    """The remaining imports of a tabular `train.py`, sorted."""
    model: str = ""
    """The expression that makes its model."""
    flavor: str = ""
    model_requirements: Sequence[str] = field(default=())


KINDS: Mapping[Kind, KindFacts] = {
    Kind.SKLEARN: KindFacts(
        folder="tabular",
        requirements=_LINEAR_NEEDS,
        minimum_accuracy=0.93,
        settings=_LINEAR_SETTINGS,
        serving_extras="conformance,sklearn",
        imports=(
            _DATA_IMPORTS[0],
            "from sklearn.linear_model import LogisticRegression",
            *_DATA_IMPORTS[1:],
            "from sklearn.pipeline import make_pipeline",
            "from sklearn.preprocessing import StandardScaler",
        ),
        model="make_pipeline(StandardScaler(), LogisticRegression(C=settings.regularisation, max_iter=500))",
        flavor="sklearn",
        model_requirements=("pandas", "scikit-learn", "skops"),
    ),
    Kind.XGBOOST: KindFacts(
        folder="tabular",
        requirements=(_MLFLOW, "pandas>=2", _SETTINGS, "scikit-learn>=1.5", "xgboost>=3"),
        minimum_accuracy=0.92,
        settings=_BOOSTING_SETTINGS,
        serving_extras="conformance,xgboost",
        imports=(*_DATA_IMPORTS, "from xgboost import XGBClassifier"),
        model="XGBClassifier(\n        n_estimators=settings.trees,\n        max_depth=settings.depth,\n"
        "        learning_rate=settings.learning_rate,\n        random_state=settings.seed,\n    )",
        flavor="xgboost",
        model_requirements=("pandas", "scikit-learn", "xgboost"),
    ),
    Kind.LIGHTGBM: KindFacts(
        folder="tabular",
        requirements=("lightgbm>=4", _MLFLOW, "pandas>=2", _SETTINGS, "scikit-learn>=1.5"),
        minimum_accuracy=0.92,
        settings=_BOOSTING_SETTINGS,
        serving_extras="conformance,lightgbm",
        imports=("from lightgbm import LGBMClassifier", *_DATA_IMPORTS),
        model="LGBMClassifier(\n        n_estimators=settings.trees,\n        max_depth=settings.depth,\n"
        "        learning_rate=settings.learning_rate,\n        random_state=settings.seed,\n"
        "        verbosity=-1,\n    )",
        flavor="lightgbm",
        model_requirements=("lightgbm", "pandas", "scikit-learn"),
    ),
    Kind.PYTORCH: KindFacts(
        folder="pytorch",
        requirements=(_MLFLOW, "numpy>=2", _SETTINGS, "scikit-learn>=1.5", "torch>=2.3"),
        minimum_accuracy=0.93,
        settings=(
            "epochs: int = Field(default=40, ge=1)",
            "hidden: int = Field(default=64, ge=1)",
            '"""Units of the hidden layer."""',
            "learning_rate: float = Field(default=0.003, gt=0)",
        ),
        serving_extras="conformance,torch",
        is_tabular=False,
        predicts_probabilities=True,
    ),
    Kind.PYFUNC: KindFacts(
        folder="pyfunc",
        requirements=(_MLFLOW, "numpy>=2", "pandas>=2", _SETTINGS, "scikit-learn>=1.5"),
        minimum_accuracy=0.85,
        settings=(),
    ),
    Kind.NOTEBOOK: KindFacts(
        folder="notebook",
        requirements=_LINEAR_NEEDS,
        minimum_accuracy=0.93,
        settings=_LINEAR_SETTINGS,
        serving_extras="conformance,sklearn",
        dev_requirements=("ipykernel", "nbclient"),
        entry="train.ipynb",
    ),
}
