"""From overrides to a resolved run configuration."""
