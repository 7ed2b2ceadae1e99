"""Everything that kserve's own clients ask at their defaults. It runs in an environment of kserve, and prints JSON."""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

NAME = "Doubler"


def request(*, raw: bool) -> Any:
    rows = InferInput("x", [2, 2], "FP64")
    rows.set_data_from_numpy(np.array([[1.0, 2.0], [3.0, 4.0]]), binary_data=raw)
    return InferRequest(model_name=NAME, infer_inputs=[rows], request_id="seven")


async def over_rest(address: str) -> dict[str, Any]:
    base = f"http://{address}"
    async with InferenceRESTClient(config=RESTConfig(protocol="v2")) as client:
        answers = [await client.infer(base, request(raw=raw), model_name=NAME) for raw in (False, True)]
        return {
            "live": await client.is_server_live(base),
            "ready": await client.is_server_ready(base),
            "model": await client.is_model_ready(base, NAME),
            "outputs": [answer.outputs[0].as_numpy().tolist() for answer in answers],
            "ids": [answer.id for answer in answers],
        }


async def over_grpc(address: str) -> dict[str, Any]:
    async with InferenceGRPCClient(address) as client:
        answers = [await client.infer(request(raw=raw)) for raw in (False, True)]
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model": await client.is_model_ready(NAME),
            "outputs": [answer.outputs[0].as_numpy().tolist() for answer in answers],
            "ids": [answer.id for answer in answers],
        }


async def main(rest: str, grpc: str) -> None:
    print(json.dumps({"rest": await over_rest(rest), "grpc": await over_grpc(grpc)}))  # noqa: T201  # Its answer.


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
