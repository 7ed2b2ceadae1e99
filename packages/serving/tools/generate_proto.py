"""Generates the protocol's messages from `open_inference.proto` with grpcio-tools (`make proto`).

It changes two things in what protoc writes. The messages get a descriptor pool of their own, because `tritonclient` and
`kserve` register the same names in the default pool and Python would refuse to import both. And the check for the very
protobuf that generated them goes, because the server lives in the model's environment and takes what it finds there.
"""

import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).parents[1] / "src/modelyard_serving/protocol/proto/open_inference.proto"


def generate(target: Path) -> None:
    """Write `open_inference_pb2.py` and its `.pyi` into the folder `target`."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{PROTO.parent}", f"--python_out={folder}", f"--pyi_out={folder}", PROTO.name]
        if protoc.main(arguments):
            sys.exit(f"protoc refused {PROTO.name}")
        module, types = "open_inference_pb2.py", "open_inference_pb2.pyi"
        (target / module).write_text(_in_a_pool_of_its_own((Path(folder) / module).read_text()))
        (target / types).write_text((Path(folder) / types).read_text())


def _in_a_pool_of_its_own(source: str) -> str:
    source = re.sub(r"(?m)^from google\.protobuf import runtime_version.*\n", "", source)
    source = re.sub(r"(?ms)^_runtime_version\.ValidateProtobufRuntimeVersion\(.*?^\)\n", "", source)
    source = re.sub(r"(?m)^# Protobuf Python Version:.*\n", "", source)
    return source.replace("_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()")


if __name__ == "__main__":
    generate(PROTO.parent)
