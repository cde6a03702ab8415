#!/usr/bin/env bash
# The variables that docker-compose.prod.yml sets hold several arguments each, as for Kafka's own scripts.
# shellcheck disable=SC2086
exec /opt/java/bin/java $KAFKA_HEAP_OPTS $KAFKA_LOG4J_OPTS -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED -cp '/opt/kafka/libs/*' kafka.Kafka "$@"
