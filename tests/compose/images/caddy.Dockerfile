# Stands in for Caddy's image where none can be pulled: Debian's Caddy.
ARG BASE
FROM $BASE
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends caddy wget >/dev/null && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /data /config
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config HOME=/tmp
VOLUME /data /config
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
