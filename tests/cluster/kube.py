"""The cluster under test: kubectl, pods, addresses, requests through the gateways."""

import http.client
import json
import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

NAMESPACE = "research-kb"
# From the last request to no pod took 37 s on two free cores.
ZERO_WITHIN_S = 420.0


@dataclass(frozen=True)
class Answer:
    """Status, body, and the seconds from connecting to the first byte of the answer."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Cluster:
    """A cluster with the project in namespace research-kb."""

    kubectl: tuple[str, ...]
    gateway: str
    internal_gateway: str
    api_key: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> "Cluster":
        """Return the cluster that KUBECTL, GATEWAY, GATEWAY_INTERNAL and RESEARCH_KB_API_KEY name."""
        env = os.environ
        kubectl = tuple(shlex.split(env.get("KUBECTL") or "kubectl"))
        return cls(kubectl, env["GATEWAY"], env.get("GATEWAY_INTERNAL", ""), env.get("RESEARCH_KB_API_KEY", ""))

    def run(self, *arguments: str, text: str | None = None, check: bool = True, timeout_s: float = 300) -> str:
        """Run kubectl in the namespace and return its output."""
        done = subprocess.run(
            [*self.kubectl, "-n", NAMESPACE, *arguments],
            input=text, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get ... -o json` prints."""
        return json.loads(self.run("get", *arguments, "-o", "json"))

    def services(self) -> list[str]:
        """Return the names of the Knative Services."""
        return sorted(item["metadata"]["name"] for item in self.get("ksvc")["items"])

    def pods(self, service: str | None = None) -> list[str]:
        """Return the names of the pods of a Knative Service, or of all; those that end are still pods."""
        selector = f"serving.knative.dev/service={service}" if service else "serving.knative.dev/service"
        listed = self.run("get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")
        return listed.split()

    def await_zero(self, *services: str, within_s: float = ZERO_WITHIN_S) -> float:
        """Wait until none of these (default: all but those that stay at one) has a pod; return how long it took."""
        began = time.monotonic()
        kept = {name for name in self.services() if self.stays(name)} if not services else set[str]()
        while True:
            left = [pod for pod in self.pods() if _is_of(pod, services) and not any(_is_of(pod, (k,)) for k in kept)]
            if not left:
                return time.monotonic() - began
            assert time.monotonic() - began < within_s, f"still there after {within_s:.0f} s: {left}"
            time.sleep(1)

    def await_gone(self, revision: str, within_s: float = ZERO_WITHIN_S) -> None:
        """Wait until a revision has no pod."""
        deadline = time.monotonic() + within_s
        while left := self.run("get", "pods", "-l", f"serving.knative.dev/revision={revision}", "-o", "name").split():
            assert time.monotonic() < deadline, f"still there after {within_s:.0f} s: {left}"
            time.sleep(1)

    def stays(self, service: str) -> bool:
        """Return whether a Service keeps one pod by its own annotation."""
        found = self.get("ksvc", service)["spec"]["template"]["metadata"]["annotations"]
        return str(found.get("autoscaling.knative.dev/min-scale", "0")) != "0"

    def await_ready(self, service: str, within_s: float = 300) -> None:
        """Wait until the newest revision of a Service is ready and has the traffic."""
        limit = f"--timeout={within_s:.0f}s"
        self.run("wait", "--for=condition=Ready", f"ksvc/{service}", limit, timeout_s=within_s + 30)

    def host(self, service: str) -> str:
        """Return the Host header of a Service: its status.url's."""
        return urlsplit(str(self.get("ksvc", service)["status"]["url"])).netloc

    def request(self, service: str, method: str, path: str, body: Any = None, timeout_s: float = 120) -> Answer:
        """Send one request with the key on a connection of its own; a cluster-local Service by the internal gateway."""
        return self.send(self.host(service), method, path, body, timeout_s)

    def send(self, host: str, method: str, path: str, body: Any = None, timeout_s: float = 120) -> Answer:
        """As `request`, for a host that is known already, so that the time is the request's alone."""
        gateway = urlsplit(self.internal_gateway if host.endswith(".svc.cluster.local") else self.gateway)
        payload = None if body is None else json.dumps(body)
        headers = {"Host": host, "Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(gateway.hostname or "", gateway.port or 80, timeout=timeout_s)
        began = time.perf_counter()
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            seconds = time.perf_counter() - began
            return Answer(response.status, response.read(), seconds)
        finally:
            connection.close()


def _is_of(pod: str, services: tuple[str, ...]) -> bool:
    """Pods are named SERVICE-00001-deployment-...; no service named: any."""
    return not services or any(pod.startswith(f"{name}-0") for name in services)
