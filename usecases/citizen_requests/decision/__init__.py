"""From a router's chances to an agent's page: evidence, passages, links, feedback."""
