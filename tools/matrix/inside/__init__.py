"""What runs in a cell's own environment: each module prints its outcome as JSON, a summary and what failed."""
