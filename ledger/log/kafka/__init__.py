"""The log on Apache Kafka: one topic, read without a group and written with acks=all."""
