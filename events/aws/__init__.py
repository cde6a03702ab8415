"""Event functions on AWS Lambda: batches of Kafka records (MSK, self-managed) in, partial batch failures out."""
