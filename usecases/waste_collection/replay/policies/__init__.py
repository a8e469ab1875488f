"""Collection policies: calendars, thresholds, risks, the worth of a visit, perfect foresight."""
