"""Installed versions of bundles: verified, switched in one step, rolled back."""
