"""The KServe v2 protocol with the binary tensor extension, from the server's side."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_models.standin_backend import InferenceRequest, InferenceResponse, Tensor

_DATATYPES = {"TYPE_STRING": "BYTES", "TYPE_FP32": "FP32", "TYPE_UINT8": "UINT8"}


class BadRequest(ValueError):
    """The request does not fit the protocol or the model; the message says where."""


@dataclass(frozen=True)
class Wanted:
    """An output that the client asked for, as raw bytes or as JSON numbers."""

    name: str
    binary: bool


def describe_model(config: Mapping[str, Any]) -> dict[str, Any]:
    """The answer at /v2/models/<name>."""
    return {
        "name": config["name"],
        "versions": ["1"],
        "platform": "python",
        "inputs": [_describe(tensor) for tensor in config["input"]],
        "outputs": [_describe(tensor) for tensor in config["output"]],
    }


def _describe(tensor: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": tensor["name"], "datatype": _DATATYPES[tensor["data_type"]], "shape": [-1, *_dims(tensor)]}


def _dims(tensor: Mapping[str, Any]) -> list[int]:
    return [int(size) for size in tensor["dims"]]


def decode_request(
    config: Mapping[str, Any], body: bytes, header_length: int | None
) -> tuple[InferenceRequest, list[Wanted]]:
    """Inputs and wanted outputs of one request. `header_length` None: all of the body is JSON. Raises: BadRequest."""
    end = len(body) if header_length is None else header_length
    try:
        header: dict[str, Any] = json.loads(body[:end])
        inputs = _decode_inputs(config, header["inputs"], memoryview(body)[end:])
        wanted = _decode_wanted(config, header)
    except (ValueError, KeyError, TypeError, struct.error, AttributeError) as exc:
        raise exc if isinstance(exc, BadRequest) else BadRequest(f"failed to parse the request: {exc!r}") from exc
    return InferenceRequest(inputs, [output.name for output in wanted]), wanted


def _decode_inputs(config: Mapping[str, Any], given: Sequence[Mapping[str, Any]], raw: memoryview) -> dict[str, Tensor]:
    known = {tensor["name"]: tensor for tensor in config["input"]}
    inputs: dict[str, Tensor] = {}
    for item in given:
        name = item["name"]
        if name not in known:
            raise BadRequest(f"unexpected inference input '{name}' for model '{config['name']}'")
        shape = [int(size) for size in item["shape"]]
        _check_input(config, known[name], item, shape)
        size = item.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = _flatten(item["data"])
        else:
            values, raw = _split_texts(raw[: int(size)]), raw[int(size) :]
        inputs[name] = Tensor(name, _to_array(name, values, shape))
    missing = [name for name in known if name not in inputs]
    if missing:
        raise BadRequest(f"expected {len(known)} inputs but got {len(inputs)}: {', '.join(missing)} missing")
    return inputs


def _check_input(
    config: Mapping[str, Any], tensor: Mapping[str, Any], item: Mapping[str, Any], shape: Sequence[int]
) -> None:
    name, dims, limit = tensor["name"], _dims(tensor), int(config["max_batch_size"])
    expected = _DATATYPES[tensor["data_type"]]
    if item["datatype"] != expected:
        raise BadRequest(
            f"inference input '{name}' data-type is '{item['datatype']}', "
            f"but model '{config['name']}' expects '{expected}'"
        )
    fits = len(shape) == 1 + len(dims) and all(
        size >= 1 and wanted in {-1, size} for size, wanted in zip(shape[1:], dims, strict=True)
    )
    if not fits:
        raise BadRequest(f"unexpected shape for input '{name}': expected [-1,{dims}], got {list(shape)}")
    if not 1 <= shape[0] <= limit:
        raise BadRequest(f"inference request batch-size must be <= {limit} for '{config['name']}'")


def _flatten(data: Any) -> list[bytes]:
    if isinstance(data, list):
        return [value for item in data for value in _flatten(item)]
    return [str(data).encode("utf-8", "replace")]


def _split_texts(raw: memoryview) -> list[bytes]:
    """Texts of a BYTES tensor: uint32 length, little-endian, then as many bytes, again and again."""
    texts, at = [], 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        at += 4 + size
        if at > len(raw):
            raise BadRequest("a text is longer than its tensor")
        texts.append(bytes(raw[at - size : at]))
    return texts


def _to_array(name: str, values: Sequence[bytes], shape: Sequence[int]) -> NDArray[np.object_]:
    if len(values) != math.prod(shape):
        raise BadRequest(f"expected {math.prod(shape)} string elements for input '{name}', got {len(values)}")
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array.reshape(shape)


def _decode_wanted(config: Mapping[str, Any], header: Mapping[str, Any]) -> list[Wanted]:
    default = bool(header.get("parameters", {}).get("binary_data_output", False))
    names = [tensor["name"] for tensor in config["output"]]
    asked = header.get("outputs") or [{"name": name} for name in names]
    wanted = [Wanted(item["name"], bool(item.get("parameters", {}).get("binary_data", default))) for item in asked]
    for output in wanted:
        if output.name not in names:
            raise BadRequest(f"unexpected inference output '{output.name}' for model '{config['name']}'")
    return wanted


def encode_response(
    config: Mapping[str, Any], response: InferenceResponse, wanted: Sequence[Wanted]
) -> tuple[bytes, int | None]:
    """The body, and the length of its JSON part where binary tensors follow it."""
    arrays = {tensor.name: tensor.as_numpy() for tensor in response.output_tensors}
    types = {tensor["name"]: _DATATYPES[tensor["data_type"]] for tensor in config["output"]}
    described, raw = [], []
    for output in wanted:
        array = arrays[output.name]
        item: dict[str, Any] = {"name": output.name, "datatype": types[output.name], "shape": list(array.shape)}
        if output.binary:
            raw.append(array.tobytes())
            item["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            item["data"] = array.reshape(-1).tolist()
        described.append(item)
    header = json.dumps({"model_name": config["name"], "model_version": "1", "outputs": described}).encode()
    return b"".join((header, *raw)), len(header) if raw else None
