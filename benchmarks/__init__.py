"""What dateline costs, measured in one run beside what it is held against."""
