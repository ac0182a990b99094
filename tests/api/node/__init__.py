"""Real clients and audits, on node."""
