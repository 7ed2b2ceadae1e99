"""Generates the messages of gRPC from their `.proto` files with grpcio-tools (`make proto`).

It changes two things in what protoc writes. The messages get a descriptor pool of their own, because `tritonclient` and
`kserve` register the same names in the default pool and Python would refuse to import both. And the check for the very
protobuf that generated them goes, because the server lives in the model's environment and takes what it finds there.
"""

import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).parents[1] / "src/modelyard_serving/protocol/proto"


def generate(target: Path) -> None:
    """Write a `_pb2.py` and its `.pyi` for each `.proto` into the folder `target`."""
    names = sorted(path.name for path in PROTOS.glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["protoc", f"-I{PROTOS}", f"--python_out={folder}", f"--pyi_out={folder}", *names]
        if protoc.main(arguments):
            sys.exit(f"protoc refused {', '.join(names)}")
        for path in Path(folder).iterdir():
            source = path.read_text()
            (target / path.name).write_text(_in_a_pool_of_its_own(source) if path.suffix == ".py" else source)


def _in_a_pool_of_its_own(source: str) -> str:
    source = re.sub(r"(?m)^from google\.protobuf import runtime_version.*\n", "", source)
    source = re.sub(r"(?ms)^_runtime_version\.ValidateProtobufRuntimeVersion\(.*?^\)\n", "", source)
    source = re.sub(r"(?m)^# Protobuf Python Version:.*\n", "", source)
    return source.replace("_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()")


if __name__ == "__main__":
    generate(PROTOS)
