# Stands in for Prometheus' image where none can be pulled: Debian's Prometheus.
ARG BASE
FROM $BASE
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus wget >/dev/null && rm -rf /var/lib/apt/lists/* \
 && install -d -o nobody -g nogroup /prometheus
USER nobody
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
