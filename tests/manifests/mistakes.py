"""Mistakes to plant into rendered overlays, each with the rule that has to catch it and a word that it has to say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.manifests.objects import Objects, named
from tests.manifests.rendering import Object

FUNCTION = "serving.knative.dev"
Plant = Callable[[list[Object]], object]


@dataclass(frozen=True)
class Mistake:
    """`plant` changes the objects of `overlay`; `rule` must complain, with `says` in its words."""

    what: str
    rule: str
    says: str
    plant: Plant
    overlay: str = "gpu"


def one(things: Objects, kind: str, name: str, group: str | None = None) -> Object:
    """Return an object that is there."""
    thing = named(things, kind, name, group)
    assert thing is not None, f"{kind}/{name}"
    return thing


def service(things: Objects, name: str) -> Object:
    """Return a function's Knative Service."""
    return one(things, "Service", name, FUNCTION)


def template(things: Objects, name: str) -> Object:
    """Return the template of a function's revisions."""
    return dict(service(things, name)["spec"]["template"])


def container(things: Objects, name: str) -> Object:
    """Return a function's container, to be changed."""
    found: Object = service(things, name)["spec"]["template"]["spec"]["containers"][0]
    return found


def said(things: Objects, name: str) -> dict[str, Any]:
    """Return the annotations of a function's revisions, to be changed."""
    found: dict[str, Any] = service(things, name)["spec"]["template"]["metadata"]["annotations"]
    return found


def without(things: list[Object], kind: str, name: str, group: str | None = None) -> None:
    """Take an object out."""
    things.remove(one(things, kind, name, group))


def source(things: Objects, name: str) -> Object:
    """Return the spec of a KafkaSource, to be changed."""
    found: Object = one(things, "KafkaSource", name)["spec"]
    return found


def trigger(things: Objects, name: str) -> Object:
    """Return a trigger of the model server's scaler, to be changed."""
    triggers: list[Object] = one(things, "ScaledObject", "triton")["spec"]["triggers"]
    return next(each for each in triggers if each["name"] == name)


def rule_of(things: Objects, function: str) -> Object:
    """Return the public route's rule that leads to a function, to be changed."""
    rules: list[Object] = one(things, "HTTPRoute", "public")["spec"]["rules"]
    host = f"{function}.research-kb.svc.cluster.local"
    return next(each for each in rules if each["filters"][0]["urlRewrite"]["hostname"] == host)


SCALE = "autoscaling.knative.dev/"

PODS = [
    Mistake("a misspelt annotation", "annotation_values", "minScale",
            lambda t: said(t, "search").update({f"{SCALE}minScale": "1"})),
    Mistake("a window shorter than Knative takes", "annotation_values", "window",
            lambda t: said(t, "search").update({f"{SCALE}window": "3s"})),
    Mistake("a number where Kubernetes wants a string", "annotation_values", "max-scale",
            lambda t: said(t, "search").update({f"{SCALE}max-scale": 20})),
    Mistake("autoscaling on the Service instead of the revision", "annotation_values", "belongs on",
            lambda t: service(t, "keys")["metadata"].setdefault("annotations", {}).update({f"{SCALE}max-scale": "3"})),
    Mistake("no largest scale", "scale_bounds", "without bound", lambda t: said(t, "stats").pop(f"{SCALE}max-scale")),
    Mistake("a smallest scale above the largest", "scale_bounds", "above",
            lambda t: said(t, "stats").update({f"{SCALE}min-scale": "9"})),
    Mistake("a node selector on a function", "flags", "nodeSelector",
            lambda t: service(t, "embed")["spec"]["template"]["spec"].update(nodeSelector={"gpu": "true"})),
    Mistake("a pod's security context on a function", "flags", "securityContext",
            lambda t: service(t, "embed")["spec"]["template"]["spec"].update(securityContext={"fsGroup": 1})),
    Mistake("the pod's own address as a variable", "flags", "POD_IP",
            lambda t: container(t, "embed")["env"].append(
                {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})),
    Mistake("a volume that stays", "flags", "persistentVolumeClaim",
            lambda t: service(t, "extract")["spec"]["template"]["spec"]["volumes"].append(
                {"name": "models", "persistentVolumeClaim": {"claimName": "models"}})),
    Mistake("a preStop hook on a function", "flags", "lifecycle",
            lambda t: container(t, "search").update(lifecycle={"preStop": {"exec": {"command": ["sleep", "5"]}}})),
    Mistake("readiness asked every ten seconds", "probes", "periodSeconds",
            lambda t: container(t, "search")["readinessProbe"].update(periodSeconds=10)),
    Mistake("readiness that asks the database", "probes", "/ready",
            lambda t: container(t, "search")["readinessProbe"]["httpGet"].update(path="/health")),
    Mistake("another port", "probes", "8080",
            lambda t: container(t, "search").update(ports=[{"containerPort": 8000}])),
    Mistake("event batches side by side like requests", "concurrency", "containerConcurrency",
            lambda t: service(t, "extract")["spec"]["template"]["spec"].update(containerConcurrency=20)),
    Mistake("a grace that cuts shutdown off", "timeouts", "timeoutSeconds",
            lambda t: service(t, "search")["spec"]["template"]["spec"].update(timeoutSeconds=30)),
    Mistake("a root file system that can be written", "security", "readOnlyRootFilesystem",
            lambda t: container(t, "keys")["securityContext"].pop("readOnlyRootFilesystem")),
    Mistake("a capability added", "security", "capabilities",
            lambda t: container(t, "keys")["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    Mistake("no memory limit", "security", "memory", lambda t: container(t, "keys")["resources"].pop("limits")),
    Mistake("an event function in public", "visibility", "visibility",
            lambda t: service(t, "refresh")["metadata"]["labels"].pop("networking.knative.dev/visibility")),
]  # fmt: skip

CONTENTS = [
    Mistake("a misspelt setting", "environment", "DATABASE_POOLSIZE",
            lambda t: container(t, "search")["env"].append({"name": "DATABASE_POOLSIZE", "value": "4"})),
    Mistake("another function's setting", "environment", "MAX_PAGES",
            lambda t: container(t, "search")["env"].append({"name": "MAX_PAGES", "value": "10"})),
    Mistake("a value that the setting refuses", "environment", "database_pool_size",
            lambda t: container(t, "search")["env"].append({"name": "DATABASE_POOL_SIZE", "value": "0"})),
    Mistake("a required setting without a source", "environment", "database_url",
            lambda t: container(t, "sources").update(
                env=[each for each in container(t, "sources")["env"] if each["name"] != "DATABASE_URL"])),
    Mistake("a bridge that knows no Kafka", "environment", "kafka_bootstrap",
            lambda t: one(t, "Deployment", "bridge")["spec"]["template"]["spec"]["containers"][0]["env"].pop(1), "dev"),
    Mistake("a function left out", "names", "stats", lambda t: without(t, "Service", "stats", FUNCTION)),
    Mistake("a function that is none", "names", "serach",
            lambda t: service(t, "search")["metadata"].update(name="serach")),
    Mistake("an object without labels", "labels", "Gateway",
            lambda t: one(t, "Gateway", "public")["metadata"].pop("labels")),
    Mistake("the image of another function", "images", "stats",
            lambda t: container(t, "search").update(image="research-kb/stats:0.1.0")),
    Mistake("an image whose tag moves", "images", "fixed tag",
            lambda t: container(t, "search").update(image="research-kb/search:latest")),
    Mistake("an image of another version", "images", "version",
            lambda t: container(t, "search").update(image="research-kb/search:0.0.9")),
    Mistake("an image that nothing builds", "images", "Dockerfile",
            lambda t: container(t, "search").update(image="research-kb/searcher:0.1.0")),
    Mistake("more connections than the pooler takes", "pools", "may open",
            lambda t: said(t, "search").update({f"{SCALE}max-scale": "200"})),
    Mistake("more poolers than Postgres takes", "pools", "max_connections",
            lambda t: one(t, "Pooler", "research-kb-pooler")["spec"].update(instances=6)),
    Mistake("a pooler that forgets prepared statements", "pools", "statements",
            lambda t: one(t, "Pooler", "research-kb-pooler")["spec"]["pgbouncer"]["parameters"].update(
                max_prepared_statements="0")),
    Mistake("a Secret that nobody makes", "secrets", "research-kb-db",
            lambda t: container(t, "stats")["env"][0]["valueFrom"]["secretKeyRef"].update(name="research-kb-db")),
    Mistake("a ConfigMap that is not there", "config_maps", "research-kb-settings",
            lambda t: without(t, "ConfigMap", "research-kb-settings")),
    Mistake("a monitor of nothing", "monitors", "selects no Service",
            lambda t: without(t, "Service", "metrics-scrape", "v1")),
]  # fmt: skip

WAYS = [
    Mistake("a topic that no code knows", "topics", "research-kb.docs",
            lambda t: one(t, "KafkaTopic", "research-kb.documents")["spec"].update(topicName="research-kb.docs")),
    Mistake("fewer partitions than agreed", "topics", "partitions",
            lambda t: one(t, "KafkaTopic", "research-kb.documents")["spec"].update(partitions=6)),
    Mistake("structured records", "topics", "contentMode",
            lambda t: one(t, "KafkaSink", "passages")["spec"].update(contentMode="structured")),
    Mistake("events of one topic to another function", "subscriptions", "embed",
            lambda t: source(t, "embed").update(topics=["research-kb.documents"])),
    Mistake("a consumer group of another name", "subscriptions", "group",
            lambda t: source(t, "embed").update(consumerGroup="group")),
    Mistake("a Kafka that does not say how its consumers lag", "lag", "nothing exports",
            lambda t: one(t, "Kafka", "research-kb")["spec"].pop("kafkaExporter")),
    Mistake("consumer groups that the exporter passes over", "lag", "leaves out",
            lambda t: one(t, "Kafka", "research-kb")["spec"]["kafkaExporter"].update(groupRegex="knative-.*")),
    Mistake("an exporter that nobody reads", "lag", "does not read",
            lambda t: without(t, "PodMonitor", "kafka-exporter")),
    Mistake("only events from now on", "subscriptions", "skipped",
            lambda t: source(t, "extract").update(initialOffset="latest")),
    Mistake("a delivery block without retries", "delivery", "retry",
            lambda t: source(t, "embed")["delivery"].pop("retry")),
    Mistake("retries that end before a failover does", "delivery", "failover",
            lambda t: source(t, "embed")["delivery"].update(retry=3)),
    Mistake("a time in seconds where ISO 8601 is wanted", "delivery", "ISO",
            lambda t: source(t, "embed")["delivery"].update(backoffDelay="500ms")),
    Mistake("a dead letter sink that is not there", "delivery", "dead letter",
            lambda t: without(t, "KafkaSink", "dead-letters")),
    Mistake("a delivery shorter than the longest parse", "delivery_timeouts", "gives up",
            lambda t: source(t, "extract")["delivery"].update(timeout="PT1M")),
    Mistake("a delivery longer than the function may take", "delivery_timeouts", "waits longer",
            lambda t: source(t, "extract")["delivery"].update(timeout="PT9M")),
    Mistake("a binding to another topic's sink", "publishing", "K_SINK_TOPIC",
            lambda t: one(t, "SinkBinding", "extract")["spec"]["sink"]["ref"].update(name="documents")),
    Mistake("a sink's address of another topic", "publishing", "takes no",
            lambda t: one(t, "ConfigMap", "research-kb-event-sinks")["data"].update(
                EVENT_SINKS=one(t, "ConfigMap", "research-kb-event-sinks")["data"]["EVENT_SINKS"].replace(
                    "research-kb/documents", "research-kb/passages"))),
    Mistake("a sweep every minute", "sweep", "ten minutes",
            lambda t: one(t, "PingSource", "sweep")["spec"].update(schedule="* * * * *")),
    Mistake("a clock for a function that is not there", "subjects", "refresh",
            lambda t: without(t, "Service", "refresh", FUNCTION)),
    Mistake("a path without a route", "routes", "/usage", lambda t: rule_of(t, "keys")["matches"].pop()),
    Mistake("a path to another function", "routes", "/stats",
            lambda t: rule_of(t, "stats")["filters"][0]["urlRewrite"].update(
                hostname="health.research-kb.svc.cluster.local")),
    Mistake("an event function with a route", "routes", "no HTTP function",
            lambda t: one(t, "HTTPRoute", "public")["spec"]["rules"].append(
                {"matches": [{"path": {"type": "PathPrefix", "value": "/embed"}}],
                 "filters": [{"urlRewrite": {"hostname": "embed.research-kb.svc.cluster.local"}}]})),
    Mistake("everything in public", "routes", "is public",
            lambda t: rule_of(t, "health")["matches"].append({"path": {"type": "PathPrefix", "value": "/"}})),
    Mistake("a gateway that hangs up before the function does", "routes", "waited",
            lambda t: rule_of(t, "ingest")["timeouts"].update(request="30s")),
    Mistake("a certificate for another host", "hosts", "several hosts",
            lambda t: one(t, "Certificate", "public")["spec"].update(dnsNames=["www.example.org"])),
    Mistake("answers over plain HTTP", "hosts", "plain HTTP",
            lambda t: one(t, "HTTPRoute", "public")["spec"].update(parentRefs=[{"name": "public"}])),
    Mistake("no grant for Knative's gateway", "hosts", "no grant",
            lambda t: without(t, "ReferenceGrant", "research-kb")),
    Mistake("two scalers of one Deployment", "one_scaler", "several",
            lambda t: t.append({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                                "metadata": {"name": "triton"},
                                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "triton"}}})),
    Mistake("replicas that each release sets back", "one_scaler", "replicas",
            lambda t: one(t, "Deployment", "triton")["spec"].update(replicas=1)),
    Mistake("a model server that sleeps through light searches", "wake", "light searches",
            lambda t: trigger(t, "searches")["metadata"].update(activationThreshold="100")),
    Mistake("a model server that waiting passages do not wake", "wake", "passages",
            lambda t: trigger(t, "waiting")["metadata"].update(topic="research-kb.documents")),
    Mistake("queue time divided by the replicas", "wake", "queues",
            lambda t: trigger(t, "queue-time").pop("metricType")),
    Mistake("a query for what nothing exports", "queries", "nothing exports",
            lambda t: trigger(t, "searches")["metadata"].update(query="sum(research_kb_searches)")),
    Mistake("a GPU image on any node", "gpu_nodes", "do not fit",
            lambda t: one(t, "Deployment", "triton")["spec"]["template"]["spec"].pop("nodeSelector")),
    Mistake("a model server behind one address", "addresses", "one pod",
            lambda t: one(t, "Service", "triton", "v1")["spec"].pop("clusterIP")),
    Mistake("functions open past the queue proxy", "policies", "past",
            lambda t: one(t, "NetworkPolicy", "functions")["spec"]["ingress"][0]["ports"].append({"port": 8080})),
    Mistake("nothing closed by default", "policies", "by default",
            lambda t: without(t, "NetworkPolicy", "default-deny")),
    Mistake("a policy for pods that an operator labels otherwise", "policies", "no pod carries",
            lambda t: one(t, "NetworkPolicy", "pooler")["spec"].update(
                podSelector={"matchLabels": {"app.kubernetes.io/name": "pooler"}})),
    Mistake("a function with a public host of its own", "visibility", "visibility",
            lambda t: service(t, "search")["metadata"]["labels"].pop("networking.knative.dev/visibility")),
]  # fmt: skip

MISTAKES = PODS + CONTENTS + WAYS
