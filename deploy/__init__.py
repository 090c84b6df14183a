"""What runs the ledger on Kafka: a broker to try things on, the image, the whole story."""
