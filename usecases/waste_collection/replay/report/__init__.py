"""The French page of the bench: verdict, curves, tables, computed from the outcomes."""
