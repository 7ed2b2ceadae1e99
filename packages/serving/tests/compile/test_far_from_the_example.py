"""Models that were once compiled and answered otherwise than their originals, far from their examples."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import xgboost
from sklearn.datasets import load_iris
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from modelyard_serving.compile.cli import main
from modelyard_serving.compile.compiler import compile_model
from modelyard_serving.compile.speed import Speed
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import MISSING_TEXT, CompiledModel, GraphDescription
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.onnx import open_session
from modelyard_serving.runtimes.sklearn import estimator_model
from modelyard_serving.signature import Signature, TensorSpec

IRIS, KINDS = load_iris(return_X_y=True)
BEYOND_FLOAT32 = [1e39, -1e39, 3.4028235677973366e38]
FAR = [[18.7, 8.5, 16.0, -14.7], [0.0, 0.0, 0.0, 0.0], [-1e6, 1e6, 3.0, 1e6], [1e38, -1e38, 1e30, 2.0]]


def _fast(original: Model, compiled: Model, rows: Tensors) -> list[Speed]:
    return [Speed(rows=1, original_s=1e-3, compiled_s=1e-4)]


def _on(estimator: Any, datatype: Datatype, *shape: int) -> Model:
    """The estimator as one that was logged with a signature of one tensor."""
    known = estimator_model(estimator, platform="sklearn_pickle")
    spec = TensorSpec("input", datatype, (-1, *shape))
    return EstimatorModel(
        platform=known.platform,
        estimator=estimator,
        signature=Signature(inputs=(spec,), outputs=known.signature.outputs),
        labels=[],
        predict=estimator.predict,
        predict_proba=getattr(estimator, "predict_proba", None),
    )


def _compiled(original: Model, example: Any, folder: Path) -> Model:
    """The compiled model, with a description that was written and read as a server reads it."""
    compilation = compile_model(original, {"input": example}, measure=_fast)
    assert compilation.report.accepted, compilation.report.reasons
    assert compilation.graph is not None
    assert compilation.description is not None
    (folder / "graph.json").write_bytes(compilation.description.to_json())
    return CompiledModel(open_session(compilation.graph), GraphDescription.read(folder / "graph.json"))


def _assert_same(original: Model, compiled: Model, rows: Any) -> None:
    """Row by row the same labels, numbers and refusals."""
    names = [spec.name for spec in original.signature.outputs]
    for row in range(len(rows)):
        one = {"input": rows[row : row + 1]}
        try:
            with np.errstate(all="ignore"):
                expected = original.predict(one, outputs=names)
        except InvalidInput:
            with pytest.raises(InvalidInput):
                compiled.predict(one, outputs=names)
            continue
        for name, got in compiled.predict(one, outputs=names).items():
            if got.dtype.kind == "f":
                np.testing.assert_allclose(got, expected[name], rtol=1e-5, atol=1e-6, err_msg=str(one))
            else:
                assert got.tolist() == expected[name].tolist(), one


class TestNumbers:
    @pytest.mark.parametrize(
        "encoder", [OneHotEncoder(handle_unknown="ignore"), OneHotEncoder(), OrdinalEncoder()], ids=str
    )
    def test_whole_numbers_above_two_to_the_53_are_distinguished(self, encoder: Any, tmp_path: Path) -> None:
        ids = (2**60 + np.arange(40) % 4).reshape(-1, 1)
        classifier = DecisionTreeClassifier() if isinstance(encoder, OrdinalEncoder) else LogisticRegression()
        original = _on(make_pipeline(encoder, classifier).fit(ids, ids[:, 0] % 2), Datatype.INT64, 1)
        compiled = _compiled(original, ids[:1], tmp_path)
        _assert_same(original, compiled, np.array([[2**60 + n] for n in range(-1, 6)]))

    @pytest.mark.parametrize("unknown", ["ignore", "error"])
    def test_categories_that_are_no_whole_numbers_keep_what_is_behind_the_point(
        self, unknown: Any, tmp_path: Path
    ) -> None:
        x = (np.arange(60) % 3 * 0.5).reshape(-1, 1)
        pipeline = make_pipeline(OneHotEncoder(handle_unknown=unknown), LogisticRegression())
        original = _on(pipeline.fit(x, (x[:, 0] == 0.5).astype(int)), Datatype.FP64, 1)
        _assert_same(original, _compiled(original, x[:6], tmp_path), np.array([[0.0], [0.5], [1.0], [0.7], [1e39]]))

    def test_an_encoder_that_refuses_the_unknown_ends_with_a_report(self, tmp_path: Path) -> None:
        joblib = pytest.importorskip("joblib")
        x = np.array([[0.25], [0.75]] * 30)
        model = make_pipeline(OneHotEncoder(handle_unknown="error"), LogisticRegression()).fit(x, [0, 1] * 30)
        joblib.dump(model, tmp_path / "model.joblib")
        (tmp_path / "rows.json").write_bytes(orjson.dumps({"inputs": x[:2].tolist()}))
        arguments = [
            "--trust-pickle",
            "--example",
            str(tmp_path / "rows.json"),
            "--report",
            str(tmp_path / "report.json"),
        ]
        assert main([str(tmp_path / "model.joblib"), *arguments, "--output", str(tmp_path / "out")]) in (0, 1)
        assert orjson.loads((tmp_path / "report.json").read_bytes())["rows"]["refused"] > 0

    @pytest.mark.parametrize("function", [np.square, np.abs, np.negative])
    @pytest.mark.parametrize("dtype", [np.int32, np.int64])
    def test_a_function_of_whole_numbers_overflows_as_the_model_does(
        self, function: Any, dtype: Any, tmp_path: Path
    ) -> None:
        x = np.arange(-30, 30, dtype=dtype).reshape(-1, 2)
        original = _on(
            make_pipeline(FunctionTransformer(function), Ridge()).fit(x, x[:, 0]), Datatype.of(np.dtype(dtype)), 2
        )
        ends = np.iinfo(dtype)
        far = np.array([[ends.min, ends.max], [46_341, 3], [ends.max, ends.min + 1], [0, 0]], dtype=dtype)
        _assert_same(original, _compiled(original, x[:8], tmp_path), far)

    @pytest.mark.parametrize("validates", [False, True])
    def test_an_infinity_of_a_function_goes_where_the_next_step_sends_it(
        self, *, validates: bool, tmp_path: Path
    ) -> None:
        steps = (FunctionTransformer(np.exp), FunctionTransformer(None, validate=validates), Ridge())
        original = _on(make_pipeline(*steps).fit(IRIS, KINDS), Datatype.FP64, 4)
        _assert_same(
            original, _compiled(original, IRIS[:20], tmp_path), np.array([[800.0, 1, 1, 1], [-800.0, 1, 1, 1]])
        )
        tree = DecisionTreeRegressor(max_depth=3)
        original = _on(make_pipeline(FunctionTransformer(np.sqrt), tree).fit(IRIS, KINDS), Datatype.FP64, 4)
        _assert_same(original, _compiled(original, IRIS[:20], tmp_path), np.array([[-1.0, 1, 1, 1], [1, 1, 1, np.nan]]))

    @pytest.mark.parametrize("norm", ["l1", "l2", "max"])
    def test_a_row_of_zeros_has_no_norm(self, norm: Any, tmp_path: Path) -> None:
        original = _on(make_pipeline(Normalizer(norm), LogisticRegression()).fit(IRIS, KINDS), Datatype.FP64, 4)
        _assert_same(original, _compiled(original, IRIS[:20], tmp_path), np.array([[0.0] * 4, [1e-320] * 4, *FAR]))


class TestModels:
    @pytest.mark.parametrize(
        "model",
        [
            SGDClassifier(loss="log_loss", random_state=0),
            SGDClassifier(loss="modified_huber", random_state=0),
            OneVsRestClassifier(LogisticRegression()),
            OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=0)),
            LogisticRegression(max_iter=500),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("classes", [2, 3])
    def test_the_label_is_decided_by_decision_values(self, model: Any, classes: int, tmp_path: Path) -> None:
        original = _on(model.fit(IRIS, KINDS % classes), Datatype.FP64, 4)
        compiled = _compiled(original, IRIS[:20], tmp_path)
        _assert_same(original, compiled, np.concatenate([FAR, np.random.default_rng(0).normal(0, 30, (60, 4))]))

    @pytest.mark.parametrize(
        "model",
        [
            DecisionTreeClassifier(max_depth=3),
            RandomForestClassifier(5, random_state=0),
            GradientBoostingClassifier(n_estimators=3),
            make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)),
        ],
        ids=str,
    )
    def test_trees_refuse_what_is_beyond_float32(self, model: Any, tmp_path: Path) -> None:
        original = _on(model.fit(IRIS, KINDS), Datatype.FP64, 4)
        rows = np.repeat(IRIS[:1], len(BEYOND_FLOAT32), axis=0)
        rows[:, 2] = BEYOND_FLOAT32
        compiled = _compiled(original, IRIS[:20], tmp_path)
        _assert_same(original, compiled, np.concatenate([rows, FAR, [[5.0, 3.0, 3.4e38, 1.0]]]))
        with pytest.raises(InvalidInput):
            compiled.predict({"input": rows[:1]})

    @pytest.mark.parametrize("model", [AdaBoostClassifier(n_estimators=3), BaggingRegressor(n_estimators=3)], ids=str)
    def test_what_wraps_trees_refuses_it_too_or_is_not_compiled(self, model: Any) -> None:
        original = _on(model.fit(IRIS, KINDS), Datatype.FP64, 4)
        compilation = compile_model(original, {"input": IRIS[:20]}, measure=_fast)
        if compilation.graph is None or compilation.description is None:
            assert compilation.report.reasons
            return
        compiled = CompiledModel(open_session(compilation.graph), compilation.description)
        _assert_same(original, compiled, np.array([[1e39, 1.0, 1.0, 1.0], *FAR]))

    def test_a_stack_of_classifiers_is_refused_by_name(self) -> None:
        """Found by the fuzzer: far away a member's last digits turned the final model's probabilities."""
        stack = StackingClassifier(
            [("nb", GaussianNB()), ("tree", DecisionTreeClassifier())], LogisticRegression(), cv=2
        )
        original = _on(stack.fit(IRIS, KINDS), Datatype.FP64, 4)
        report = compile_model(original, {"input": IRIS[:20]}, measure=_fast).report
        assert report.summary.startswith("not compiled: a StackingClassifier has no translation")

    @pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=str)
    def test_categories_of_computed_numbers_are_refused_by_name(self, encoder: Any) -> None:
        """Found by the fuzzer: the last digit of a sum decided whether a category was known."""
        pipeline = make_pipeline(TruncatedSVD(1, random_state=0), encoder, Ridge())
        rows = np.arange(36, dtype=np.int8).reshape(12, 3)
        report = compile_model(
            _on(pipeline.fit(rows, rows[:, 0]), Datatype.INT8, 3), {"input": rows[:6]}, measure=_fast
        ).report
        assert f"{type(encoder).__name__} of computed numbers" in report.summary

    @pytest.mark.parametrize("missing", [-999.0, 0.0, np.nan])
    def test_the_sentinel_of_xgboost_is_a_missing_value(self, missing: float, tmp_path: Path) -> None:
        x = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.3, missing, IRIS)
        model = xgboost.XGBClassifier(n_estimators=4, missing=missing, n_jobs=1).fit(x, KINDS)
        original = estimator_model(model, platform="sklearn_joblib")
        dtype = original.signature.inputs[0].datatype.numpy_dtype
        compiled = _compiled(original, IRIS[:20].astype(dtype), tmp_path)
        far = [[missing] * 4, [missing, 3.0, 1.0, np.nan], [-999.0, 0.0, 5.0, 1.0], [0.0] * 4, [np.inf, 1.0, 1.0, 1.0]]
        _assert_same(original, compiled, np.concatenate([far, x]).astype(dtype))

    def test_a_booster_of_xgboost_refuses_infinities(self, tmp_path: Path, opened: Any) -> None:
        options = {"objective": "multi:softprob", "num_class": 3}
        xgboost.train(options, xgboost.DMatrix(IRIS, KINDS), 4).save_model(tmp_path / "model.ubj")
        compiled = _compiled(opened(tmp_path / "model.ubj").model, IRIS[:20].astype(np.float32), tmp_path)
        with pytest.raises(InvalidInput):
            compiled.predict({"input": np.array([[np.inf, 1.0, 1.0, 1.0]], dtype=np.float32)})


TEXTS = np.array(
    ["the march of bills", "le marché de Zürich", "CAFÉ naïve", "a bill, a refund", "ΣΑΣ straße"] * 8, dtype=object
)
OTHERS = [
    "marché", "march", "MARCHÉ", "marche\u0301", "march\u00e9.bill", "", " ", "a", "Café", "STRASSE", "straße",
    "ΣΑΣ", "σας",
    "bills_march", "bill\u00a0refund", "İ", "the  march\nof", "nai\u0308ve", "bill-refund", MISSING_TEXT, "日本 bill",
    "3bills",
]  # fmt: skip


class TestTexts:
    @pytest.mark.parametrize(
        "vectorizer",
        [
            TfidfVectorizer(lowercase=False),
            TfidfVectorizer(),
            TfidfVectorizer(strip_accents="unicode", ngram_range=(1, 2)),
            TfidfVectorizer(strip_accents="ascii", norm="l1", sublinear_tf=True),
            TfidfVectorizer(stop_words=["the", "of"], norm=None),
            CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b"),
            CountVectorizer(analyzer="char", ngram_range=(2, 3)),
        ],
        ids=["case", "lower", "accents", "ascii", "stop-words", "single-letters", "letters"],
    )
    @pytest.mark.parametrize("is_locale_c", [False, True])
    def test_words_are_those_of_python_in_every_locale(
        self, *, vectorizer: Any, is_locale_c: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("LC_ALL", "LANG"):
            monkeypatch.setenv(name, "C" if is_locale_c else "en_US.UTF-8")
        labels = ["walk", "market", "market", "pay", "walk"] * 8
        original = _on(make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, labels), Datatype.BYTES)
        _assert_same(original, _compiled(original, TEXTS[:5], tmp_path), np.array(OTHERS, dtype=object))

    def test_a_missing_text_is_refused(self, tmp_path: Path) -> None:
        model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [0, 1, 1, 0, 1] * 8)
        compiled = _compiled(_on(model, Datatype.BYTES), TEXTS[:5], tmp_path)
        with pytest.raises(InvalidInput, match="missing value"):
            compiled.predict({"input": np.array([None], dtype=object)})

    def test_a_text_that_a_graph_cannot_split_as_the_model_does_is_not_compiled(self) -> None:
        model = make_pipeline(TfidfVectorizer(token_pattern=r"[^;]+"), LogisticRegression()).fit(
            TEXTS, [0, 1, 1, 0, 1] * 8
        )
        report = compile_model(_on(model, Datatype.BYTES), {"input": TEXTS[:5]}, measure=_fast).report
        assert not report.accepted
        assert "has no translation" in report.reasons[-1]


class TestReports:
    def test_a_converter_that_breaks_is_a_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any, **__: Any) -> Any:
            raise RuntimeError("a tree fell over")

        monkeypatch.setattr("modelyard_serving.compile.sklearn.candidates", broken)
        original = _on(LogisticRegression(max_iter=500).fit(IRIS, KINDS), Datatype.FP64, 4)
        report = compile_model(original, {"input": IRIS[:3]}, measure=_fast).report
        assert report.summary == "not compiled: RuntimeError: a tree fell over"

    def test_a_model_that_breaks_on_its_own_example_is_a_reason(self) -> None:
        original = _on(LogisticRegression(max_iter=500).fit(IRIS, KINDS), Datatype.FP64, 4)
        report = compile_model(original, {"input": np.full((1, 4), np.nan)}, measure=_fast).report
        assert report.summary == "not compiled: the model does not answer its own example"
