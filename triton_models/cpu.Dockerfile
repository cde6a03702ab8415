# The model server without a GPU, from wheels: docker build -f triton_models/cpu.Dockerfile -t research-kb/triton-cpu .
# BASE is a Debian-like system for x86-64 with Python 3.11 or 3.12 and venv.
ARG BASE=python:3.11-slim-bookworm

FROM $BASE AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy
COPY requirements/bootstrap.txt requirements/triton-models.txt requirements/triton-cpu.txt /build/
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /build/venv \
 && /build/tools/bin/uv pip install --quiet --python /build/venv --no-deps --require-hashes -r /build/triton-models.txt \
 && python3 -m venv --without-pip /app/venv \
 && /build/tools/bin/uv pip install --quiet --python /app/venv --no-deps --require-hashes -r /build/triton-cpu.txt
COPY deploy/images/slim.py deploy/images/tritonserver.py /build/
COPY triton_models /app/triton_models
WORKDIR /app
RUN /build/venv/bin/python -m triton_models.repository --home /app/home --device cpu && chmod -R a+rX /app/home \
 && /app/venv/bin/python /build/tritonserver.py /app/server && python3 /build/slim.py /app/venv \
 && rm -rf /app/triton_models && /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app/venv /app/home

FROM $BASE
# Triton's Python backend loads Python as a library, which Debian keeps apart.
RUN python3 -c 'import ctypes, sys; ctypes.CDLL("libpython%d.%d.so.1.0" % sys.version_info[:2])' 2>/dev/null \
 || (apt-get update -qq && apt-get install -qq -y --no-install-recommends \
     "lib$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')" && apt-get clean && rm -rf /var/lib/apt/lists/*)
COPY deploy/images/final.py /tmp/final.py
RUN python3 /tmp/final.py && rm /tmp/final.py
COPY --from=build /app /app
ENV PATH=/app/venv/bin:/usr/local/bin:/usr/bin:/bin LD_LIBRARY_PATH=/app/server/lib PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
WORKDIR /app
USER 65532:65532
EXPOSE 8000 8001 8002
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/server/bin/tritonserver"]
CMD ["--model-repository=/app/home/triton/repository", "--backend-directory=/app/server/backends", "--model-control-mode=none", \
     "--exit-timeout-secs=10", "--log-info=false", "--allow-gpu-metrics=false", "--pinned-memory-pool-byte-size=0"]
