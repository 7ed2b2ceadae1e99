"""On which device a model computes. There is no GPU here: libraries that have one are stood in for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard_serving.bundle import open_model
from modelyard_serving.errors import InvalidModel, UsageError
from modelyard_serving.runtimes.devices import check_device, check_session, onnx_providers, torch_device
from modelyard_serving.settings import Settings

CPU_ONLY = ["AzureExecutionProvider", "CPUExecutionProvider"]
WITH_GPU = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


@dataclass
class Session:
    """What ONNX Runtime says that it took."""

    providers: Sequence[str] = field(default_factory=list)

    def get_providers(self) -> Sequence[str]:
        return self.providers


def torch_with(gpus: int) -> Any:
    cuda = SimpleNamespace(is_available=lambda: gpus > 0, device_count=lambda: gpus)
    return SimpleNamespace(cuda=cuda, __version__="2.13.0")


class TestOnnx:
    @pytest.mark.parametrize(
        ("device", "available", "chosen"),
        [
            ("cpu", WITH_GPU, "cpu"),
            ("auto", CPU_ONLY, "cpu"),
            ("auto", WITH_GPU, "cuda:0"),
            ("cuda", WITH_GPU, "cuda:0"),
            ("cuda:3", WITH_GPU, "cuda:3"),
        ],
    )
    def test_the_setting_chooses_the_providers(self, device: str, available: Sequence[str], chosen: str) -> None:
        found = onnx_providers(device, available)

        assert found.device == chosen
        gpu = ("CUDAExecutionProvider", {"device_id": chosen.partition(":")[2]})
        assert found.providers == ([] if chosen == "cpu" else [gpu]) + ["CPUExecutionProvider"]

    def test_a_build_without_a_provider_is_refused_by_name(self) -> None:
        with pytest.raises(InvalidModel, match=r"device 'cuda': ONNX Runtime has only Azure.*install onnxruntime-gpu"):
            onnx_providers("cuda", CPU_ONLY)

    def test_a_session_that_fell_back_to_the_cpu_is_refused(self) -> None:
        wanted = onnx_providers("cuda", WITH_GPU)

        check_session(Session(["CUDAExecutionProvider", "CPUExecutionProvider"]), wanted)
        with pytest.raises(InvalidModel, match=r"device 'cuda:0': .* would run on CPUExecutionProvider"):
            check_session(Session(["CPUExecutionProvider"]), wanted)


class TestTorch:
    @pytest.mark.parametrize(
        ("device", "gpus", "chosen"),
        [("cpu", 2, "cpu"), ("auto", 0, "cpu"), ("auto", 2, "cuda:0"), ("cuda", 1, "cuda:0"), ("cuda:1", 2, "cuda:1")],
    )
    def test_the_setting_chooses_the_device(self, device: str, gpus: int, chosen: str) -> None:
        assert torch_device(device, torch_with(gpus)) == chosen

    def test_a_gpu_that_is_not_there_is_refused_by_name(self) -> None:
        with pytest.raises(InvalidModel, match=r"device 'cuda': PyTorch 2.13.0 sees no GPU"):
            torch_device("cuda", torch_with(0))
        with pytest.raises(
            InvalidModel, match=r"device 'cuda:2': PyTorch sees 2 GPUs here, of which the last is cuda:1"
        ):
            torch_device("cuda:2", torch_with(2))


class TestSetting:
    @pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:x", "CPU", ""])
    def test_what_names_no_device_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="device must be cpu, cuda, cuda:N or auto"):
            check_device(text)
        with pytest.raises(UsageError, match="device must be"):
            Settings(path="model", device=text)

    def test_a_library_that_knows_the_cpu_only_is_refused_with_its_runtime(self, tmp_path: Path) -> None:
        (tmp_path / "model.skops").write_bytes(b"")

        with pytest.raises(
            InvalidModel, match="device 'cuda': models of the runtime 'sklearn' compute on the CPU only"
        ):
            open_model(str(tmp_path / "model.skops"), name=None, version=None, trust_pickle=False, device="cuda")
