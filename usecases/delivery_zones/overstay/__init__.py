"""Will a vehicle overstay: rows, features, ladder, tasks."""
