# Stands in for SeaweedFS where no image can be pulled: moto's S3, which keeps objects in memory alone.
ARG BASE
FROM $BASE
ENV UV_SYSTEM_CERTS=1
COPY requirements/bootstrap.txt requirements/dev.txt /build/
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /opt/venv \
 && /build/tools/bin/uv pip install --quiet --no-cache --python /opt/venv -c /build/dev.txt 'moto[s3,server]' \
 && rm -rf /build
ENV PATH=/opt/venv/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 65532:65532
