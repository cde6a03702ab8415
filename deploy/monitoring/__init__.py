"""Dashboards, rules and alerts: `python -m deploy.monitoring` writes what Grafana and Prometheus load."""
