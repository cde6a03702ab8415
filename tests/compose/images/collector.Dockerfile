# Stands in for the OpenTelemetry collector's image where none can be pulled: one built from its modules (deploy/collector/manifest.yaml).
ARG BASE
FROM $BASE
COPY collector /otelcol-contrib
RUN install -d /var/lib/research-kb
ENTRYPOINT ["/otelcol-contrib"]
