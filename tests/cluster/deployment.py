"""`python -m tests.cluster.deployment`: images, stateful parts, overlay, tests/cluster, figures; then all of it away.

The environment says how (docs/deploy-images.md): BUILD, BASE, IMAGE_LOAD, NODE_ADDRESS, OVERLAY, KUBECTL, KUBECONFIG,
GATEWAY, GATEWAY_INTERNAL. TAG names images that were built and loaded before; KEEP=1 leaves everything running until
the next line on standard input; arguments go to pytest.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.images.build import BARE, CHECKOUT, Build, build_all, default_tool, functions
from local.settings import StackError
from shared.api_keys import mint_key
from tests.cluster.kube import NAMESPACE, Cluster
from tests.cluster.manifests import write_kustomization
from tests.cluster.parts import stateful_parts
from tests.cluster.report import print_report

PREFIX = "dev.local/research-kb"
READY_WITHIN_S = 900
OURS = "research-kb/made-by"
NODE = os.environ.get("NODE_ADDRESS") or "10.95.0.1"


def say(text: str) -> None:
    """Print one step with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def provide_images() -> str:
    """Build and load every image under a new tag, unless TAG names one; return the tag."""
    env = os.environ
    if env.get("TAG"):
        return env["TAG"]
    build = Build(env.get("BUILD") or default_tool(), env.get("BASE", ""), PREFIX, f"t{time.strftime('%Y%m%d%H%M%S')}")
    say(f"building with {build.tool}, tag {build.tag}")
    names = build_all(build, [*functions(), "bridge", "cli", BARE])
    say("loading")
    for name in names:
        subprocess.run([*shlex.split(env["IMAGE_LOAD"]), name], check=True, stdout=subprocess.DEVNULL)
    return build.tag


def make_key(home: Path, database_url: str) -> str:
    """Register a key that opens everything and return its text."""
    key = mint_key().reveal()
    path = home / "cluster-key"
    path.touch(mode=0o600)
    path.write_text(key + "\n")
    command = [sys.executable, "-m", "functions.keys.bootstrap", "--register", str(path)]
    subprocess.run(command, cwd=CHECKOUT, env=os.environ | {"DATABASE_URL": database_url}, check=True)
    return key


@contextmanager
def deployed(cluster: Cluster, home: Path, tag: str, addresses: dict[str, str]) -> Iterator[None]:
    """Apply the overlay, wait until every Service is ready; delete the namespace at the end."""
    refuse_foreign(cluster)
    overlay = CHECKOUT / (os.environ.get("OVERLAY") or "knative/overlays/lab")
    folder = write_kustomization(home, overlay, tag, addresses, NODE)
    try:
        cluster.run("apply", "-k", str(folder), timeout_s=600)
        cluster.run("annotate", "--overwrite", "namespace", NAMESPACE, f"{OURS}=cluster-test")
        say("waiting for the migrations and the Services")
        limit = f"--timeout={READY_WITHIN_S}s"
        cluster.run("wait", "--for=condition=complete", "job/migrate", limit, timeout_s=READY_WITHIN_S + 30)
        cluster.run("wait", "--for=condition=Ready", "ksvc", "--all", limit, timeout_s=READY_WITHIN_S + 30)
        cluster.run("wait", "--for=condition=Available", "deployment/bridge", limit, timeout_s=READY_WITHIN_S + 30)
        yield
    finally:
        say("deleting what was applied")
        cluster.run("delete", "namespace", NAMESPACE, "--wait=true", timeout_s=600, check=False)


def refuse_foreign(cluster: Cluster) -> None:
    """Delete what a killed run left. Raises: SystemExit for a namespace that is somebody's deployment."""
    found: dict[str, Any] = json.loads(cluster.run("get", "namespace", NAMESPACE, "-o", "json", check=False) or "{}")
    if not found:
        return
    if found["metadata"].get("annotations", {}).get(OURS) != "cluster-test":
        raise SystemExit(f"Namespace {NAMESPACE} exists and is no test's: this would delete it. Use another cluster.")
    cluster.run("delete", "namespace", NAMESPACE, "--wait=true", timeout_s=600)


def main() -> int:
    """Do it all; return pytest's status."""
    for name in ("KUBECONFIG", "GATEWAY", "GATEWAY_INTERNAL", *(() if os.environ.get("TAG") else ("IMAGE_LOAD",))):
        if not os.environ.get(name):
            print(f"{name} is not set (docs/deploy-images.md)", file=sys.stderr)
            return 2
    tag = provide_images()
    with tempfile.TemporaryDirectory(prefix="rkb-cluster-") as folder:
        home = Path(folder)
        notes = home / "notes.jsonl"
        say(f"starting Postgres, Kafka, Triton and an object store on {NODE}")
        try:
            with stateful_parts(home, NODE) as addresses, deployed(Cluster.from_environment(), home, tag, addresses):
                key = make_key(home, addresses["DATABASE_URL"])
                environment = os.environ | {"RESEARCH_KB_API_KEY": key, "CLUSTER_NOTES": str(notes)}
                say("tests/cluster")
                command = [sys.executable, "-m", "pytest", "tests/cluster", "-v", "-s", *sys.argv[1:]]
                status = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
                print_report(notes)
                if os.environ.get("KEEP"):
                    say(f"kept until Enter; key {home / 'cluster-key'}, images {tag}")
                    sys.stdin.readline()
        except StackError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
