"""Random pipelines of scikit-learn over random arrays, frames of mixed columns, and texts."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.robustness.compiler.case import Case, served
from benchmarks.robustness.compiler.pieces import CLASSIFIERS, REGRESSORS, TRANSFORMERS, Random, drawn, one, words
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind, TensorSpec

WORDS = (
    "march", "marché", "café", "Straße", "STRASSE", "naïve", "İstanbul", "don't", "e-mail", "a", "I", "42", "x_1",
    "日本", "smørrebrød", "bill", "invoice", "refund", "ΣΑΣ", "co-op", "hello", "world", "hello,", "über", "ok!", "ﬁn",
)  # fmt: skip
TOWNS = ("Bern", "Graz", "Ulm", "Vaduz", "Zürich", "a", "", "nan", "New York", "ulm")
_NUMBERS = {
    "<f8": Datatype.FP64,
    "<f4": Datatype.FP32,
    "<i8": Datatype.INT64,
    "<i4": Datatype.INT32,
    "|i1": Datatype.INT8,
}


def array_case(random: Random) -> Case:
    """A pipeline on one matrix."""
    dtype = random.choice(["<f8", "<f8", "<f8", "<f4", "<i8", "<i4", "|i1"])
    rows, columns = int(random.integers(60, 140)), int(random.integers(1, 6))
    x = np.column_stack([_column(random, rows, dtype) for _ in range(columns)]).astype(dtype)
    has_missing = dtype[1] == "f" and random.random() < 0.25
    if has_missing:
        x[random.random(x.shape) < 0.1] = np.nan
    steps = [one(random, TRANSFORMERS) for _ in range(int(random.choice([0, 1, 1, 1, 2])))]
    if has_missing and random.random() < 0.7:
        steps.insert(0, SimpleImputer(strategy="median", add_indicator=bool(random.random() < 0.3)))
    last, y = _model(random, np.nan_to_num(x.astype(np.float64)))
    estimator = _fitted(make_pipeline(*steps, last), x, y)
    spec = TensorSpec("input", _NUMBERS[dtype], (-1, columns))
    return Case("array", f"{dtype} {words(estimator)}", served(estimator, [spec], InputKind.TENSORS), {"input": x})


def frame_case(random: Random) -> Case:
    """A column transformer on a frame of numbers, whole numbers and words."""
    rows = int(random.integers(60, 140))
    frame, specs, parts = pd.DataFrame(index=range(rows)), [], []
    for place, kind in enumerate(random.choice(list(_COLUMNS), int(random.integers(1, 5)))):
        values, spec, transformer = _COLUMNS[kind](random, f"c{place}", rows)
        frame[spec.name] = values
        specs.append(spec)
        parts.append((f"t{place}", transformer, spec.name if isinstance(transformer, _ON_SERIES) else [spec.name]))
    codes = np.column_stack([pd.factorize(frame[spec.name])[0] for spec in specs]).astype(np.float64)
    last, y = _model(random, codes)
    steps = [StandardScaler(with_mean=False)] if random.random() < 0.3 else []
    columns = ColumnTransformer(parts, sparse_threshold=float(random.choice([0.0, 0.3])))
    estimator = _fitted(make_pipeline(columns, *steps, last), frame, y)
    tensors = {spec.name: _tensor(frame[spec.name], spec) for spec in specs}
    model = served(estimator, specs, InputKind.FRAME, [spec.name for spec in specs])
    return Case("frame", words(estimator), model, tensors)


def text_case(random: Random) -> Case:
    """A vectorizer on a list of texts."""
    texts = _texts(random, int(random.integers(60, 120)))
    vectorizer = one(random, _VECTORIZERS)
    last: Any = one(random, [drawn(MultinomialNB), drawn(ComplementNB), *CLASSIFIERS[:4], *CLASSIFIERS[9:12]])
    y = random.integers(0, int(random.choice([2, 3])), len(texts))
    estimator = _fitted(make_pipeline(vectorizer, last), texts, y)
    spec = TensorSpec("input", Datatype.BYTES, (-1,))
    return Case("text", words(estimator), served(estimator, [spec], InputKind.TENSORS), {"input": texts})


def _fitted(estimator: Any, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


def _model(random: Random, x: Any) -> tuple[Any, Any]:
    """A last step, and what it is taught."""
    score = x @ random.standard_normal(x.shape[1]) / (np.abs(x).max() or 1.0) + 0.1 * random.standard_normal(len(x))
    if random.random() < 0.4:
        return one(random, REGRESSORS), score * 10.0
    classes = int(random.choice([2, 2, 3, 4]))
    y = np.argsort(np.argsort(score)) * classes // len(score)
    labels = random.choice(["numbers", "words", "odd"])
    if labels == "words":
        y = np.array(["no", "yes", "maybe", "später"], dtype=object)[y]
    elif labels == "odd":
        y = np.array([-1, 7, 3, 2**40])[y]
    return one(random, CLASSIFIERS), y


def _column(random: Random, rows: int, dtype: str) -> Any:
    if dtype == "|i1":
        return random.integers(-20, 90, rows)
    if dtype[1] == "i":
        spread = int(random.choice([3, 50, 100_000] if dtype == "<i4" else [3, 50, 100_000, 2**40]))
        start = int(random.choice([0, 0, -5, 1000])) if dtype == "<i4" or spread > 3 else int(random.choice([0, 2**60]))
        return random.integers(start, start + spread, rows)
    if random.random() < 0.15:
        return random.integers(0, 3, rows) * 0.5
    values = random.standard_normal(rows) * 10.0 ** random.integers(-3, 4) + float(random.choice([0.0, 0.0, 100.0]))
    return np.abs(values) if random.random() < 0.4 else values


def _float_column(random: Random, name: str, rows: int) -> tuple[Any, TensorSpec, Any]:
    values, is_optional = _column(random, rows, "<f8"), random.random() < 0.4
    if is_optional:
        values = np.where(random.random(rows) < 0.1, np.nan, values)
        steps = [SimpleImputer(strategy=str(random.choice(["mean", "median"])), add_indicator=True)]
        if random.random() < 0.5:
            steps.append(one(random, TRANSFORMERS[:12]))
        return values, TensorSpec(name, Datatype.FP64, (-1,), optional=True), make_pipeline(*steps)
    return values, TensorSpec(name, Datatype.FP64, (-1,)), _any(random, [*TRANSFORMERS[:14]])


def _integer_column(random: Random, name: str, rows: int) -> tuple[Any, TensorSpec, Any]:
    dtype = str(random.choice(["<i8", "<i4"]))
    values = _column(random, rows, dtype).astype(dtype)
    return values, TensorSpec(name, _NUMBERS[dtype], (-1,)), _any(random, [*TRANSFORMERS[:14], *_CODES])


def _flag_column(random: Random, name: str, rows: int) -> tuple[Any, TensorSpec, Any]:
    return random.random(rows) < 0.5, TensorSpec(name, Datatype.BOOL, (-1,)), "passthrough"


def _word_column(random: Random, name: str, rows: int) -> tuple[Any, TensorSpec, Any]:
    values = random.choice(TOWNS[: int(random.integers(2, len(TOWNS)))], rows).astype(object)
    is_optional = random.random() < 0.4
    if is_optional:
        values[random.random(rows) < 0.1] = None
    transformer = one(random, _CODES)
    if is_optional and random.random() < 0.4:
        filled = SimpleImputer(strategy="most_frequent", missing_values=None)
        filled = filled if random.random() < 0.5 else SimpleImputer(strategy="constant", fill_value="none")
        transformer = make_pipeline(filled, transformer)
    series = pd.Series([np.nan if value is None else value for value in values])
    return series, TensorSpec(name, Datatype.BYTES, (-1,), optional=is_optional), transformer


def _text_column(random: Random, name: str, rows: int) -> tuple[Any, TensorSpec, Any]:
    return _texts(random, rows), TensorSpec(name, Datatype.BYTES, (-1,)), one(random, _VECTORIZERS)


_COLUMNS = {
    "float": _float_column,
    "integer": _integer_column,
    "flag": _flag_column,
    "word": _word_column,
    "text": _text_column,
}
_ON_SERIES = (CountVectorizer, TfidfVectorizer)
_CODES = [
    drawn(OneHotEncoder, handle_unknown=["ignore", "error"], drop=[None, None, "first", "if_binary"]),
    drawn(OneHotEncoder, handle_unknown=["infrequent_if_exist"], min_frequency=[5, None]),
    drawn(OrdinalEncoder, handle_unknown=["use_encoded_value"], unknown_value=[-1, np.nan]),
    drawn(OrdinalEncoder),
    drawn(TargetEncoder, cv=[2]),
]
_VECTORIZERS = [
    drawn(
        TfidfVectorizer,
        lowercase=[True, False],
        norm=["l2", "l1", None],
        ngram_range=[(1, 1), (1, 2)],
        sublinear_tf=[False, False, True],
        strip_accents=[None, None, "unicode", "ascii"],
        stop_words=[None, None, ["hello"]],
    ),
    drawn(
        CountVectorizer, lowercase=[True, False], binary=[True, False], token_pattern=[r"(?u)\b\w\w+\b", r"(?u)\b\w+\b"]
    ),
    drawn(TfidfVectorizer, analyzer=["char", "char_wb"], ngram_range=[(1, 2)], lowercase=[True, False]),
]


def _any(random: Random, makes: Any) -> Any:
    return "passthrough" if random.random() < 0.2 else one(random, makes)


def _texts(random: Random, rows: int) -> Any:
    return np.array([" ".join(random.choice(WORDS, int(random.integers(1, 7)))) for _ in range(rows)], dtype=object)


def _tensor(values: Any, spec: TensorSpec) -> Any:
    if spec.datatype is not Datatype.BYTES:
        return values.to_numpy()
    return np.array([None if pd.isna(value) else value for value in values], dtype=object)
