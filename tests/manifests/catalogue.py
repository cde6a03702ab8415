"""Every rule by its name."""

from collections.abc import Callable

from tests.manifests.objects import Objects
from tests.manifests.rules import (
    annotations,
    database,
    environment,
    events,
    inference,
    lag,
    naming,
    pods,
    policies,
    references,
    routes,
)

Rule = Callable[[Objects], list[str]]

RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        annotations.annotation_values,
        annotations.scale_bounds,
        pods.flags,
        pods.probes,
        pods.concurrency,
        pods.timeouts,
        pods.security,
        pods.visibility,
        environment.environment,
        naming.names,
        naming.labels,
        naming.images,
        events.topics,
        events.subscriptions,
        events.delivery,
        events.delivery_timeouts,
        events.publishing,
        events.sweep,
        lag.lag,
        database.pools,
        routes.routes,
        routes.hosts,
        inference.one_scaler,
        inference.wake,
        inference.queries,
        inference.gpu_nodes,
        inference.addresses,
        references.secrets,
        references.config_maps,
        references.subjects,
        references.monitors,
        policies.policies,
    )
}
