"""The registry: sites, places, devices, people, posts and tiers, as values and as TOML."""
