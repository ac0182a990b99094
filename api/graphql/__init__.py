"""The ledger as a GraphQL schema, and its transports."""
