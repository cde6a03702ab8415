"""A server for the same repository where tritonserver cannot run: macOS, ARM, a Python it has no stub for.

`python -m triton_models.standin --port N` serves the repository below RESEARCH_KB_HOME over KServe v2 (HTTP with binary
tensors) and calls itself research-kb-standin. One process, no dynamic batching, no metrics: for a laptop, not for
production.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from triton_models.standin_backend import install_backend
from triton_models.standin_models import QueueFull, ServedModel
from triton_models.standin_protocol import decode_request, describe_model, encode_response

SERVER_NAME = "research-kb-standin"
_VERSION = "1"
_HEADER_LENGTH = "Inference-Header-Content-Length"
# 64 passages of the longest kind that is read are 2 MB; what is far beyond is a mistake.
_MAX_BODY_BYTES = 64 << 20


def create_app(repository: Path) -> Starlette:
    """An app that is ready when every model of `repository` is loaded; loading starts with its lifespan."""
    install_backend()
    models = {path.parent.name: ServedModel(path.parent) for path in sorted(repository.glob("*/config.pbtxt"))}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.models = models
        app.state.ready = False
        loading = asyncio.create_task(_load(app, models))
        yield
        loading.cancel()
        for model in models.values():
            model.close()

    return Starlette(
        routes=[
            Route("/v2", describe_server),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            Route("/v2/models/{model}", describe),
            Route("/v2/models/{model}/ready", model_ready),
            Route("/v2/models/{model}/config", show_config),
            Route("/v2/models/{model}/infer", infer, methods=["POST"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: show_error},
    )


async def _load(app: Starlette, models: dict[str, ServedModel]) -> None:
    try:
        for model in models.values():
            await asyncio.to_thread(model.load)
    except Exception as exc:  # whatever it is, the server is of no use: Triton ends as well
        print(f"{SERVER_NAME}: a model failed to load: {exc}", file=sys.stderr, flush=True)
        os._exit(1)
    app.state.ready = True


async def describe_server(request: Request) -> Response:
    """Name, version and extensions."""
    return JSONResponse(
        {"name": SERVER_NAME, "version": _VERSION, "extensions": ["binary_tensor_data", "model_configuration"]}
    )


async def live(request: Request) -> Response:
    """200 while the process runs."""
    return Response()


async def ready(request: Request) -> Response:
    """200 when every model is loaded."""
    return Response(status_code=200 if request.app.state.ready else 400)


async def model_ready(request: Request) -> Response:
    """200 when this model is loaded."""
    known = request.path_params["model"] in request.app.state.models
    return Response(status_code=200 if known and request.app.state.ready else 400)


async def describe(request: Request) -> Response:
    """The model's inputs and outputs."""
    return JSONResponse(describe_model(_find(request).config))


async def show_config(request: Request) -> Response:
    """The model's configuration, parameters included."""
    return JSONResponse(_find(request).config)


async def infer(request: Request) -> Response:
    """Run the model on one request."""
    model = _find(request)
    if not request.app.state.ready:
        raise HTTPException(503, f"Request for model '{model.name}' failed: it is not ready")
    if int(request.headers.get("Content-Length", 0)) > _MAX_BODY_BYTES:
        raise HTTPException(413, f"the request is longer than {_MAX_BODY_BYTES} bytes")
    try:
        length = request.headers.get(_HEADER_LENGTH)
        asked, wanted = decode_request(model.config, await request.body(), None if length is None else int(length))
        response = await model.infer(asked)
    except QueueFull as exc:
        raise HTTPException(503, str(exc)) from exc
    except ValueError as exc:
        raise HTTPException(400, str(exc)) from exc
    if response.error is not None:
        raise HTTPException(500, response.error.message)
    return _encode(*encode_response(model.config, response, wanted))


def _encode(body: bytes, header_length: int | None) -> Response:
    if header_length is None:
        return Response(body, media_type="application/json")
    return Response(body, headers={_HEADER_LENGTH: str(header_length)}, media_type="application/octet-stream")


def _find(request: Request) -> ServedModel:
    name = request.path_params["model"]
    model: ServedModel | None = request.app.state.models.get(name)
    if model is None:
        raise HTTPException(404, f"Request for unknown model: '{name}' is not found")
    return model


async def show_error(request: Request, exc: Exception) -> Response:
    """Errors as Triton words them."""
    assert isinstance(exc, HTTPException)  # noqa: S101 -- registered for this type alone
    return JSONResponse({"error": exc.detail}, exc.status_code)


def main() -> None:
    """Serve until told to stop."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m triton_models.standin", description=__doc__)
    home = Path(os.environ.get("RESEARCH_KB_HOME", ".local"))
    parser.add_argument("--repository", type=Path, default=home / "triton" / "repository")
    parser.add_argument("--host", default=os.environ.get("LISTEN", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args()
    uvicorn.run(create_app(options.repository), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
