"""The KServe v2 inference protocol with Triton's binary tensors, as bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

HEADER_LENGTH = b"inference-header-content-length"


class TextInput(NamedTuple):
    """A BYTES tensor; `shape` multiplies to len(texts)."""

    name: str
    shape: tuple[int, ...]
    texts: Sequence[str]


class BadAnswer(ValueError):
    """The server's answer does not follow the protocol."""


def encode_request(inputs: Sequence[TextInput], outputs: Sequence[str]) -> tuple[bytes, bytes]:
    """The body of an inference request, and the header lines that go with it."""
    data = [_encode_texts(item.texts) for item in inputs]
    described = ",".join(
        f'{{"name":"{item.name}","shape":{list(item.shape)},"datatype":"BYTES",'
        f'"parameters":{{"binary_data_size":{len(raw)}}}}}'
        for item, raw in zip(inputs, data, strict=True)
    )
    wanted = ",".join(f'{{"name":"{name}","parameters":{{"binary_data":true}}}}' for name in outputs)
    header = f'{{"inputs":[{described}],"outputs":[{wanted}]}}'.encode()
    lines = b"Content-Type: application/octet-stream\r\nInference-Header-Content-Length: %d\r\n" % len(header)
    return b"".join((header, *data)), lines


def _encode_texts(texts: Sequence[str]) -> bytes:
    """Each text's length as uint32, little-endian, then its UTF-8 bytes; a lone surrogate becomes a question mark."""
    parts = [text.encode("utf-8", "replace") for text in texts]
    return b"".join(piece for part in parts for piece in (struct.pack("<I", len(part)), part))


def decode_response(headers: dict[bytes, bytes], body: bytes) -> dict[str, bytes]:
    """The raw little-endian bytes of each output. Raises: BadAnswer."""
    try:
        start = int(headers[HEADER_LENGTH])
        described: Any = json.loads(body[:start])
        outputs: dict[str, bytes] = {}
        for output in described["outputs"]:
            size = int(output["parameters"]["binary_data_size"])
            outputs[output["name"]] = body[start : start + size]
            start += size
    except (KeyError, ValueError, TypeError) as exc:
        raise BadAnswer(f"no binary tensors in the answer: {exc!r}") from exc
    return outputs


def read_error(body: bytes) -> str:
    """The reason in an error's body."""
    try:
        return str(json.loads(body)["error"])
    except (KeyError, ValueError, TypeError):
        return body[:200].decode("utf-8", "replace") or "no reason given"
