"""PyTorch: MLflow's pytorch flavor (an exported program or a pickled module), TorchScript `.pt`, exported `.pt2`.

A bare file that is a pickled module is refused: it needs the code that defined it, and can run any other. Networks
run on the device of the setting, on the CPU on one thread: a server scales by its workers.
"""

import importlib
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from modelyard_serving.errors import InvalidModel, MissingExtra
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.devices import CPU, torch_device
from modelyard_serving.signature import DEFAULT_INPUT, DEFAULT_OUTPUT, InputKind, Signature, TensorSpec

_EXPORTED = "model.pt2"
_PICKLED = "model.pth"


class TorchModel:
    """A module in evaluation mode."""

    is_thread_safe = True
    known_texts: Mapping[str, Sequence[Any]] = MappingProxyType({})

    def __init__(self, module: Any, *, torch: Any, platform: str, signature: Signature, device: str = CPU) -> None:
        self.platform = platform
        self.signature = signature
        self.device = device
        self.module = module if device == CPU else module.to(device)
        self.example: Any | None = None
        """A payload in a form that `/predict` takes, where the file has one."""
        self._torch = torch
        weight = next((value for value in module.parameters() if value.is_floating_point()), None)
        self._dtype = None if weight is None else weight.dtype

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,  # noqa: ARG002  # A network computes all of its outputs at once.
        parameters: Mapping[str, Any] | None = None,
    ) -> Tensors:
        params = {name: value for name, value in (parameters or {}).items() if name in self.signature.params}
        with self._torch.inference_mode():
            prediction = self.module(*self._arguments(inputs), **params)
        return _named(prediction, self.signature.outputs)

    def close(self) -> None:
        self.module = None

    def _arguments(self, inputs: Tensors) -> list[Any]:
        names = [spec.name for spec in self.signature.inputs]
        if self.signature.kind is InputKind.FRAME:  # MLflow stacks the columns for a network, as float32.
            matrix = np.stack([inputs[name].astype(np.float32) for name in names], axis=1)
            return [self._torch.from_numpy(matrix).to(self.device)]
        return [self._tensor(inputs[name]) for name in (names if set(names) == set(inputs) else inputs)]

    def _tensor(self, array: Any) -> Any:
        tensor = self._torch.from_numpy(array if array.flags.writeable else array.copy()).to(self.device)
        # Without a declared signature numbers come as doubles and are cast to the network's dtype.
        if not self.signature.is_declared and self._dtype is not None and tensor.is_floating_point():
            return tensor.to(self._dtype)
        return tensor


class TorchRuntime:
    """Reads exported programs, TorchScript, and what MLflow pickled."""

    name = "torch"
    extra = "torch"

    def __init__(self, device: str = CPU) -> None:
        self._device = device

    def load(self, path: Path) -> Model:
        try:
            torch = importlib.import_module("torch")
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a PyTorch model") from error
        torch.set_num_threads(1)
        device = torch_device(self._device, torch)
        try:
            return _load_folder(torch, path, device) if path.is_dir() else _load_file(torch, path, device)
        except ModuleNotFoundError as error:
            raise InvalidModel(f"{path} needs the Python module {error.name!r}, which is not installed here") from error
        except (RuntimeError, ValueError, zipfile.BadZipFile) as error:
            raise InvalidModel(f"{path} is not a PyTorch model: {str(error).strip().splitlines()[0]}") from error


def _load_file(torch: Any, path: Path, device: str) -> Model:
    if path.suffix == ".pt2":
        return _exported(torch, path, device, declared=None)
    with zipfile.ZipFile(path) as archive:
        is_script = any(name.endswith("/constants.pkl") for name in archive.namelist())
    if not is_script:
        raise InvalidModel(f"{path} is a pickle, not TorchScript: save it with torch.export.save or log it with MLflow")
    return _scripted(torch, path, device, declared=None)


def _load_folder(torch: Any, path: Path, device: str) -> Model:
    folder = MlflowModel.read(path)
    data = folder.file(folder.flavor("pytorch").get("model_data"))
    if (data / _EXPORTED).is_file():
        return _exported(torch, data / _EXPORTED, device, declared=folder.signature)
    file = data / _PICKLED
    if not file.is_file():
        raise InvalidModel(f"{data} holds neither {_EXPORTED} nor {_PICKLED}")
    folder.add_code_to_path()
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            return _scripted(torch, file, device, declared=folder.signature)
    # MLflow writes with cloudpickle and reads with Python's own unpickler, which is also PyTorch's default.
    module = torch.load(file, map_location="cpu", weights_only=False).eval()
    signature = _signature(folder.signature, inputs=())
    return TorchModel(module, torch=torch, platform="pytorch_pickle", signature=signature, device=device)


def _exported(torch: Any, path: Path, device: str, *, declared: MlflowSignature | None) -> Model:
    program = torch.export.load(str(path))
    names = program.graph_signature.user_inputs
    nodes = {node.name: node.meta["val"] for node in program.graph.nodes if node.name in names}
    inputs = tuple(_spec(name, nodes[name]) for name in names)
    outputs = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}
    user_outputs = [outputs[name] for name in program.graph_signature.user_outputs if name in outputs]
    known = tuple(_spec(_output_name(index, len(user_outputs)), value) for index, value in enumerate(user_outputs))
    signature = _signature(declared, inputs=inputs, outputs=known)
    module = program.module()
    model = TorchModel(module, torch=torch, platform="pytorch_exported", signature=signature, device=device)
    model.example = _example(program, signature)
    return model


def _example(program: Any, signature: Signature) -> dict[str, Any] | None:
    """What the program was exported with, as a payload of `/predict`; MLflow keeps no other example of one."""
    arguments, named = program.example_inputs or ((), {})
    if named or signature.kind is InputKind.FRAME or len(arguments) != len(signature.inputs):
        return None
    values = [argument.tolist() for argument in arguments if hasattr(argument, "tolist")]
    if len(values) != len(arguments):
        return None
    names = [spec.name for spec in signature.inputs]
    return {"inputs": dict(zip(names, values, strict=True)) if len(names) > 1 else values[0]}


def _scripted(torch: Any, path: Path, device: str, *, declared: MlflowSignature | None) -> Model:
    with warnings.catch_warnings():  # PyTorch deprecates TorchScript; models of it are in use all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        module = torch.jit.load(str(path), map_location="cpu").eval()
    arguments = [argument.name for argument in module.forward.schema.arguments[1:]]
    inputs = tuple(TensorSpec(name, Datatype.FP32, (-1, -1)) for name in arguments)
    signature = _signature(declared, inputs=inputs)
    return TorchModel(module, torch=torch, platform="pytorch_torchscript", signature=signature, device=device)


def _signature(
    declared: MlflowSignature | None, *, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...] = ()
) -> Signature:
    if declared is not None and declared.signature.is_declared:
        return declared.signature
    inputs = inputs or (TensorSpec(DEFAULT_INPUT, Datatype.FP32, (-1, -1)),)
    outputs = outputs or (TensorSpec(DEFAULT_OUTPUT, Datatype.FP32, (-1, -1)),)
    return Signature(inputs=inputs, outputs=outputs, is_declared=False)


def _spec(name: str, value: Any) -> TensorSpec:
    """The spec of a node of an exported graph: a dimension that is not a plain number is variable."""
    shape = tuple(size if type(size) is int else -1 for size in value.shape)
    return TensorSpec(name, _DATATYPES[str(value.dtype)], shape)


def _named(prediction: Any, specs: Sequence[TensorSpec]) -> Tensors:
    if isinstance(prediction, Mapping):
        return {str(name): _array(value) for name, value in prediction.items()}
    if not isinstance(prediction, tuple | list):
        return {specs[0].name if specs else DEFAULT_OUTPUT: _array(prediction)}
    names = [spec.name for spec in specs] if len(specs) == len(prediction) else None
    names = names or [_output_name(index, len(prediction)) for index in range(len(prediction))]
    return {name: _array(value) for name, value in zip(names, prediction, strict=True)}


def _array(tensor: Any) -> Any:
    tensor = tensor.cpu()
    return tensor.float().numpy() if str(tensor.dtype) == "torch.bfloat16" else tensor.contiguous().numpy()


def _output_name(index: int, count: int) -> str:
    return DEFAULT_OUTPUT if count == 1 else f"{DEFAULT_OUTPUT}_{index}"


_DATATYPES = {
    "torch.bool": Datatype.BOOL,
    "torch.uint8": Datatype.UINT8,
    "torch.int8": Datatype.INT8,
    "torch.int16": Datatype.INT16,
    "torch.int32": Datatype.INT32,
    "torch.int64": Datatype.INT64,
    "torch.float16": Datatype.FP16,
    "torch.bfloat16": Datatype.FP32,
    "torch.float32": Datatype.FP32,
    "torch.float64": Datatype.FP64,
}
