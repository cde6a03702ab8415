# The event bridge as an image: docker build -f deploy/images/bridge.Dockerfile -t research-kb/bridge .
ARG BASE=python:3.11-slim-bookworm

FROM $BASE AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy
COPY requirements/bootstrap.txt /build/bootstrap.txt
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /app/venv
COPY requirements/bridge.txt /build/requirements.txt
RUN /build/tools/bin/uv pip install --quiet --python /app/venv --no-deps --require-hashes -r /build/requirements.txt
COPY deploy/images/slim.py /build/slim.py
RUN python3 /build/slim.py /app/venv
COPY events /app/events
COPY shared /app/shared
RUN rm -rf /app/events/examples && /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM $BASE
COPY deploy/images/final.py /tmp/final.py
RUN python3 /tmp/final.py && rm /tmp/final.py
COPY --from=build /app /app
# /live and /metrics, for probes and Prometheus.
ENV BRIDGE_LISTEN=0.0.0.0 BRIDGE_PORT=8080 PATH=/app/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/venv/bin/python", "-m", "events.bridge"]
