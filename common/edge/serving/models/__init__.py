"""Open bundles as they are served: checked inputs, what is unusual in them, versions in use."""
