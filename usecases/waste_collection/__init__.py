"""Waste collection: when is it full, is the sensor right, which round to drive."""
