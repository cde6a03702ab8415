"""The models at Triton: vectors of queries and passages, scores of documents."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from shared.http_client import HttpClient, Response
from shared.kserve import BadAnswer, TextInput, decode_response, encode_request, read_error
from shared.problems import DependencyUnavailable, Problem
from shared.process_metrics import count_inference
from shared.tracing import CLIENT, NOTHING, span

FLOAT_BYTES = 4
# A person waits for a query; Triton's own queue rejects after the same time.
QUERY_TIMEOUT_S = 2.0
# 8 passages are half a second of work on a core: small enough that instances never wait for one another. It is the
# model's batch limit on a CPU (triton_models/repository.py); on a GPU the server gathers them into larger batches.
PASSAGES_PER_REQUEST = 8
# One request is being worked on while the next one is on its way.
REQUESTS_AT_ONCE = 3
# Vectors of 384 floats are 1.5 kB: 1.5 MB in all. Repeated queries come from paging and from reloaded pages.
CACHED_QUERIES = 1024


class InferenceUnavailable(DependencyUnavailable):
    """Triton does not answer in time, or turns requests away: the same request may succeed later."""

    def __init__(self, detail: str) -> None:
        super().__init__("model server", detail)


class InferenceRefused(Problem):
    """Triton says that this input or this model is wrong: the same request would fail again."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            422, "inference-refused", "The model server refused the request", detail, "Shorten or correct the text."
        )


class QueryVector(bytes):
    """A query's vector, float32 little-endian, L2-normalised, of the model named `model`.

    `truncated` when the model read only its beginning.
    """

    model: str = ""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What serves under a name: `dimension` 0 for a cross-encoder, `method` empty but for the reranker."""

    model_name: str
    dimension: int
    max_tokens: int
    precision: str
    method: str


class Inference:
    """A client of one Triton (or of anything that speaks KServe v2 over HTTP with binary tensors)."""

    def __init__(self, url: str, timeout_s: float = 30.0, query_timeout_s: float = QUERY_TIMEOUT_S) -> None:
        self._http = HttpClient(url)
        self._timeout_s = timeout_s
        self._query_timeout_s = min(query_timeout_s, timeout_s)
        self._models: dict[str, ModelInfo] = {}
        self._cache: OrderedDict[tuple[str, str], QueryVector] = OrderedDict()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def embed_query(self, text: str) -> QueryVector:
        """The query's vector, dimension x 4 bytes. Raises: InferenceUnavailable, InferenceRefused."""
        info = await self.model("query_embedder")
        key = (info.model_name, text)
        if (known := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            return known
        vector = await self._embed_query(text, info)
        self._cache[key] = vector
        if len(self._cache) > CACHED_QUERIES:
            self._cache.popitem(last=False)
        return vector

    async def _embed_query(self, text: str, info: ModelInfo) -> QueryVector:
        # A token is a character or more, and normalising makes four of one at most: shorter texts cannot be cut.
        may_be_cut = len(text) >= info.max_tokens // 4
        wanted = ["EMBEDDING", "TRUNCATED"] if may_be_cut else ["EMBEDDING"]
        outputs = await self._infer(
            "query_embedder", [TextInput("TEXT", (1, 1), [text])], wanted, self._query_timeout_s
        )
        vector = QueryVector(_sized(outputs, "EMBEDDING", info.dimension * FLOAT_BYTES))
        vector.model = info.model_name
        vector.truncated = may_be_cut and outputs.get("TRUNCATED") == b"\x01"
        return vector

    async def embed_passages(self, texts: Sequence[str]) -> list[bytes]:
        """One full-precision vector a text, in order, dimension x 4 bytes each, float32 little-endian.

        Raises: InferenceUnavailable, InferenceRefused; then none is returned.
        """
        if not texts:
            return []
        info = await self.model("embedder")
        parts = [texts[i : i + PASSAGES_PER_REQUEST] for i in range(0, len(texts), PASSAGES_PER_REQUEST)]
        free = asyncio.Semaphore(REQUESTS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._embed_part(part, info.dimension, free)) for part in parts]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return [vector for task in tasks for vector in task.result()]

    async def _embed_part(self, texts: Sequence[str], dimension: int, free: asyncio.Semaphore) -> list[bytes]:
        async with free:
            inputs = [TextInput("TEXT", (len(texts), 1), texts)]
            outputs = await self._infer("embedder", inputs, ["EMBEDDING"], self._timeout_s)
        width = dimension * FLOAT_BYTES
        vectors = _sized(outputs, "EMBEDDING", width * len(texts))
        return [vectors[at : at + width] for at in range(0, len(vectors), width)]

    async def rerank(self, query: str, documents: Sequence[str], timeout_s: float | None = None) -> list[float]:
        """One score a document, in order; higher is better, comparable within this answer only.

        Raises: InferenceUnavailable, InferenceRefused.
        """
        if not documents:
            return []
        count = len(documents)
        inputs = [TextInput("QUERY", (1, 1), [query]), TextInput("DOCUMENTS", (1, count), documents)]
        outputs = await self._infer("reranker", inputs, ["SCORES"], timeout_s or self._timeout_s)
        return list(struct.unpack(f"<{count}f", _sized(outputs, "SCORES", count * FLOAT_BYTES)))

    async def model(self, name: str) -> ModelInfo:
        """What serves under `name`; asked once, and again when the server has closed connections: it may be another.

        Raises: InferenceUnavailable when Triton does not answer or has no such model yet.
        """
        if self._http.forget_closed():
            self._models.clear()
        if name not in self._models:
            response = await self._request("GET", f"/v2/models/{name}/config", timeout_s=self._timeout_s)
            if response.status != 200:
                raise InferenceUnavailable(f"{name}: {read_error(response.body)}")
            self._models[name] = _read_info(name, response.body)
        return self._models[name]

    async def ready(self) -> float:
        """Seconds that Triton took to say it is ready. Raises: InferenceUnavailable when it is not."""
        started = time.perf_counter()
        response = await self._request("GET", "/v2/health/ready", timeout_s=self._query_timeout_s)
        if response.status != 200:
            raise InferenceUnavailable("it is up, but not every model is ready")
        return time.perf_counter() - started

    async def server(self) -> str:
        """The server's name: triton, or research-kb-standin where tritonserver cannot run."""
        response = await self._request("GET", "/v2", timeout_s=self._query_timeout_s)
        return str(json.loads(response.body).get("name", "unknown")) if response.status == 200 else "unknown"

    async def _infer(
        self, model: str, inputs: Sequence[TextInput], outputs: Sequence[str], timeout_s: float
    ) -> dict[str, bytes]:
        body, headers = encode_request(inputs, outputs)
        started, outcome = time.perf_counter(), "unavailable"
        try:
            answer = await self._ask(model, body, headers, timeout_s)
            outcome = "ok"
        except InferenceRefused:
            outcome = "refused"
            raise
        finally:  # a caller that stopped waiting counts as unavailable
            count_inference(model, outcome, time.perf_counter() - started)
        return answer

    async def _ask(self, model: str, body: bytes, headers: bytes, timeout_s: float) -> dict[str, bytes]:
        with span(f"infer {model}", CLIENT) as asked:
            if asked is not NOTHING:
                asked.set("gen_ai.request.model", model)
                headers += b"traceparent: %b\r\n" % asked.context.traceparent().encode()
            response = await self._request("POST", f"/v2/models/{model}/infer", body, headers, timeout_s)
            if response.status != 200:
                raise _error(model, response)
            try:
                return decode_response(response.headers, response.body)
            except BadAnswer as exc:
                raise InferenceUnavailable(f"{model}: {exc}") from exc

    async def _request(
        self, method: str, path: str, body: bytes = b"", headers: bytes = b"", timeout_s: float = QUERY_TIMEOUT_S
    ) -> Response:
        try:
            return await self._http.request(method, path, body, headers, timeout_s=timeout_s)
        except TimeoutError as exc:
            raise InferenceUnavailable(f"no answer within {timeout_s:g} s") from exc
        except OSError as exc:
            raise InferenceUnavailable(str(exc) or type(exc).__name__) from exc


def _error(model: str, response: Response) -> InferenceUnavailable | InferenceRefused:
    """Triton says 400 for a model that is loading and for a full queue too: those come back later."""
    reason = read_error(response.body)
    later = ("unavailable", "not ready", "no available versions", "unknown model", "exceeds maximum queue size")
    if response.status in {408, 429} or response.status >= 500 or any(part in reason.lower() for part in later):
        return InferenceUnavailable(f"{model}: {reason}")
    return InferenceRefused(f"{model}: {reason}")


def _sized(outputs: dict[str, bytes], name: str, size_bytes: int) -> bytes:
    data = outputs.get(name, b"")
    if len(data) != size_bytes:
        raise InferenceUnavailable(f"{name} has {len(data)} bytes where {size_bytes} were due: another model is served")
    return data


def _read_info(name: str, body: bytes) -> ModelInfo:
    try:
        given = {key: value["string_value"] for key, value in json.loads(body)["parameters"].items()}
        return ModelInfo(
            model_name=given["model_name"],
            dimension=int(given["dimension"]),
            max_tokens=int(given["max_tokens"]),
            precision=given["precision"],
            method=given.get("method", ""),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise InferenceUnavailable(f"{name} does not say what it serves ({exc!r}): not our repository") from exc
