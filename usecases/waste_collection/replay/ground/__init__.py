"""What a replay stands on: inflow, scenarios, sites, and the bounds they imply."""
