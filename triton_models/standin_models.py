"""The repository's models, loaded and run as Triton would: instances, a queue of bounded length, rejection."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from triton_models.standin_backend import InferenceRequest, InferenceResponse


class QueueFull(RuntimeError):
    """The queue policy turned the request away."""


def read_config(path: Path) -> dict[str, Any]:
    """config.pbtxt as Triton shows it at /config: field names as in the file, defaults left out."""
    from google.protobuf import json_format, text_format  # type: ignore[import-untyped]  # ships no types
    from tritonclient.grpc import model_config_pb2

    config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    shown: dict[str, Any] = json_format.MessageToDict(config, preserving_proto_field_name=True)
    return shown


class ServedModel:
    """One model of the repository: its instances, each busy with one request at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.config = read_config(folder / "config.pbtxt")
        self.name = str(self.config["name"])
        group = self.config["instance_group"][0]
        policy = self.config["dynamic_batching"]["default_queue_policy"]
        self._count = int(group["count"])
        self._queue_limit = int(policy["max_queue_size"])
        self._timeout_s = int(policy["default_timeout_microseconds"]) / 1e6
        self._under_way = 0
        self._kind = "GPU" if group["kind"] == "KIND_GPU" else "CPU"
        self._instances: asyncio.Queue[Any] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix=self.name)

    def load(self) -> None:
        """Load every instance; what fails here keeps the server from being ready."""
        import importlib

        module = importlib.import_module("triton_models.runtime.entry")
        kind = module.RerankingModel if self.name == "reranker" else module.EmbeddingModel
        # All models share this process, so that none can be made nicer than the others.
        parameters = {**self.config["parameters"], "niceness": {"string_value": "0"}}
        args = {
            "model_config": json.dumps({**self.config, "parameters": parameters}),
            "model_instance_kind": self._kind,
            "model_repository": str(self._folder),
        }
        for _ in range(self._count):
            instance = kind()
            instance.initialize(args)
            self._instances.put_nowait(instance)

    async def infer(self, request: InferenceRequest) -> InferenceResponse:
        """Run one request on the next free instance. Raises: QueueFull."""
        if self._under_way >= self._queue_limit + self._count:
            raise QueueFull(f"Exceeds maximum queue size, for model '{self.name}'")
        self._under_way += 1
        try:
            instance = await self._take_instance()
            run = asyncio.get_running_loop().run_in_executor(self._threads, instance.execute, [request])
            # Even when the client has gone, the instance is free only once it has finished.
            run.add_done_callback(lambda _: self._instances.put_nowait(instance))
            response: InferenceResponse = (await asyncio.shield(run))[0]
            return response
        finally:
            self._under_way -= 1

    async def _take_instance(self) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._instances.get()
        except TimeoutError as exc:
            raise QueueFull(f"Request timeout expired, for model '{self.name}'") from exc

    def close(self) -> None:
        """End the instances."""
        self._threads.shutdown()
        while not self._instances.empty():
            self._instances.get_nowait().finalize()
