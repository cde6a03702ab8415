"""Looking at rendered objects: by kind, their pods, their containers."""

from collections.abc import Iterator, Sequence
from typing import Any

from tests.manifests.rendering import Object

Objects = Sequence[Object]
SERVING = "serving.knative.dev/v1"
WORKLOADS = {"Deployment", "StatefulSet", "Job"}


def title(thing: Object) -> str:
    """Return kind and name, as complaints begin."""
    return f"{thing['kind']}/{thing['metadata']['name']}"


def of_kind(things: Objects, kind: str, group: str | None = None) -> list[Object]:
    """Return the objects of a kind, of one API group if given."""
    found = [thing for thing in things if thing["kind"] == kind]
    return [thing for thing in found if group is None or thing["apiVersion"].startswith(group)]


def named(things: Objects, kind: str, name: str, group: str | None = None) -> Object | None:
    """Return the object of that kind and name, or None."""
    return next((thing for thing in of_kind(things, kind, group) if thing["metadata"]["name"] == name), None)


def functions(things: Objects) -> list[Object]:
    """Return the Knative Services."""
    return [thing for thing in things if thing["apiVersion"] == SERVING and thing["kind"] == "Service"]


def function_of(thing: Object) -> str:
    """Return the folder of the function that a Knative Service runs."""
    return str(thing["metadata"]["name"]).replace("-", "_")


def annotations(thing: Object) -> dict[str, Any]:
    """Return the annotations of a Knative Service's revisions."""
    return dict(thing["spec"]["template"]["metadata"].get("annotations", {}))


def pod(thing: Object) -> Object | None:
    """Return the pod's spec, for what has one."""
    if thing["kind"] in WORKLOADS or (thing["apiVersion"] == SERVING and thing["kind"] == "Service"):
        return dict(thing["spec"]["template"]["spec"])
    return None


def containers(things: Objects) -> Iterator[tuple[Object, Object]]:
    """Yield each object with each of its containers."""
    for thing in things:
        spec = pod(thing)
        for container in (spec or {}).get("containers", []) + (spec or {}).get("initContainers", []):
            yield thing, container


def image_name(container: Object) -> str:
    """Return the last part of the image's name, without registry, folder and tag."""
    return str(container["image"]).rsplit("/", 1)[-1].partition(":")[0]


def is_ours(container: Object) -> bool:
    """Tell whether the image is one of this project's."""
    return "research-kb/" in container["image"]


def literal_env(container: Object) -> dict[str, str]:
    """Return the variables whose values stand in the container itself."""
    return {item["name"]: item["value"] for item in container.get("env", []) if "value" in item}


def pool_size(thing: Object) -> int:
    """Return the connections that one pod of a function may open."""
    from shared.settings import Settings

    sizes = [literal_env(each).get("DATABASE_POOL_SIZE") for _, each in containers([thing])]
    return int(next((size for size in sizes if size), Settings.model_fields["database_pool_size"].default))
