"""The log in NATS JetStream: a relay publishes it, and servers follow it there."""
