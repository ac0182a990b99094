"""What can be said and what it adds up to: pure, with no I/O and no clock."""
