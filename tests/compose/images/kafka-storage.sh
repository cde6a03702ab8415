#!/usr/bin/env bash
exec /opt/java/bin/java -Xmx128m -XX:+UseSerialGC -cp '/opt/kafka/libs/*' kafka.tools.StorageTool "$@"
