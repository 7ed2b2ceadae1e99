"""On which device a model computes: chosen by a setting, and refused by name where there is none.

`cpu` is the default. `cuda` is the first GPU, `cuda:1` the second; `auto` is the first GPU where there is one, else the
CPU. A GPU is never replaced by the CPU without a word unless `auto` says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard_serving.errors import InvalidModel, UsageError

CPU = "cpu"
AUTO = "auto"
_CUDA = re.compile(r"cuda(?::(?P<index>[0-9]{1,3}))?")
_CUDA_PROVIDER = "CUDAExecutionProvider"
_CPU_PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Providers:
    """What ONNX Runtime is started with, and the name of the device that this is."""

    device: str
    providers: Sequence[str | tuple[str, dict[str, str]]]


def check_device(text: str) -> None:
    """Raises UsageError for what names no device."""
    if text not in {CPU, AUTO} and _CUDA.fullmatch(text) is None:
        raise UsageError(f"device must be cpu, cuda, cuda:N or auto, not {text!r}")


def onnx_providers(device: str, available: Sequence[str]) -> Providers:
    """The execution providers for a device.

    Args:
        available: those that this build of ONNX Runtime has.

    Raises:
        InvalidModel: a GPU is asked for, and the build has no provider for one.
    """
    if device == CPU or (device == AUTO and _CUDA_PROVIDER not in available):
        return Providers(CPU, [_CPU_PROVIDER])
    if _CUDA_PROVIDER not in available:
        raise InvalidModel(
            f"device {device!r}: ONNX Runtime has only {', '.join(available)} here; install onnxruntime-gpu for a GPU"
        )
    index = _index(device)
    return Providers(f"cuda:{index}", [(_CUDA_PROVIDER, {"device_id": str(index)}), _CPU_PROVIDER])


def check_session(session: Any, wanted: Providers) -> None:
    """ONNX Runtime warns and takes the CPU where a GPU cannot be used; that is an error here.

    Raises:
        InvalidModel: the session does not run on the device.
    """
    used = session.get_providers()
    if wanted.device != CPU and _CUDA_PROVIDER not in used:
        raise InvalidModel(
            f"device {wanted.device!r}: ONNX Runtime cannot use it (no such GPU, no driver, or other libraries of CUDA "
            f"than it needs) and would run on {', '.join(used)}"
        )


def torch_device(device: str, torch: Any) -> str:
    """The device as PyTorch names it.

    Raises:
        InvalidModel: a GPU is asked for, and PyTorch sees none, or not so many.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == CPU or (device == AUTO and count == 0):
        return CPU
    index = _index(device)
    if count == 0:
        raise InvalidModel(f"device {device!r}: PyTorch {torch.__version__} sees no GPU here")
    if index >= count:
        raise InvalidModel(f"device {device!r}: PyTorch sees {count} GPUs here, of which the last is cuda:{count - 1}")
    return f"cuda:{index}"


def refuse_other_than_cpu(device: str, runtime: str) -> None:
    """Raises InvalidModel where a library that computes on the CPU only shall use a GPU."""
    if device not in {CPU, AUTO}:
        raise InvalidModel(f"device {device!r}: models of the runtime {runtime!r} compute on the CPU only")


def _index(device: str) -> int:
    found = _CUDA.fullmatch(device)
    return int(found["index"] or 0) if found is not None else 0
