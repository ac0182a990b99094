"""The ledger over plain HTTP: one table of routes, and what answers them."""
