"""From the text of a request to the services that can answer it."""
