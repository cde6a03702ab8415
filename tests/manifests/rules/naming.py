"""Names, labels, images: one Service a function, called as its folder, running its image of this version."""

from pathlib import Path

from shared.version import VERSION
from tests.manifests.objects import Objects, containers, function_of, functions, image_name, is_ours, title
from tests.manifests.rendering import ROOT

PART = "app.kubernetes.io/part-of"
LABELS = {PART, "app.kubernetes.io/name", "app.kubernetes.io/component"}
DOCKERFILES = {
    "bridge": "deploy/images/bridge.Dockerfile",
    "cli": "deploy/images/cli.Dockerfile",
    "triton": "triton_models/Dockerfile",
    "triton-cpu": "triton_models/cpu.Dockerfile",
}


def folders() -> set[str]:
    """Return the functions, by their folders."""
    return {path.parent.name for path in (ROOT / "functions").glob("*/main.py")}


def names(things: Objects) -> list[str]:
    """There is one Service for each function, and the container is called like it."""
    served = {function_of(thing) for thing in functions(things)}
    found = [f"functions/{name} has no Service" for name in sorted(folders() - served)]
    for thing in functions(things):
        if function_of(thing) not in folders():
            found.append(f"{title(thing)}: there is no folder functions/{function_of(thing)}")
        if thing["spec"]["template"]["spec"]["containers"][0].get("name") != thing["metadata"]["name"]:
            found.append(f"{title(thing)}: the container is called otherwise")
    return found


def labels(things: Objects) -> list[str]:
    """Everything says what it is and that it belongs here, pods included."""
    found = []
    for thing in things:
        given = thing["metadata"].get("labels", {})
        if given.get(PART) != "research-kb" or (thing["kind"] != "Namespace" and not given.keys() >= LABELS):
            found.append(f"{title(thing)}: labels are missing")
        template = thing.get("spec", {}).get("template", {}) if isinstance(thing.get("spec"), dict) else {}
        if "spec" in template and template.get("metadata", {}).get("labels", {}).get(PART) != "research-kb":
            found.append(f"{title(thing)}: its pods carry no labels")
        if thing["kind"] != "Namespace" and "namespace" not in thing["metadata"]:
            found.append(f"{title(thing)}: it names no namespace")
    return found


def images(things: Objects) -> list[str]:
    """Our images have a Dockerfile and this version's tag; others name a tag that stays what it is."""
    found = []
    for thing, container in containers(things):
        tag = container["image"].rsplit("/", 1)[-1].partition(":")[2]
        if not tag or tag == "latest":
            found.append(f"{title(thing)}: {container['image']} names no fixed tag")
        if not is_ours(container):
            continue
        name = image_name(container)
        dockerfile = DOCKERFILES.get(name, "functions/Dockerfile")
        if name not in folders() | DOCKERFILES.keys():
            found.append(f"{title(thing)}: no Dockerfile makes {container['image']}")
        elif not Path(ROOT / dockerfile).is_file():
            found.append(f"{title(thing)}: {dockerfile} is not there")
        if thing in functions(things) and name != function_of(thing):
            found.append(f"{title(thing)}: it runs the image of {name}")
        if tag != VERSION:
            found.append(f"{title(thing)}: {container['image']} is not of version {VERSION}")
    return found
