"""What the bridge counts; bounded labels only."""

from prometheus_client import Counter, Gauge, Histogram

DELIVERED = Counter(
    "research_kb_bridge_deliveries", "Attempts to deliver, by outcome done, retry, poison", ["subscription", "outcome"]
)
DEAD = Counter("research_kb_bridge_dead_letters", "Events given up and published as dead letters", ["subscription"])
SECONDS = Histogram(
    "research_kb_bridge_delivery_seconds",
    "Time of one attempt",
    ["subscription"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
LAG = Gauge("research_kb_bridge_lag_records", "Records published and not yet finished", ["subscription"])
IN_FLIGHT = Gauge("research_kb_bridge_in_flight_requests", "Requests that wait for their answer", ["subscription"])
OUTAGE = Gauge("research_kb_bridge_outage", "1 while the receiver is thought to be away", ["subscription"])
RELAYED = Counter("research_kb_bridge_relayed_events", "Events moved from the outbox to Kafka")
GATHERED = Counter("research_kb_bridge_gathered_notes", "Notes of what was served, put into events")
RELAY_ACTIVE = Gauge("research_kb_bridge_relay_active", "1 while this process is the one that relays")
INGESTED = Counter("research_kb_bridge_ingested_events", "Events taken by HTTP and produced", ["topic"])
