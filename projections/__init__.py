"""The stores of a ledger and what is rebuilt from them."""
