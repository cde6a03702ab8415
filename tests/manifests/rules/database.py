"""Connections: every function at its largest fits the pooler, and the pooler fits Postgres."""

from local.gateway import EVENT_FUNCTIONS
from tests.manifests.objects import Objects, annotations, function_of, functions, named, of_kind, pool_size, title

# For migrations, backups, the operator, a person.
RESERVED = 20
# asyncpg keeps as many prepared statements a connection.
STATEMENTS = 100


def most_connections(things: Objects) -> int:
    """Return the connections that all functions open at most: their pools, and the door of each that admits callers."""
    return sum(int(annotations(thing).get("autoscaling.knative.dev/max-scale", "1000000"))
               * (pool_size(thing) + (function_of(thing) not in EVENT_FUNCTIONS))
               for thing in functions(things))  # fmt: skip


def pools(things: Objects) -> list[str]:
    """The functions' pools fit one pooler, all poolers fit Postgres, and statements stay prepared."""
    found = []
    for pooler in of_kind(things, "Pooler"):
        bouncer = pooler["spec"]["pgbouncer"]
        given = {key: int(value) for key, value in bouncer["parameters"].items()}
        if most_connections(things) > given["max_client_conn"]:
            found.append(f"{title(pooler)}: functions may open {most_connections(things)} connections")
        if bouncer["poolMode"] != "transaction" or given.get("max_prepared_statements", 0) <= STATEMENTS:
            found.append(f"{title(pooler)}: it must pool by transaction and keep more than {STATEMENTS} statements")
        cluster = named(things, "Cluster", pooler["spec"]["cluster"]["name"])
        limit = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"]) if cluster else 0
        if pooler["spec"]["instances"] * given["default_pool_size"] + RESERVED > limit:
            found.append(f"{title(pooler)}: its connections do not fit max_connections {limit}")
    return found + _without_pooler(things)


def _without_pooler(things: Objects) -> list[str]:
    """Where functions connect to Postgres itself, its own limit holds them."""
    server = named(things, "StatefulSet", "postgres")
    if server is None:
        return []
    arguments = server["spec"]["template"]["spec"]["containers"][0].get("args", [])
    limit = next((int(each.partition("=")[2]) for each in arguments if each.startswith("max_connections=")), 100)
    fits = most_connections(things) + RESERVED <= limit
    return [] if fits else [f"{title(server)}: functions may open {most_connections(things)} of {limit} connections"]
