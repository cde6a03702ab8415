"""What costs nothing while nobody asks."""

from tests.cluster.kube import Cluster
from tests.cluster.notes import note


def test_zero_pods_when_idle(cluster: Cluster) -> None:
    """When nobody asks any more, no function has a pod; only what says so by its own annotation stays at one."""
    seconds = cluster.await_zero()
    staying = [name for name in cluster.services() if cluster.stays(name)]
    note("zero_again", seconds=round(seconds, 1), staying=staying)
    assert staying in ([], ["metrics"])
