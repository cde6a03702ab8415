"""Alerts on what only the operators' Postgres of component `postgres` tells: they are in rules.k8s.yaml alone."""

from deploy.monitoring.symptoms import Symptom

PODS = 'pod=~"research-kb-postgres-[0-9]+"'
FAILING = (
    f"max(cnpg_pg_stat_archiver_last_failed_time{{{PODS}}} - cnpg_pg_stat_archiver_last_archived_time{{{PODS}}}) > 0"
)
"""The last attempt was a failure. Both are -1 until there is one; only the primary has them."""
PILED_UP = f'max(cnpg_collector_pg_wal_archive_status{{{PODS}, value="ready"}}) > 128'
"""2 GiB in files of 16 MiB, of the volume's 20: archiving hangs without failing, or is slower than what is written."""

CLUSTER_SYMPTOMS = (
    Symptom(
        "ResearchKbArchiveFails",
        f"{FAILING} or {PILED_UP}",
        "15m",
        "page",
        "Postgres' log does not reach the backups: restores miss what is newest, and a full WAL volume stops Postgres",
        "archive-fails",
    ),
)
