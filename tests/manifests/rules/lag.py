"""Consumer lag: without a bridge Strimzi's exporter says it, of every subscription, and Prometheus reads it."""

import re

from tests.manifests.objects import Objects, named, of_kind, title


def lag(things: Objects) -> list[str]:
    """Where KafkaSources take the bridge's place, an exporter counts what waits for each, and a PodMonitor finds it."""
    found = []
    sources = of_kind(things, "KafkaSource")
    for kafka in of_kind(things, "Kafka") if sources else []:
        exporter = kafka["spec"].get("kafkaExporter")
        if exporter is None:
            found.append(f"{title(kafka)}: nothing exports the lag of its consumers")
            continue
        for source in sources:
            group, topics = source["spec"]["consumerGroup"], source["spec"]["topics"]
            seen = [re.search(exporter["groupRegex"], group)]
            seen += [re.search(exporter["topicRegex"], topic) for topic in topics]
            if None in seen:
                found.append(f"{title(kafka)}: the exporter leaves out {title(source)}")
        monitor = named(things, "PodMonitor", "kafka-exporter")
        name = kafka["metadata"]["name"]
        labels = {"strimzi.io/cluster": name, "strimzi.io/name": f"{name}-kafka-exporter"}
        if monitor is not None and monitor["spec"]["selector"]["matchLabels"] != labels:
            found.append(f"{title(monitor)}: it does not select the exporter of {title(kafka)}")
        if monitor is None and of_kind(things, "PrometheusRule"):
            found.append(f"{title(kafka)}: Prometheus does not read its exporter")
    return found
