"""Workers on Apache Kafka: Faust's agents, its consumer, and the partitions they own."""
