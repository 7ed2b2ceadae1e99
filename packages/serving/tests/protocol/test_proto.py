"""The protocol's gRPC messages: generated, up to date, and the same bytes as everybody else's."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tritonclient.grpc import service_pb2 as triton

from modelyard_serving.protocol.proto import open_inference_pb2 as ours

SERVING = Path(__file__).parents[2]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_proto", SERVING / "tools/generate_proto.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestMessages:
    def test_what_is_committed_is_what_make_proto_generates(self, tmp_path: Path) -> None:
        _generator().generate(tmp_path)

        committed = SERVING / "src/modelyard_serving/protocol/proto"
        for generated in sorted(tmp_path.iterdir()):
            assert (committed / generated.name).read_text() == generated.read_text()

    def test_they_live_beside_tritonclients_in_one_process(self) -> None:
        assert sys.modules["tritonclient.grpc.service_pb2"] is triton
        assert ours.ModelInferRequest.DESCRIPTOR.full_name == triton.ModelInferRequest.DESCRIPTOR.full_name

    def test_every_field_that_triton_has_too_has_its_number_and_type(self) -> None:
        shared = {
            (message.name, field.name)
            for message in ours.DESCRIPTOR.message_types_by_name.values()
            if message.name in triton.DESCRIPTOR.message_types_by_name
            for field in message.fields
            if field.name in triton.DESCRIPTOR.message_types_by_name[message.name].fields_by_name
        }
        assert len(shared) > 80
        for message, field in shared:
            mine = ours.DESCRIPTOR.message_types_by_name[message].fields_by_name[field]
            theirs = triton.DESCRIPTOR.message_types_by_name[message].fields_by_name[field]
            assert (mine.number, mine.type) == (theirs.number, theirs.type), (message, field)

    def test_a_request_of_triton_is_read_and_written_unchanged(self) -> None:
        theirs = triton.ModelInferRequest(model_name="m", model_version="3", id="a")
        theirs.parameters["priority"].uint64_param = 2
        tensor = theirs.inputs.add(name="x", datatype="FP32", shape=[1, 2])
        tensor.parameters["p"].string_param = "v"
        tensor.contents.fp32_contents.extend([0.5, 1.5])
        theirs.outputs.add(name="y").parameters["classification"].int64_param = 2
        theirs.raw_input_contents.append(b"\x01\x02")

        mine = ours.ModelInferRequest.FromString(theirs.SerializeToString())

        assert triton.ModelInferRequest.FromString(mine.SerializeToString()) == theirs
        assert list(mine.inputs[0].contents.fp32_contents) == [0.5, 1.5]
