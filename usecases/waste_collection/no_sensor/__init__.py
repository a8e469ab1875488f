"""How full a container without sensor will be found: rows, features, ladder, task."""
