"""What OpenMetadata hears of a run that its own workflow can't report."""
