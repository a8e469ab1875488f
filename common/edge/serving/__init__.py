"""The server: any number of installed bundles behind three protocols, guarded."""
