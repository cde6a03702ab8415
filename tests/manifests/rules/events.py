"""The way of events: topics, sinks, sources with whole delivery blocks, dead letters, where functions publish."""

import json
import re

from events.bridge.subscriptions import SUBSCRIPTIONS
from events.topics import DEAD_LETTERS_TOPIC, PARTITIONS, TOPIC_OF_TYPE, TOPICS
from functions.extract.settings import ExtractSettings
from tests.manifests.objects import Objects, containers, functions, literal_env, named, of_kind, title
from tests.manifests.rendering import Object

DELIVERY = {"retry", "backoffPolicy", "backoffDelay", "timeout", "deadLetterSink"}
SINKS = "eventing.knative.dev"
SINK_HOST = "http://kafka-sink-ingress.knative-eventing.svc.cluster.local"
INGRESS = "/topics/"
"""The path at the bridge that takes events of the topic behind it, in a KafkaSink's place."""


def seconds(duration: str) -> float | None:
    """Return an ISO 8601 duration in seconds; None when it is none."""
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", duration)
    if match is None or duration == "PT":
        return None
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def _topic_of_sink(things: Objects, name: str) -> str | None:
    sink = named(things, "KafkaSink", name, SINKS)
    return sink["spec"]["topic"] if sink else None


def topics(things: Objects) -> list[str]:
    """Topics are those of events/topics.py, each with a sink, and partitioned as there."""
    found = []
    for kind, field in (("KafkaTopic", "topicName"), ("KafkaSink", "topic")):
        given = {thing["spec"][field] for thing in of_kind(things, kind)}
        if given and given != set(TOPICS):
            found.append(f"{kind}: {sorted(given ^ set(TOPICS))} are not on both sides")
    for thing in of_kind(things, "KafkaTopic"):
        if thing["spec"]["partitions"] != PARTITIONS:
            found.append(f"{title(thing)}: {thing['spec']['partitions']} partitions, not {PARTITIONS}")
        if int(thing["spec"]["config"]["min.insync.replicas"]) >= thing["spec"]["replicas"]:
            found.append(f"{title(thing)}: one broker away stops it")
    found += [f"{title(thing)}: contentMode is not binary" for thing in of_kind(things, "KafkaSink")
              if thing["spec"].get("contentMode") != "binary"]  # fmt: skip
    return found


def subscriptions(things: Objects) -> list[str]:
    """KafkaSources do what the bridge does: the same topics, consumer groups and addresses."""
    given = of_kind(things, "KafkaSource")
    if not given:
        return []
    wanted = {}
    for item in SUBSCRIPTIONS:
        function, _, rest = item.path[1:].partition("/")
        wanted[item.name] = ([item.topic], f"research-kb.{item.name}", function, f"/{rest}" if rest else "")
    found = []
    for thing in given:
        spec = thing["spec"]
        does = (spec["topics"], spec["consumerGroup"], spec["sink"]["ref"]["name"], spec["sink"].get("uri", ""))
        if wanted.pop(thing["metadata"]["name"], None) != does:
            found.append(f"{title(thing)}: the bridge knows no such subscription: {does}")
        if not 1 <= spec.get("consumers", 1) <= PARTITIONS:
            found.append(f"{title(thing)}: more consumers than partitions")
        if spec.get("initialOffset") != "earliest":
            found.append(f"{title(thing)}: events from before its first start would be skipped")
    return found + [f"there is no KafkaSource {name}" for name in wanted]


def delivery(things: Objects) -> list[str]:
    """A delivery block is whole, since one replaces every default, and ends at a sink of the dead letters' topic."""
    found = []
    for thing in of_kind(things, "KafkaSource"):
        block = thing["spec"].get("delivery", {})
        if missing := DELIVERY - block.keys():
            found.append(f"{title(thing)}: delivery lacks {sorted(missing)}")
            continue
        delay, timeout = seconds(block["backoffDelay"]), seconds(block["timeout"])
        if delay is None or timeout is None or block["backoffPolicy"] != "exponential":
            found.append(f"{title(thing)}: its times are no ISO 8601 durations, or its backoff does not grow")
        elif delay * (2 ** block["retry"] - 1) < 300:
            found.append(f"{title(thing)}: it gives up before a failover is over")
        ref = block["deadLetterSink"].get("ref", {})
        if ref.get("kind") != "KafkaSink" or _topic_of_sink(things, ref.get("name", "")) != DEAD_LETTERS_TOPIC:
            found.append(f"{title(thing)}: its dead letter sink is none of the dead letters' topic")
    return found


def delivery_timeouts(things: Objects) -> list[str]:
    """A delivery waits for a cold start and the longest handler, and not longer than the function may take."""
    longest = {"extract": ExtractSettings.model_fields["parse_timeout_s"].default}
    found = []
    for thing in of_kind(things, "KafkaSource"):
        target = thing["spec"]["sink"]["ref"]["name"]
        service = named(functions(things), "Service", target)
        timeout = seconds(thing["spec"].get("delivery", {}).get("timeout", "")) or 0
        if service is None:
            found.append(f"{title(thing)}: there is no function {target}")
        elif timeout > service["spec"]["template"]["spec"]["timeoutSeconds"]:
            found.append(f"{title(thing)}: it waits longer than {target} may take")
        if timeout < 30 + longest.get(target, 0):
            found.append(f"{title(thing)}: it gives up before {target} is started and done")
    return found


def _bound_topic(things: Objects, sink: Object) -> str | None:
    """Return the topic that a SinkBinding leads to: a KafkaSink's, or the one named in the bridge's path."""
    if sink["ref"]["kind"] == "KafkaSink":
        return _topic_of_sink(things, sink["ref"]["name"])
    path = sink.get("uri", "")
    return path.removeprefix(INGRESS) if sink["ref"]["name"] == "bridge" and path.startswith(INGRESS) else None


def _addressed_topic(things: Objects, url: str, namespace: str) -> str | None:
    """Return the topic that an address in EVENT_SINKS leads to."""
    if url.startswith(f"{SINK_HOST}/{namespace}/"):
        return _topic_of_sink(things, url.rpartition("/")[2])
    bridge = f"http://bridge.{namespace}.svc.cluster.local{INGRESS}"
    return url.removeprefix(bridge) if url.startswith(bridge) else None


def publishing(things: Objects) -> list[str]:
    """A binding leads to the topic that the function names; EVENT_SINKS has the right address of every topic."""
    found = []
    for thing in of_kind(things, "SinkBinding"):
        service = named(functions(things), "Service", thing["spec"]["subject"]["name"])
        topic = _bound_topic(things, thing["spec"]["sink"])
        said = [literal_env(each).get("K_SINK_TOPIC") for _, each in containers([service] if service else [])]
        if topic is None or said != [topic]:
            found.append(f"{title(thing)}: it binds {topic}, the function says K_SINK_TOPIC {said}")
    for thing in [each for each in of_kind(things, "ConfigMap") if "EVENT_SINKS" in each.get("data", {})]:
        given = json.loads(thing["data"]["EVENT_SINKS"])
        missing = set(TOPIC_OF_TYPE.values()) - given.keys()
        found += [f"{title(thing)}: {topic} has no address" for topic in sorted(missing)]
        found += [f"{title(thing)}: {url} takes no {topic}" for topic, url in given.items()
                  if _addressed_topic(things, url, thing["metadata"]["namespace"]) != topic]  # fmt: skip
    return found


def sweep(things: Objects) -> list[str]:
    """A clock tells refresh every ten minutes to sweep; more often would keep it from going to zero."""
    clocks = [thing["spec"] for thing in of_kind(things, "PingSource")
              if thing["spec"]["sink"].get("uri") == "/sweep"]  # fmt: skip
    if len(clocks) != 1:
        return [f"{len(clocks)} PingSources post the sweep"]
    fits = clocks[0]["schedule"] == "*/10 * * * *" and clocks[0]["sink"]["ref"]["name"] == "refresh"
    return [] if fits else ["PingSource: the sweep is not posted to refresh every ten minutes"]
