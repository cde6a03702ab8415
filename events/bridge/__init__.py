"""The bridge: outbox to Kafka, Kafka to HTTP; what KafkaSink and KafkaSource do on Knative."""
